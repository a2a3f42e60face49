//! How the backward pass of a problem runs.

use std::fmt;

use super::carry::{Carry, TransposedLayout, gates_bytes};
use super::describe::{Bytes, elements, of};
use super::planner::{Planner, WORKGROUP_FLOPS};
use super::{Options, Schedule, check_request, choose};
use crate::caps::{DeviceCaps, check_limit};
use crate::error::{Error, Result};
use crate::kernels::{
    BackwardParams, CellKernel, CellStates, DOutput, Gradient, Kernel, MAX_CHUNK, Of, Phase,
    Phases, SequenceBackward, StepBackward, Tile, Transpose, Unpack,
};
use crate::pack::{WeightLayout, round_up};
use crate::problem::{InputKind, Problem};

/// One invocation should do no more dependent steps in a dispatch than this, each a load from memory, since drivers
/// kill what runs for seconds.
const DEPENDENT_STEPS: u64 = 1 << 16;
/// The pre-activations of a chunk should stay below this, to bound memory.
const GATES_BYTES: u64 = 256 << 20;

/// How the backward pass of a problem will run, and why so. `Display` tells it in words.
///
/// The forward pass keeps the outputs of all layers. From them the backward pass makes the gates and c again, for a
/// chunk of time steps at once, the last chunk first; where there are several, c is kept at their edges. So `chunk` is
/// the distance of checkpoints: a larger one takes more memory, and one for the whole sequence saves making c twice.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BackwardPlan {
    /// What was computed.
    pub problem: Problem,
    /// How time steps become dispatches.
    pub schedule: Schedule,
    /// Batch rows that one load of weights serves.
    pub rows: u32,
    /// Time steps whose gates are in memory at once: the distance of checkpoints.
    pub chunk: usize,
    /// Dispatches of the recurrence, all layers.
    pub dispatches: u64,
    /// Why this schedule, these rows, this chunk.
    pub reasons: Vec<String>,
    pub(crate) kernel: Kernel,
    pub(crate) tile: Tile,
    pub(crate) weight_gradient: Gradient,
    pub(crate) input_gradient: Gradient,
    /// The most time steps that a run of the kernel over a part of a chunk is about; ticks of a wavefront.
    pub(crate) range: usize,
    /// The most time steps that one dispatch sums the weights' gradients over.
    pub(crate) gradient_steps: usize,
    params_bytes: u64,
}

/// Bytes of the buffers that a backward pass needs beside the caller's arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackwardMemory {
    /// The outputs of the lower layers, kept by the forward pass.
    pub reserve_bytes: u64,
    /// The gates of one chunk, of all layers in a wavefront, and their gradients in the same place.
    pub gates_bytes: u64,
    /// States and their gradients, c of one chunk and at the chunks' edges.
    pub carry_bytes: u64,
    /// w_hh of one layer, transposed; of all layers in a wavefront, with w_ih of those that have one below.
    pub weights_t_bytes: u64,
    /// The gradients of layers' outputs on their way down; two take turns.
    pub d_between_bytes: u64,
    /// The gradients of one layer's weights, packed.
    pub d_packed_bytes: u64,
    /// The parameters of all dispatches, at most: they grow with the number of chunks.
    pub params_bytes: u64,
}

/// Makes the plan for the backward pass of a problem on a device; `options.chunk` bounds the distance of checkpoints.
///
/// ```
/// use wgpu_rnn::{Cell, DeviceCaps, LayerSizes, Options, Problem, plan_backward};
///
/// let problem = Problem::new(LayerSizes::new(Cell::Lstm, 64, 64), 1000, 1, false)?;
/// let options = Options { chunk: Some(100), ..Default::default() };
/// let plan = plan_backward(&problem, &DeviceCaps::webgpu_defaults(), &options)?;
/// assert_eq!(plan.chunk, 100);
/// println!("{plan}");
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// # Errors
/// As [`plan`](super::plan); [`Error::Unsupported`] for inputs that are not features and weights that are not f32.
pub fn plan_backward(
    problem: &Problem,
    caps: &DeviceCaps,
    options: &Options,
) -> Result<BackwardPlan> {
    check_request(&Problem { is_training: true, ..*problem }, options)?;
    if let Some(split) = options.split {
        return Err(Error::argument("split", "none: no kernel of a backward pass has it", split));
    }
    if let Some(resident) = options.resident {
        let expected = "none: no kernel of a backward pass has it";
        return Err(Error::argument("resident", expected, resident));
    }
    if problem.input != InputKind::Features {
        return Err(Error::Unsupported {
            what: "the backward pass of projected or token input".into(),
            reason: "the gradient of a projection belongs to whoever made it".into(),
        });
    }
    if problem.is_pooled {
        return Err(Error::Unsupported {
            what: "the backward pass of a pool".into(),
            reason: "a tick keeps no outputs".into(),
        });
    }
    let planner = Planner { problem, caps, options, sizes: &problem.sizes };
    planner.check_buffers()?;
    let make = |schedule, reason| planner.make_backward(schedule, reason);
    choose(options.schedule, || planner.preferred_backward(), make)
}

