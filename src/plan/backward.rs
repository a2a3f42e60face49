//! How the backward pass of a problem runs.

use std::fmt;

use super::describe::{Bytes, elements, of, x_proj_step_bytes};
use super::planner::{Planner, WORKGROUP_FLOPS};
use super::{Options, Schedule, check_request};
use crate::caps::{DeviceCaps, check_limit};
use crate::error::{Error, Result};
use crate::kernels::{
    DOutput, Gradient, Kernel, MAX_CHUNK, Of, Phase, Phases, SequenceBackward, StepBackward, Tile,
};
use crate::pack::{WeightLayout, round_up};
use crate::problem::{InputKind, LayerSizes, Problem};

/// The pre-activations of a chunk should stay below this, to bound memory.
const GATES_BYTES: u64 = 256 << 20;

/// How the backward pass of a problem will run, and why so. `Display` tells it in words.
///
/// The forward pass keeps the outputs of all layers. From them the backward pass makes the gates and c again, for a
/// chunk of time steps at once, the last chunk first; where there are several, c is kept at their edges. So `chunk` is
/// the distance of checkpoints: a larger one takes more memory, and one for the whole sequence saves making c twice.
#[derive(Clone, Debug, PartialEq)]
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
}

/// Bytes of the buffers that a backward pass needs beside the caller's arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// As [`plan`](super::plan); [`Error::Unsupported`] for inputs that are not features.
pub fn plan_backward(
    problem: &Problem,
    caps: &DeviceCaps,
    options: &Options,
) -> Result<BackwardPlan> {
    check_request(problem, options)?;
    if problem.input != InputKind::Features {
        return Err(Error::Unsupported {
            what: "the backward pass of projected or token input".into(),
            reason: "the gradient of a projection belongs to whoever made it".into(),
        });
    }
    let planner = Planner { problem, caps, options, sizes: &problem.sizes };
    planner.check_buffers()?;
    match options.schedule {
        Some(schedule) => {
            planner.make_backward(schedule, "forced".into()).map_err(|error| match error {
                Error::Limit { .. } => Error::Schedule { schedule, reason: error.to_string() },
                other => other,
            })
        }
        None => {
            let (schedule, reason) = planner.preferred_backward();
            planner.make_backward(schedule, reason).or_else(|error| match schedule {
                Schedule::Stepwise => Err(error),
                _ => planner.make_backward(Schedule::Stepwise, error.to_string()),
            })
        }
    }
}

/// A schedule's kernel, the most steps that it takes at once, and why its rows are as many.
type Recurrence = (Kernel, usize, String);

