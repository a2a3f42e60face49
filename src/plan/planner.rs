//! The planner of forward runs, and what that of backward passes shares with it.

use super::describe::{Bytes, elements, state_bytes, x_proj_step_bytes};
use super::{Options, Plan, Schedule, check_weights};
use crate::caps::{DeviceCaps, check_limit};
use crate::error::{Error, Result};
use crate::kernels::recurrence::MAX_SLICES;
use crate::kernels::{Gather, Input, Kernel, MAX_CHUNK, Matmul, Phases, Store, Tile};
use crate::pack::WeightLayout;
use crate::problem::{Direction, InputKind, LayerSizes, Problem};

/// The x_proj of a chunk should stay below this, to bound memory.
const X_PROJ_BYTES: u64 = 64 << 20;
/// One dispatch should do no more work per workgroup than this, since drivers kill what runs for seconds.
pub(super) const WORKGROUP_FLOPS: u64 = 1 << 30;

/// What a workgroup reads from a cache in two or three microseconds.
const SMALL_W_HH_BYTES: u64 = 256 << 10;

pub(super) struct Planner<'a> {
    pub problem: &'a Problem,
    pub sizes: &'a LayerSizes,
    pub caps: &'a DeviceCaps,
    pub options: &'a Options,
}

impl Planner<'_> {
    /// The schedule that should be fastest, and why, Wavefront only where it may be. It may turn out impossible.
    pub fn preferred(&self, may_be_wavefront: bool) -> (Schedule, String) {
        let (h, l, t) = (self.sizes.hidden_size, self.sizes.num_layers, self.problem.seq_len);
        // A workgroup gets through such a step in about the time of a launch. On a CPU a launch costs less, but so does
        // everything that one workgroup's rows leave to another.
        let is_small =
            match (self.caps.is_software, self.problem.batch * self.sizes.num_directions()) {
                (true, 1) => h <= 96,
                (true, _) => h <= 256,
                (false, _) => self.w_hh_bytes() <= SMALL_W_HH_BYTES,
            };
        let shares_sums = self.options.split.is_some_and(|split| split > 1);
        if t == 1 {
            (Schedule::Stepwise, "a single time step".into())
        } else if is_small && !shares_sums {
            let reason =
                format!("hidden_size {h} is small: a launch would take longer than a step");
            (Schedule::SequenceFused, reason)
        } else if may_be_wavefront
            && l >= 2
            && self.sizes.direction == Direction::Forward
            && Phases::of(self.sizes) == Phases::Whole
            && self.problem.input == InputKind::Features
            && !self.caps.is_software
        {
            let reason = format!("{l} layers take {} dispatches instead of {}", t + l - 1, t * l);
            (Schedule::Wavefront, reason)
        } else {
            (Schedule::Stepwise, format!("hidden_size {h}: one step fills the device"))
        }
    }

    pub fn make(&self, schedule: Schedule, reason: String) -> Result<Plan> {
        let impossible = |reason: &str| Err(Error::Schedule { schedule, reason: reason.into() });
        match (schedule, self.options.split, self.options.resident) {
            (Schedule::SequenceFused, Some(2..), _) => {
                return impossible("split is for the sums of single steps");
            }
            (Schedule::Stepwise | Schedule::Wavefront, _, Some(true)) => {
                return impossible("no weights are resident between the dispatches of steps");
            }
            _ => {}
        }
        let mut plan = match schedule {
            Schedule::Stepwise => self.stepwise(),
            Schedule::SequenceFused => self.sequence_fused(),
            Schedule::Wavefront => self.wavefront(),
        }?;
        plan.reasons.insert(0, reason);
        Ok(plan)
    }

    pub fn stepwise(&self) -> Result<Plan> {
        // A training run has the outputs of all layers in one buffer: no dispatch may read one and write another.
        let is_fused = self.problem.seq_len == 1
            && self.problem.input == InputKind::Features
            && !self.problem.is_training;
        let input = if is_fused { Input::Fused } else { Input::Hoisted };
        let (step, rows_reason) =
            self.step_kernel(Schedule::Stepwise, input, self.sizes.num_directions())?;
        let (chunk, chunk_reason) = match input {
            Input::Hoisted => self.chunk(MAX_CHUNK, X_PROJ_BYTES, "x_proj")?,
            Input::Fused => (1, "one pass over [x, h], no x_proj".into()),
        };
        let phases = Phases::of(self.sizes).dispatches() as usize;
        let dispatches = phases * self.problem.seq_len * self.sizes.num_layers;
        let reasons = vec![rows_reason, chunk_reason];
        Ok(self.plan(Schedule::Stepwise, Kernel::Step(step), chunk, dispatches, reasons))
    }

    fn w_hh_bytes(&self) -> u64 {
        let layout = WeightLayout::of(*self.sizes, self.problem.weight_format);
        self.sizes.recurrent_size() as u64 * layout.row_words() * layout.word_bytes()
    }

    /// Checks what a wavefront takes in either direction of time.
    pub fn check_wavefront(&self) -> Result<()> {
        let layers = self.sizes.num_layers;
        let impossible =
            |reason: &str| Error::Schedule { schedule: Schedule::Wavefront, reason: reason.into() };
        match self.sizes.direction {
            Direction::Forward => {}
            Direction::Reverse => {
                return Err(impossible("its slices run forward, these layers do not"));
            }
            Direction::Bidirectional => {
                return Err(impossible(
                    "a layer above a bidirectional one needs the whole sequence before its first step",
                ));
            }
        }
        if layers < 2 {
            return Err(impossible("num_layers is 1, a wavefront needs at least 2"));
        }
        match Phases::of(self.sizes) {
            Phases::Whole => {}
            Phases::Reset => {
                return Err(impossible(
                    "a GRU's step with reset before takes two dispatches, not one",
                ));
            }
            Phases::Projection => {
                return Err(impossible("a step with a projection takes two dispatches, not one"));
            }
        }
        match self.problem.input {
            InputKind::Features => {}
            InputKind::Projected => {
                return Err(impossible(
                    "its first layer multiplies x itself, the input is projected",
                ));
            }
            InputKind::Tokens { .. } => {
                return Err(impossible(
                    "its first layer multiplies x itself, the input is token ids",
                ));
            }
        }
        if layers > MAX_SLICES {
            let most = format!("this crate has kernels for up to {MAX_SLICES}");
            return Err(impossible(&format!("num_layers is {layers}, {most}")));
        }
        Ok(())
    }

    pub fn wavefront(&self) -> Result<Plan> {
        self.check_wavefront()?;
        if self.problem.is_training {
            let reason =
                "it keeps only the output of the last layer, a backward pass needs them all";
            return Err(Error::Schedule { schedule: Schedule::Wavefront, reason: reason.into() });
        }
        let layers = self.sizes.num_layers;
        let weights = WeightLayout::of(*self.sizes, self.problem.weight_format).bytes();
        self.caps.check_binding("the weights of all layers", weights)?;
        let (step, rows_reason) = self.step_kernel(Schedule::Wavefront, Input::Fused, layers)?;
        let dispatches = self.problem.seq_len + layers - 1;
        let chunk = dispatches.min(self.options.chunk.unwrap_or(MAX_CHUNK)).min(MAX_CHUNK);
        let reasons = vec![rows_reason];
        Ok(self.plan(Schedule::Wavefront, Kernel::Step(step), chunk, dispatches, reasons))
    }

    /// The most time steps that a dispatch of a workgroup with all units may take, by drivers' patience and by loops.
    pub fn sequence_steps(&self, rows: u32, step_iterations: u64) -> Result<usize> {
        let h = self.sizes.hidden_size as u64;
        self.caps.check_iterations("the loops of one time step", 2 * step_iterations)?;
        let by_iterations = self.caps.max_loop_iterations / step_iterations - 1;
        let by_time = WORKGROUP_FLOPS / (8 * u64::from(rows) * h * h);
        Ok((by_time.min(by_iterations) as usize).clamp(1, MAX_CHUNK))
    }

    pub fn sequence_fused(&self) -> Result<Plan> {
        let h = self.sizes.hidden_size as u64;
        let directions = self.sizes.num_directions() as u64;
        let (kernel, rows_reason) = self.sequence_kernel(directions)?;
        let rows = kernel.rows;
        self.caps.check_grid(kernel.grid(self.problem.batch as u64, directions))?;
        let longest = self.sequence_steps(rows, kernel.step_iterations(h))?;
        let (chunk, chunk_reason) = self.chunk(longest, X_PROJ_BYTES, "x_proj")?;
        let dispatches = self.problem.seq_len.div_ceil(chunk) * self.sizes.num_layers;
        let reasons = vec![rows_reason, chunk_reason];
        Ok(self.plan(Schedule::SequenceFused, Kernel::Sequence(kernel), chunk, dispatches, reasons))
    }

    pub fn plan(
        &self,
        schedule: Schedule,
        kernel: Kernel,
        chunk: usize,
        dispatches: usize,
        reasons: Vec<String>,
    ) -> Plan {
        let rows = kernel.rows();
        let dispatches = dispatches as u64;
        let (problem, projection) = (*self.problem, self.projection());
        Plan { problem, schedule, rows, chunk, dispatches, reasons, kernel, projection }
    }

    /// The input size of the layer that has the largest.
    pub fn widest_input(&self) -> usize {
        let sizes = self.sizes;
        let layers = 0..sizes.num_layers.min(2);
        layers.map(|layer| sizes.layer_input_size(layer)).max().unwrap_or(0)
    }

    pub fn projection(&self) -> Matmul {
        let Problem { has_lengths, weight_format, .. } = *self.problem;
        let tile = Tile::of(self.caps, self.problem.rows());
        Matmul { store: Store::Gates, tile, weights: weight_format, has_lengths }
    }

    /// Time steps of a chunk, bounded by `longest` and by the memory of `what` it holds: x_proj, or the gates.
    pub fn chunk(&self, longest: usize, most_bytes: u64, what: &str) -> Result<(usize, String)> {
        let batch = self.problem.batch as u64;
        let step_bytes = x_proj_step_bytes(self.problem);
        self.caps.check_binding(&format!("{what} of one time step"), step_bytes)?;
        let iterations = self.projection().iterations(self.widest_input() as u64);
        self.caps.check_iterations("the loops of the input projection", iterations)?;
        let most_bytes = most_bytes.min(self.caps.max_storage_buffer_binding_size);
        let by_memory = (most_bytes / step_bytes).max(1);
        let most_rows = u64::from(self.caps.max_compute_workgroups_per_dimension)
            * u64::from(self.projection().tile.m.min(Gather::ROWS));
        check_limit(
            "the batch",
            batch,
            "max_compute_workgroups_per_dimension * rows of a workgroup",
            most_rows,
        )?;
        let chunk = [Some(self.problem.seq_len), Some(longest), self.options.chunk]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(1)
            .min(by_memory as usize)
            .min((most_rows / batch) as usize);
        let chunks = self.problem.seq_len.div_ceil(chunk);
        let bytes = Bytes(chunk as u64 * step_bytes);
        Ok((chunk, format!("{chunks} chunks of {chunk} steps, {what} {bytes} each")))
    }

    pub fn check_buffers(&self) -> Result<()> {
        check_weights(self.sizes, self.problem.weight_format, self.caps)?;
        let sequences = [("x", self.problem.x_shape()), ("y", self.problem.y_shape())];
        for (name, shape) in sequences {
            self.caps.check_binding(name, 4 * elements(shape))?;
        }
        if let Some([rows, columns]) = self.problem.table_shape() {
            let bytes = (rows as u64).saturating_mul(4 * columns as u64);
            self.caps.check_binding("the projected table", bytes)?;
        }
        self.caps.check_binding("h and c of all layers", state_bytes(self.problem))
    }
}