/// A schedule's kernel, the most steps that it takes at once, and why its rows are as many.
type Recurrence = (Kernel, usize, String);

impl Planner<'_> {
    /// As a forward run that keeps nothing would prefer.
    fn preferred_backward(&self) -> (Schedule, String) {
        let (schedule, reason) = self.preferred(true);
        if schedule != Schedule::Wavefront {
            return (schedule, reason);
        }
        let (l, t) = (self.sizes.num_layers as u64, self.problem.seq_len as u64);
        let bytes = gates_bytes(self.problem, self.problem.seq_len, schedule);
        if bytes > GATES_BYTES {
            let reason = format!(
                "a wavefront keeps the gates of all layers and steps, {}, which should be at most {}",
                Bytes(bytes),
                Bytes(GATES_BYTES),
            );
            return (Schedule::Stepwise, reason);
        }
        let reason = format!("{l} layers take {} dispatches instead of {}", t + l, l * (t + 1));
        (schedule, reason)
    }

    fn make_backward(&self, schedule: Schedule, reason: String) -> Result<BackwardPlan> {
        let problem = *self.problem;
        let (kernel, range, rows_reason) = match schedule {
            Schedule::Stepwise => self.step_backward(),
            Schedule::SequenceFused => self.sequence_backward(),
            Schedule::Wavefront => self.wave_backward(),
        }?;
        self.check_products()?;
        let gradient_steps = self.gradient_steps()?;
        // cell_states.wgsl loops over the steps of a chunk.
        let longest = self.caps.max_loop_iterations.min(DEPENDENT_STEPS) as usize;
        let (chunk, chunk_reason) = match schedule {
            Schedule::Wavefront => self.whole_chunk(longest)?,
            _ => self.chunk(longest, GATES_BYTES, "gates")?,
        };
        let carry = 4 * Carry::new(&problem, chunk, schedule).elements;
        self.caps.check_binding("the states and c of a chunk", carry)?;
        let layers = problem.sizes.num_layers as u64;
        let (chunks, rest) = (problem.seq_len / chunk, problem.seq_len % chunk);
        let ranges = chunks * chunk.div_ceil(range) + rest.div_ceil(range);
        let phases = Phases::of(self.sizes).dispatches();
        let steps = (problem.seq_len + ranges) as u64;
        let dispatches = match schedule {
            Schedule::Stepwise => layers * phases * steps,
            Schedule::SequenceFused => layers * ranges as u64,
            Schedule::Wavefront => problem.seq_len as u64 + layers,
        };
        // Of a chunk: what is recomputed, perhaps twice, the gradients of weights in parts, and those of the input. Of a
        // layer: what is transposed and unpacked.
        let (chunks, parts) = (problem.seq_len.div_ceil(chunk), chunk.div_ceil(gradient_steps));
        let small = 3 + 12 + chunks * (2 * 4 + 4 * parts + 2);
        let large = chunks * (2 + parts) + ranges;
        let params_bytes = layers
            * (small as u64 * section_bytes(1)
                + large as u64 * section_bytes(size_of::<BackwardParams>() as u64));
        let most = self.caps.max_buffer_size.min(u32::MAX.into());
        check_limit("the parameters of all dispatches", params_bytes, "max_buffer_size", most)?;
        Ok(BackwardPlan {
            problem,
            schedule,
            rows: kernel.rows(),
            chunk,
            dispatches,
            reasons: vec![reason, rows_reason, chunk_reason],
            kernel,
            tile: Tile::of(self.caps, problem.rows()),
            weight_gradient: Gradient::new(Of::Weights, self.caps, &problem),
            input_gradient: Gradient::new(Of::Input, self.caps, &problem),
            range,
            gradient_steps,
            params_bytes,
        })
    }

    fn step_backward(&self) -> Result<Recurrence> {
        let (kernel, reason) =
            self.step_backward_kernel(DOutput::Given, self.sizes.num_directions())?;
        // The clock has one more tick than there are steps.
        Ok((Kernel::StepBackward(kernel), MAX_CHUNK - 1, reason))
    }

    /// All layers as slices of a dispatch; what it takes at once are ticks.
    fn wave_backward(&self) -> Result<Recurrence> {
        self.check_wavefront()?;
        let layers = self.sizes.num_layers;
        let (kernel, reason) = self.step_backward_kernel(DOutput::Above, layers)?;
        let weights = TransposedLayout::new(self.sizes, Schedule::Wavefront);
        let bytes = weights.words * WeightLayout::new(*self.sizes).word_bytes();
        self.caps.check_binding("the transposed weights of all layers", bytes)?;
        Ok((Kernel::StepBackward(kernel), MAX_CHUNK, reason))
    }

    /// The one chunk of a wavefront: each layer is at another step, so all gates are in memory at once.
    fn whole_chunk(&self, longest: usize) -> Result<(usize, String)> {
        let (seq_len, schedule) = (self.problem.seq_len, Schedule::Wavefront);
        let (chunk, _) = self.chunk(longest, u64::MAX, "gates")?;
        if chunk < seq_len {
            let reason = format!(
                "it has all {seq_len} steps in one chunk, the options or the device allow {chunk}"
            );
            return Err(Error::Schedule { schedule, reason });
        }
        let bytes = gates_bytes(self.problem, chunk, schedule);
        self.caps.check_binding("the gates of all layers and steps", bytes)?;
        Ok((chunk, format!("one chunk of {chunk} steps, gates of all layers {}", Bytes(bytes))))
    }

    /// For a dispatch of so many slices.
    fn step_backward_kernel(
        &self,
        d_output: DOutput,
        slices: usize,
    ) -> Result<(StepBackward, String)> {
        let (units, units_per_invocation) = self.step_shape();
        let cell = CellKernel::of(self.problem);
        let kernel = |rows| StepBackward {
            cell,
            phase: Phase::First,
            d_output,
            rows,
            units,
            units_per_invocation,
        };
        let h = self.sizes.hidden_size as u64;
        let memory = self.caps.max_compute_workgroup_storage_size;
        let fits = |rows| {
            let kernel = kernel(rows);
            kernel.workgroup_bytes() <= memory
                && kernel.iterations(h) <= self.caps.max_loop_iterations
        };
        let slices = slices as u64;
        let each = u64::from(units * units_per_invocation);
        let workgroups = slices * h.div_ceil(each);
        let rows = self.rows(|rows| fits(rows).then_some(workgroups));
        let reason = self.rows_reason(rows, workgroups);
        let kernel = kernel(rows);
        for phase in [kernel, kernel.second()] {
            self.caps.check_grid(phase.grid(self.sizes, self.problem.batch as u64, slices))?;
        }
        self.caps.check_iterations("the loops of one time step", kernel.iterations(h))?;
        Ok((kernel, reason))
    }

    fn sequence_backward(&self) -> Result<Recurrence> {
        let h = self.sizes.hidden_size as u64;
        let (units, units_per_invocation) = self.sequence_shape()?;
        let cell = CellKernel::of(self.problem);
        let kernel = |rows| SequenceBackward { cell, rows, units, units_per_invocation };
        let memory = self.caps.max_compute_workgroup_storage_size;
        let fits = |rows: u32| kernel(rows).workgroup_bytes() <= memory;
        let directions = self.sizes.num_directions() as u64;
        let rows = self.rows(|rows| fits(rows).then_some(directions));
        let reason = self.rows_reason(rows, directions);
        let kernel = kernel(rows);
        check_limit(
            &format!("the gates of {rows} rows"),
            kernel.workgroup_bytes().into(),
            "max_compute_workgroup_storage_size",
            memory.into(),
        )?;
        self.caps.check_grid(kernel.grid(self.problem.batch as u64, directions))?;
        let range = self.sequence_steps(rows, kernel.step_iterations(h))?;
        Ok((Kernel::SequenceBackward(kernel), range, reason))
    }

    /// Checks the kernels that no choice is made about, but for what a chunk bounds.
    fn check_products(&self) -> Result<()> {
        let (sizes, layout) = (self.sizes, WeightLayout::new(*self.sizes));
        let [h, r, batch] =
            [sizes.hidden_size, sizes.recurrent_size(), self.problem.batch].map(|n| n as u64);
        let directions = sizes.num_directions() as u64;
        let widest = self.widest_input().max(sizes.hidden_size) as u64;
        let groups = layout.row_words() * layout.word_bytes() / 16;
        let [weights, input] =
            [Of::Weights, Of::Input].map(|of| Gradient::new(of, self.caps, self.problem));
        let iterations = input.iterations(groups);
        self.caps.check_iterations("the loops of the input's gradient", iterations)?;
        self.caps.check_grid(weights.grid(1 + widest, groups, directions))?;
        self.caps.check_grid(input.grid(batch, widest, 1))?;
        self.caps.check_grid(Unpack::grid(h, widest, sizes.cell.num_gates() as u64))?;
        self.caps.check_grid(Transpose::grid(h, r.max(h), directions))?;
        if sizes.cell.has_c() {
            self.caps.check_grid(CellStates::grid(h, batch, directions))?;
        }
        Ok(())
    }

    /// The most time steps that a kernel sums weight gradients over before it runs out of iterations.
    fn gradient_steps(&self) -> Result<usize> {
        let kernel = Gradient::new(Of::Weights, self.caps, self.problem);
        let batch = self.problem.batch as u64;
        let what = "the loops of the weights' gradient of one time step";
        self.caps.check_iterations(what, kernel.iterations(batch))?;
        let most_rows = WORKGROUP_FLOPS / (8 * u64::from(kernel.tile.m * kernel.tile.n));
        let fits = |steps: u64| {
            kernel.iterations(steps * batch) <= self.caps.max_loop_iterations
                && (steps == 1 || steps * batch <= most_rows)
        };
        let halved = std::iter::successors(Some(self.problem.seq_len as u64), |steps| {
            Some(steps.div_ceil(2))
        });
        // One step fits, and halving ends at one.
        Ok(halved.take(64).find(|steps| fits(*steps)).unwrap_or(1) as usize)
    }
}

