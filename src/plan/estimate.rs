//! How long a plan should take, from what its device reaches: a pure function of numbers.

use std::fmt;

use super::describe::elements;
use super::{Plan, Schedule};
use crate::ceilings::Ceilings;
use crate::kernels::{Input, Kernel, Phases, Step};
use crate::pack::WeightLayout;
use crate::problem::InputKind;

/// How long a run should take, in seconds between device arrays. Made by [`Plan::estimate`]; `Display` tells it in a
/// line.
///
/// `predicted` is the sum of four parts, but no less than the floor. With T = `seq_len`, `chunks` = T / `chunk`, and
/// `word` = [`Ceilings::word_seconds`], the seconds per word of cached weights for the rows, the workgroups and their
/// invocations, and a word's share of a load (less where it is narrower than f32, none where it is resident):
///
/// | part | seconds |
/// |---|---|
/// | projection | words of W_ih · T · B / rows of a tile · `word` with so many rows, where the input is hoisted |
/// | recurrence | words that all workgroups of a dispatch go through · `word` · dispatches, or time steps of a fused sequence |
/// | launches | (dispatches + projections) · `dispatch_seconds` |
/// | exchanges | `exchange_seconds` · (phases of a time step, where a workgroup keeps h, and log2 of the invocations that share a sum, for each product) |
///
/// The model takes the weights of a layer to be cached, a projection to run as the inner product of a step, and all
/// that is not a product to be free. It says which of two plans is the faster rather than how long either takes: `wgpu-rnn bench --schedule all` prints predicted times beside measured ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What no kernel on this device can do without.
    pub floor: Floor,
    /// What the plan should take, in seconds.
    pub predicted: f64,
    /// Its part for the input's share of the gates.
    pub projection: f64,
    /// Its part for the products with h, and with x in a step that takes both.
    pub recurrence: f64,
    /// Its part for dispatches that wait for those before them.
    pub launches: f64,
    /// Its part for barriers between the steps of a workgroup.
    pub exchanges: f64,
    /// Time steps, for times per step.
    pub seq_len: usize,
}

/// The seconds that a problem takes at least on a device, whatever the plan. The longest of the three counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Weights, x and y once, over the memory's bandwidth.
    pub memory: f64,
    /// Operations over the arithmetic peak.
    pub arithmetic: f64,
    /// T + L - 1 steps that wait for each other, of one exchange within a workgroup each.
    pub latency: f64,
}

impl Floor {
    /// The longest of the three.
    pub fn seconds(&self) -> f64 {
        self.memory.max(self.arithmetic).max(self.latency)
    }
}

impl Estimate {
    /// The predicted seconds of a time step.
    pub fn predicted_step(&self) -> f64 {
        self.predicted / self.seq_len as f64
    }

    /// The floor's seconds of a time step.
    pub fn floor_step(&self) -> f64 {
        self.floor.seconds() / self.seq_len as f64
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.projection, self.recurrence, self.launches, self.exchanges];
        let all: f64 = parts.iter().sum();
        let [projection, recurrence, launches, exchanges] = parts.map(|part| 100.0 * part / all);
        write!(
            f,
            "{:.2} us a step ({projection:.0}% projection, {recurrence:.0}% recurrence, {launches:.0}% launches, \
             {exchanges:.0}% exchanges); at least {:.2}",
            1e6 * self.predicted_step(),
            1e6 * self.floor_step()
        )
    }
}