impl Planner<'_> {
    /// As a forward run that keeps nothing would prefer.
    fn preferred_backward(&self) -> (Schedule, String) {
        let problem = Problem { is_training: false, ..*self.problem };
        let (schedule, reason) = Planner { problem: &problem, ..*self }.preferred();
        if schedule != Schedule::Wavefront {
            return (schedule, reason);
        }
        let (l, t) = (self.sizes.num_layers as u64, self.problem.seq_len as u64);
        let bytes = gates_bytes(&problem, problem.seq_len, schedule);
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
        let gradient_steps = self.gradient_steps()?;
        let (chunk, chunk_reason) = match schedule {
            Schedule::Wavefront => self.whole_chunk()?,
            _ => self.chunk(problem.seq_len, GATES_BYTES, "gates")?,
        };
        let carry = 4 * Carry::new(&problem, chunk, schedule).elements;
        self.caps.check_binding("the states and c of a chunk", carry)?;
        let layers = problem.sizes.num_layers as u64;
        let ranges = problem.seq_len.div_ceil(chunk) * chunk.div_ceil(range);
        let phases = if Phases::of(self.sizes) == Phases::Whole { 1 } else { 2 };
        let steps = (problem.seq_len + ranges) as u64;
        let dispatches = match schedule {
            Schedule::Stepwise => layers * phases * steps,
            Schedule::SequenceFused => layers * ranges as u64,
            Schedule::Wavefront => problem.seq_len as u64 + layers,
        };
        Ok(BackwardPlan {
            problem,
            schedule,
            rows: kernel.rows(),
            chunk,
            dispatches,
            reasons: vec![reason, rows_reason, chunk_reason],
            kernel,
            tile: Tile::of(self.caps),
            weight_gradient: Gradient::new(Of::Weights, self.caps, problem.has_lengths),
            input_gradient: Gradient::new(Of::Input, self.caps, problem.has_lengths),
            range,
            gradient_steps,
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
    fn whole_chunk(&self) -> Result<(usize, String)> {
        let (seq_len, schedule) = (self.problem.seq_len, Schedule::Wavefront);
        let (chunk, _) = self.chunk(seq_len, u64::MAX, "gates")?;
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
        let cell = self.cell_kernel();
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
        let (rows, reason) = self.rows(slices * h.div_ceil(each), fits);
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
        let cell = self.cell_kernel();
        let kernel = |rows| SequenceBackward { cell, rows, units, units_per_invocation };
        let memory = self.caps.max_compute_workgroup_storage_size;
        let fits = |rows: u32| kernel(rows).workgroup_bytes() <= memory;
        let directions = self.sizes.num_directions() as u64;
        let (rows, reason) = self.rows(directions, fits);
        let kernel = kernel(rows);
        check_limit(
            &format!("the gates of {rows} rows"),
            kernel.workgroup_bytes().into(),
            "max_compute_workgroup_storage_size",
            memory.into(),
        )?;
        self.caps.check_grid(kernel.grid(self.problem.batch as u64, directions))?;
        let iterations = kernel.step_iterations(h);
        self.caps.check_iterations("the loops of one time step", 2 * iterations)?;
        let by_iterations = self.caps.max_loop_iterations / iterations - 1;
        let by_time = WORKGROUP_FLOPS / (8 * u64::from(rows) * h * h);
        let range = (by_time.min(by_iterations) as usize).clamp(1, MAX_CHUNK);
        Ok((Kernel::SequenceBackward(kernel), range, reason))
    }

    /// The most time steps that a kernel sums weight gradients over before it runs out of iterations.
    fn gradient_steps(&self) -> Result<usize> {
        let kernel = Gradient::new(Of::Weights, self.caps, self.problem.has_lengths);
        let batch = self.problem.batch as u64;
        let what = "the loops of the weights' gradient of one time step";
        self.caps.check_iterations(what, kernel.iterations(batch))?;
        let fits = |steps: u64| kernel.iterations(steps * batch) <= self.caps.max_loop_iterations;
        let halved = std::iter::successors(Some(self.problem.seq_len as u64), |steps| {
            Some(steps.div_ceil(2))
        });
        // One step fits, and halving ends at one.
        Ok(halved.take(64).find(|steps| fits(*steps)).unwrap_or(1) as usize)
    }
}

/// Where the parts lie, in f32, of what the steps of a backward pass hand on. With D directions, L layers, R the size
/// of h, N chunks; a wavefront has one chunk, and where one layer's directions share D, all its layers L:
#[derive(Debug)]
pub(crate) struct Carry {
    /// `[L*D, B, R]`: the gradient of h.
    pub h: u64,
    /// `[L*D, B, H]`: the gradient of c, where the cell has it, as all that follows but h0.
    pub c: u64,
    /// `[L*D, B, R]`: h before the first step.
    pub h0: u64,
    /// `[L*D, B, H]`: c before the first step.
    pub c0: u64,
    /// `[N, D, B, H]`: c after each chunk; all layers share it. `[L, B, H]` in a wavefront.
    pub checkpoints: u64,
    /// `[steps of a chunk, B, D, H]`: c after each step of a chunk. `[L, T, B, H]` in a wavefront.
    pub c_seq: u64,
    /// `[steps of a chunk, B, D, H]`: what the second product of a step in two phases multiplied in the forward pass.
    /// In the wavefront of a GRU `[L, T, B, H]`: h before each step.
    pub h_inner: u64,
    /// What the first phase of a step leaves to the second: `[steps of a chunk, B, D, P4]`, P4 = R in whole quads,
    /// where h is projected; `[B, D, H]` where the reset gate scales h. It begins with a whole quad.
    pub exchange: u64,
    /// All of them together.
    pub elements: u64,
}

impl Carry {
    pub fn new(problem: &Problem, chunk: usize, schedule: Schedule) -> Self {
        let has_c = u64::from(problem.sizes.cell.has_c());
        let (h_size, c_size) = (elements(problem.h_shape()), has_c * elements(problem.c_shape()));
        let slots = slots(&problem.sizes, schedule);
        let step = has_c * slots * problem.batch as u64 * problem.sizes.hidden_size as u64;
        let chunks = problem.seq_len.div_ceil(chunk) as u64;
        let c = h_size;
        let h0 = c + c_size;
        let c0 = h0 + h_size;
        let checkpoints = c0 + c_size;
        let c_seq = checkpoints + chunks * step;
        let h_inner = c_seq + chunk as u64 * step;
        let sizes = &problem.sizes;
        let rows = problem.batch as u64 * slots;
        let inner = rows * sizes.hidden_size as u64;
        let projected = rows * round_up(sizes.recurrent_size() as u64, 4);
        let (inner_size, exchange_size) = match Phases::of(sizes) {
            // A wavefront does not read h from y, which lies elsewhere for each layer.
            Phases::Whole if keeps_h(sizes, schedule) => (chunk as u64 * inner, 0),
            Phases::Whole => (0, 0),
            Phases::Reset => (chunk as u64 * inner, inner),
            Phases::Projection => (chunk as u64 * inner, chunk as u64 * projected),
        };
        let exchange = round_up(h_inner + inner_size, 4);
        let elements = exchange + exchange_size;
        Carry { h: 0, c, h0, c0, checkpoints, c_seq, h_inner, exchange, elements }
    }
}

/// The slices whose gates, c and transposed weights are in memory at once: a layer's directions, or all layers.
fn slots(sizes: &LayerSizes, schedule: Schedule) -> u64 {
    let slots = match schedule {
        Schedule::Wavefront => sizes.num_layers,
        _ => sizes.num_directions(),
    };
    slots as u64
}

/// Whether h before every step is kept for the recurrence.
pub(crate) fn keeps_h(sizes: &LayerSizes, schedule: Schedule) -> bool {
    schedule == Schedule::Wavefront && DOutput::Above.keeps_h(sizes.cell)
}

/// The gates of a chunk.
fn gates_bytes(problem: &Problem, chunk: usize, schedule: Schedule) -> u64 {
    let sizes = &problem.sizes;
    let layers = slots(sizes, schedule) / sizes.num_directions() as u64;
    // Saturating, to be compared with limits.
    x_proj_step_bytes(problem).saturating_mul(layers).saturating_mul(chunk as u64)
}

/// Where the parts of the transposed weights of a direction lie, or of a layer of a wavefront, in words.
pub(crate) struct TransposedLayout {
    /// Of a row of w_hh, `[H][row]`, which comes first.
    pub row_words: u64,
    /// The row of peepholes.
    pub peepholes: u64,
    /// w_hr where h is projected: `[P4/4][H]`.
    pub w_hr: u64,
    /// In a wavefront w_ih of the layer above, as w_hh.
    pub w_above: u64,
    /// From direction to direction, or layer to layer.
    pub stride: u64,
    /// In all.
    pub words: u64,
}

impl TransposedLayout {
    pub fn new(sizes: &LayerSizes, schedule: Schedule) -> Self {
        let whole = |words| round_up(words, 16 / WeightLayout::new(*sizes).word_bytes());
        let [h, p] = [sizes.hidden_size, sizes.proj_size].map(|n| n as u64);
        let row_words = whole(sizes.recurrent_size() as u64);
        let peepholes = h * row_words;
        let w_hr = peepholes + whole(h);
        let w_above = w_hr + p.div_ceil(4) * h;
        let above = if schedule == Schedule::Wavefront { h * row_words } else { 0 };
        let stride = w_above + above;
        // The top layer has none above.
        let words = slots(sizes, schedule) * stride - above;
        TransposedLayout { row_words, peepholes, w_hr, w_above, stride, words }
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
             gradients of a layer's weights {}",
            Bytes(memory.reserve_bytes),
            Bytes(memory.gates_bytes),
            Bytes(memory.carry_bytes),
            Bytes(memory.weights_t_bytes),
            Bytes(memory.d_between_bytes),
            Bytes(memory.d_packed_bytes),
        )
    }
}