impl BackwardPlan {
    /// Bytes of the buffers that the backward pass needs beside the caller's arrays.
    pub fn memory(&self) -> BackwardMemory {
        let sizes = &self.problem.sizes;
        let layout = WeightLayout::new(*sizes);
        let y_bytes = 4 * elements(self.problem.y_shape());
        let between = sizes.num_layers as u64 - 1;
        let d_between = if self.schedule == Schedule::Wavefront { 0 } else { between.min(2) };
        let sections = (0..sizes.num_layers.min(2)).map(|layer| layout.section(layer).1);
        BackwardMemory {
            reserve_bytes: between * section_bytes(y_bytes),
            gates_bytes: gates_bytes(&self.problem, self.chunk, self.schedule),
            carry_bytes: 4 * Carry::new(&self.problem, self.chunk, self.schedule).elements,
            weights_t_bytes: TransposedLayout::new(sizes, self.schedule).words
                * layout.word_bytes(),
            d_between_bytes: d_between * y_bytes,
            d_packed_bytes: sections.max().unwrap_or(0) * layout.word_bytes(),
            params_bytes: self.params_bytes,
        }
    }
}

/// The sequences in one buffer begin at a multiple of what any device may demand of a binding.
pub(crate) fn section_bytes(bytes: u64) -> u64 {
    round_up(bytes, 256)
}

impl fmt::Display for BackwardPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "backward of {}", of(&self.problem))?;
        writeln!(f, "  schedule  {}: {}", self.schedule, self.reasons[0])?;
        writeln!(f, "  kernel    {}, {} dispatches", self.kernel.name(), self.dispatches)?;
        for reason in &self.reasons[1..] {
            writeln!(f, "            {reason}")?;
        }
        let memory = self.memory();
        write!(
            f,
            "  memory    kept by forward {}, gates {}, states and c {}, weights transposed {}, between layers {}, \
             gradients of a layer's weights {}, parameters up to {}",
            Bytes(memory.reserve_bytes),
            Bytes(memory.gates_bytes),
            Bytes(memory.carry_bytes),
            Bytes(memory.weights_t_bytes),
            Bytes(memory.d_between_bytes),
            Bytes(memory.d_packed_bytes),
            Bytes(memory.params_bytes),
        )
    }
}