impl Plan {
    /// How long the run should take on a device with these ceilings.
    ///
    /// ```
    /// # use wgpu_rnn::{Error, Gpu};
    /// # let is_required = std::env::var_os("WGPU_RNN_REQUIRE_GPU").is_some();
    /// # if !is_required && matches!(Gpu::new(), Err(Error::NoAdapter { .. })) { return Ok(()); }
    /// use wgpu_rnn::{Cell, LayerSizes, Options, Problem, plan};
    ///
    /// let gpu = Gpu::new()?;
    /// let problem = Problem::new(LayerSizes::new(Cell::Lstm, 64, 64), 1000, 1, false)?;
    /// let plan = plan(&problem, gpu.caps(), &Options::default())?;
    /// let estimate = plan.estimate(&gpu.measure_ceilings()?);
    /// println!("{estimate}");
    /// # assert!(estimate.floor_step() > 0.0 && estimate.floor_step() <= estimate.predicted_step());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn estimate(&self, ceilings: &Ceilings) -> Estimate {
        let (problem, sizes) = (&self.problem, &self.problem.sizes);
        let steps = problem.seq_len as f64;
        let chunks = problem.seq_len.div_ceil(self.chunk) as f64;
        let projected_layers = self.projected_layers();
        let recurrence = match self.schedule {
            // Its dispatches are the time steps, but for those that fill and drain it.
            Schedule::Wavefront => {
                self.dispatches as f64 * self.step_seconds(ceilings, sizes.num_layers)
            }
            _ => steps * sizes.num_layers as f64 * self.step_seconds(ceilings, 1),
        };
        let projections = chunks * projected_layers.len() as f64;
        let launches = (self.dispatches as f64 + projections) * ceilings.dispatch_seconds;
        let phases = Phases::of(sizes).dispatches() as f64;
        let exchanges = match self.kernel {
            Kernel::Sequence(kernel) => {
                let each = phases + f64::from(kernel.split.ilog2());
                steps * sizes.num_layers as f64 * each * ceilings.exchange_seconds
            }
            // Each launch has a product of its own.
            Kernel::Step(kernel) => {
                let each = f64::from(kernel.split.ilog2());
                self.dispatches as f64 * each * ceilings.exchange_seconds
            }
            _ => 0.0,
        };
        let projection =
            projected_layers.map(|layer| self.projection_seconds(ceilings, layer)).sum::<f64>();
        let floor = self.floor(ceilings);
        let predicted = (projection + recurrence + launches + exchanges).max(floor.seconds());
        let seq_len = problem.seq_len;
        Estimate { floor, predicted, projection, recurrence, launches, exchanges, seq_len }
    }

    fn floor(&self, ceilings: &Ceilings) -> Floor {
        let problem = &self.problem;
        let sequences = 4 * (elements(problem.x_shape()) + elements(problem.y_shape()));
        let bytes = self.memory().weights_bytes + sequences;
        let dependent = problem.seq_len + problem.sizes.num_layers - 1;
        Floor {
            memory: bytes as f64 / ceilings.bytes_per_second,
            arithmetic: problem.flops() as f64 / ceilings.flops_per_second,
            latency: dependent as f64 * ceilings.exchange_seconds,
        }
    }

    /// The layers whose input is multiplied ahead of the recurrence.
    fn projected_layers(&self) -> std::ops::Range<usize> {
        let first = usize::from(self.problem.input != InputKind::Features);
        let end = if self.is_hoisted() { self.problem.sizes.num_layers } else { first };
        first..end
    }

    /// What a word in the format of the weights takes of the load of one in f32.
    fn loads(&self) -> f64 {
        self.problem.weight_format.element_bytes() as f64 / 4.0
    }

    fn projection_seconds(&self, ceilings: &Ceilings, layer: usize) -> f64 {
        let (problem, sizes) = (&self.problem, &self.problem.sizes);
        let layout = WeightLayout::of(*sizes, problem.weight_format);
        let directions = sizes.num_directions() as u64;
        // A product takes four lanes as one, a unit's gates or four units of an RNN.
        let columns = layout.row_words() * layout.lanes() / 4;
        let rows_each = self.projection.tile.m_per_invocation;
        let rows = problem.batch as u64 * problem.seq_len as u64;
        let words = columns * directions * sizes.layer_input_size(layer) as u64;
        let visits = words * rows.div_ceil(rows_each.into());
        let chunk_rows = problem.batch as u64 * self.chunk as u64;
        let workgroups = product(self.projection.grid(chunk_rows, columns, directions));
        let invocations = self.projection.invocations();
        visits as f64 * ceilings.word_seconds((rows_each, self.loads()), workgroups, invocations)
    }

    /// Seconds of the products of a time step of so many layers side by side: all phases, all rows and directions.
    fn step_seconds(&self, ceilings: &Ceilings, layers: usize) -> f64 {
        let (problem, sizes) = (&self.problem, &self.problem.sizes);
        let batch = problem.batch as u64;
        let slices = (layers * sizes.num_directions()) as u64;
        let [h, r, p] =
            [sizes.hidden_size, sizes.recurrent_size(), sizes.proj_size].map(|n| n as u64);
        let word = |words: u64, rows, workgroups, invocations| {
            words as f64 * ceilings.word_seconds((rows, self.loads()), workgroups, invocations)
        };
        match self.kernel {
            Kernel::Step(first) => {
                // The mean over the layers that take x themselves.
                let inputs = (0..sizes.num_layers).map(|layer| sizes.layer_input_size(layer));
                let input = match first.input {
                    Input::Fused => inputs.sum::<usize>() / sizes.num_layers,
                    Input::Hoisted => 0,
                };
                let phase = |kernel: Step, inner: u64| {
                    let grid = kernel.grid(sizes, batch, slices);
                    let columns = grid[0] * u64::from(kernel.units * kernel.units_per_invocation);
                    let words = inner * columns * grid[1] * grid[2];
                    word(words, kernel.rows, product(grid), kernel.invocations())
                };
                let second = match first.cell.phases {
                    Phases::Whole => 0.0,
                    Phases::Reset | Phases::Projection => phase(first.second(), h),
                };
                phase(first, r + input as u64) + second
            }
            Kernel::Sequence(kernel) => {
                let workgroups = product(kernel.grid(batch, slices));
                let columns = u64::from(kernel.capacity());
                let second = match kernel.cell.phases {
                    Phases::Whole => 0,
                    Phases::Reset => h * columns,
                    Phases::Projection => h * p.div_ceil(4),
                };
                let words = (r * columns + second) * workgroups;
                let loads = if kernel.is_resident { 0.0 } else { self.loads() };
                let invocations = kernel.invocations();
                words as f64 * ceilings.word_seconds((kernel.rows, loads), workgroups, invocations)
            }
            // Not kernels of a recurrence.
            _ => 0.0,
        }
    }
}

fn product(grid: [u64; 3]) -> u64 {
    grid.into_iter().product()
}
