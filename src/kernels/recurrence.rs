//! Beside `shaders/recurrence.wgsl`, `step.wgsl` and `sequence.wgsl`: the kernels of the schedules.

use bytemuck::{Pod, Zeroable};

use super::{WEIGHTS_F32, compose};
use crate::cell::{Activation, Activations, Cell, CellOptions, Flavour};
use crate::problem::{LayerSizes, Problem};

/// Slices that one dispatch can have: directions, or layers of a wavefront.
pub const MAX_SLICES: usize = 16;
/// `NONE` of recurrence.wgsl.
pub const NONE: u32 = u32::MAX;
/// The batch rows that one invocation can own.
pub const ROWS: [u32; 5] = [1, 2, 4, 8, 16];

/// `struct Choice` of recurrence.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Choice {
    pub f: u32,
    pub f_alpha: f32,
    pub f_beta: f32,
    pub g: u32,
    pub g_alpha: f32,
    pub g_beta: f32,
    pub h: u32,
    pub h_alpha: f32,
    pub h_beta: f32,
    pub coupled: u32,
    pub preact_clip: f32,
    pub cell_clip: f32,
    pub peepholes: u32,
    pub padding_0: u32,
    pub padding_1: u32,
    pub padding_2: u32,
}

impl Choice {
    /// `peepholes`: index of a direction's row of peephole weights.
    pub fn new(cell: Cell, options: &CellOptions, direction: usize, peepholes: u32) -> Self {
        let Activations { f, g, h } = options.activations_of(cell, direction);
        let [f, g, h] = [f, g, h].map(Activation::encode);
        Choice {
            f: f.0,
            f_alpha: f.1,
            f_beta: f.2,
            g: g.0,
            g_alpha: g.1,
            g_beta: g.2,
            h: h.0,
            h_alpha: h.1,
            h_beta: h.2,
            coupled: options.coupled.into(),
            preact_clip: options.preact_clip.unwrap_or(f32::MAX),
            cell_clip: options.cell_clip.unwrap_or(f32::MAX),
            peepholes,
            ..Default::default()
        }
    }
}

/// `struct Slice` of recurrence.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Slice {
    pub bias: u32,
    pub w_hh: u32,
    pub w_hr: u32,
    pub input_size: u32,
    pub h: u32,
    pub c: u32,
    pub exchange: u32,
    pub below: u32,
    pub delay: u32,
    pub reverse: u32,
    pub output: u32,
    pub padding: u32,
    pub choice: Choice,
}

/// `struct Params` of recurrence.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct RecurrenceParams {
    pub hidden_size: u32,
    pub recurrent_size: u32,
    pub row_words: u32,
    pub batch: u32,
    pub seq_len: u32,
    pub first_step: u32,
    pub num_steps: u32,
    pub phase: u32,
    pub state_size: u32,
    pub exchange_size: u32,
    pub input_stride_t: u32,
    pub input_stride_b: u32,
    pub output_stride_t: u32,
    pub output_stride_b: u32,
    pub num_slices: u32,
    pub padding: u32,
    pub slices: [Slice; MAX_SLICES],
}

/// Where a step takes the input's share of its pre-activations from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// From x_proj, made for a whole chunk of time steps before.
    Hoisted,
    /// It multiplies `[x, h]` with `[w_ih | w_hh]` itself.
    Fused,
}

impl Input {
    fn file(self) -> &'static str {
        match self {
            Input::Hoisted => include_str!("../../shaders/input/hoisted.wgsl"),
            Input::Fused => include_str!("../../shaders/input/fused.wgsl"),
        }
    }
}

/// In how many phases a time step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phases {
    /// One product with h, then the cell update.
    Whole,
    /// A GRU whose reset gate scales h: its product with w_hh comes after the gates are known.
    Reset,
    /// An LSTM whose h is projected: a product with w_hr after the cell update.
    Projection,
}

impl Phases {
    pub fn of(sizes: &LayerSizes) -> Self {
        match sizes.cell {
            Cell::Gru { reset_after: false } => Phases::Reset,
            _ if sizes.proj_size > 0 => Phases::Projection,
            _ => Phases::Whole,
        }
    }

    /// Dispatches of a time step that is a dispatch.
    pub fn dispatches(self) -> u64 {
        if self == Phases::Whole { 1 } else { 2 }
    }

    /// Arrays of [D,B,H] that the first phase leaves to the second.
    pub fn exchanged(self) -> u64 {
        match self {
            Phases::Whole => 0,
            Phases::Reset => 3,
            Phases::Projection => 1,
        }
    }
}

/// Which code of which cell a kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellKernel {
    pub cell: Cell,
    pub flavour: Flavour,
    pub phases: Phases,
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

impl CellKernel {
    /// The one of a problem.
    pub fn of(problem: &Problem) -> Self {
        let Problem { sizes, flavour, has_lengths, .. } = *problem;
        CellKernel { cell: sizes.cell, flavour, phases: Phases::of(&sizes), has_lengths }
    }

    /// Every combination that a plan can contain.
    pub fn all() -> impl Iterator<Item = Self> {
        use Flavour::{Chosen, Relu, Standard};
        use Phases::{Projection, Reset, Whole};
        let (after, before) = (Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false });
        let cells = [
            (Cell::Lstm, Whole, &[Standard, Chosen][..]),
            (Cell::Lstm, Projection, &[Standard, Chosen]),
            (after, Whole, &[Standard, Chosen]),
            (before, Reset, &[Standard, Chosen]),
            (Cell::Rnn, Whole, &[Standard, Relu, Chosen]),
        ];
        cells.into_iter().flat_map(|(cell, phases, flavours)| {
            flavours.iter().flat_map(move |flavour| {
                let flavour = *flavour;
                [false, true].map(|has_lengths| CellKernel { cell, flavour, phases, has_lengths })
            })
        })
    }

    pub(super) fn name(&self) -> String {
        let cell = match self.cell {
            Cell::Lstm => "lstm",
            Cell::Gru { .. } => "gru",
            Cell::Rnn => "rnn",
        };
        let flavour = match self.flavour {
            Flavour::Standard => "",
            Flavour::Relu => "_relu",
            Flavour::Chosen => "_chosen",
        };
        let phases = match self.phases {
            Phases::Whole => "",
            Phases::Reset => "_reset_before",
            Phases::Projection => "_projected",
        };
        let lengths = if self.has_lengths { "_lengths" } else { "" };
        format!("{cell}{flavour}{phases}{lengths}")
    }

    pub(super) fn constants(&self) -> [(&'static str, u32); 3] {
        [
            ("MAX_SLICES", MAX_SLICES as u32),
            ("HAS_C", self.cell.has_c().into()),
            ("IS_CHOSEN", (self.flavour == Flavour::Chosen).into()),
        ]
    }

    pub(super) fn files(&self) -> [&'static str; 5] {
        let cell = match self.cell {
            Cell::Lstm => include_str!("../../shaders/cell/lstm.wgsl"),
            Cell::Gru { .. } => include_str!("../../shaders/cell/gru.wgsl"),
            Cell::Rnn => include_str!("../../shaders/cell/rnn.wgsl"),
        };
        let activation = match (self.flavour, self.cell) {
            (Flavour::Standard, Cell::Rnn) => include_str!("../../shaders/activation/tanh.wgsl"),
            (Flavour::Standard, _) => include_str!("../../shaders/activation/standard.wgsl"),
            (Flavour::Relu, _) => include_str!("../../shaders/activation/relu.wgsl"),
            (Flavour::Chosen, _) => include_str!("../../shaders/activation/chosen.wgsl"),
        };
        let functions = include_str!("../../shaders/activation/functions.wgsl");
        let choice = include_str!("../../shaders/choice.wgsl");
        [choice, functions, activation, cell, lengths_file(self.has_lengths)]
    }
}

pub(super) fn lengths_file(has_lengths: bool) -> &'static str {
    if has_lengths {
        include_str!("../../shaders/lengths/given.wgsl")
    } else {
        include_str!("../../shaders/lengths/none.wgsl")
    }
}

fn compose_recurrence(
    cell: &CellKernel,
    input: Input,
    constants: &[(&str, u32)],
    parts: &[&str],
    skeleton: &str,
) -> String {
    let constants: Vec<_> = constants.iter().copied().chain(cell.constants()).collect();
    let recurrence = include_str!("../../shaders/recurrence.wgsl");
    let shared = [WEIGHTS_F32, input.file(), recurrence];
    let files = [&cell.files()[..], &shared, parts, &[skeleton]].concat();
    compose(&constants, &files)
}

/// Which phase of a time step a dispatch of `step.wgsl` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The only one, or the first of two.
    First,
    Second,
}

/// `step.wgsl`: one time step of all slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    pub cell: CellKernel,
    pub phase: Phase,
    pub input: Input,
    /// Batch rows of one invocation.
    pub rows: u32,
    /// Invocations of a workgroup.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
    /// Whether each batch row is any slot of a pool.
    pub is_pooled: bool,
}

/// Loop iterations of `accumulate` over `quads` quads where nothing is unrolled.
pub(super) fn accumulate_iterations(quads: u64, rows: u32, units_per_invocation: u32) -> u64 {
    let (rows, units) = (u64::from(rows), u64::from(units_per_invocation));
    quads * (1 + units + rows + rows * units)
}

impl Step {
    /// Quads of k that a workgroup stages of each row at a time.
    pub const TILE_QUADS: u32 = 64;
    /// Workgroup sizes and units per invocation.
    pub const SHAPES: [(u32, u32); 3] = [(32, 1), (64, 1), (32, 4)];

    pub fn all() -> impl Iterator<Item = Self> {
        let tiles = || {
            Self::SHAPES.into_iter().flat_map(|(units, each)| ROWS.map(|rows| (rows, units, each)))
        };
        let step = |cell, phase, input, (rows, units, units_per_invocation)| Step {
            cell,
            phase,
            input,
            rows,
            units,
            units_per_invocation,
            is_pooled: false,
        };
        CellKernel::all().flat_map(move |cell| {
            let hoisted = tiles().map(move |tile| step(cell, Phase::First, Input::Hoisted, tile));
            let fused = tiles().map(move |tile| step(cell, Phase::First, Input::Fused, tile));
            // The second phase has no input; it is composed with the hoisted one, which costs nothing unused.
            let second = tiles().map(move |tile| step(cell, Phase::Second, Input::Hoisted, tile));
            let second = second.filter(move |_| cell.phases != Phases::Whole);
            // A tick of a pool is one step of rows that are there, from x.
            let pooled = fused.clone().chain(second.clone()).filter(move |_| !cell.has_lengths);
            let pooled = pooled.map(|step| Step { is_pooled: true, ..step });
            hoisted.chain(fused).chain(second).chain(pooled)
        })
    }

    /// The same tile for the second phase of a step in two.
    pub fn second(self) -> Self {
        Step { phase: Phase::Second, input: Input::Hoisted, ..self }
    }

    pub fn grid(&self, sizes: &LayerSizes, batch: u64, slices: u64) -> [u64; 3] {
        let columns = match (self.phase, self.cell.phases) {
            (Phase::Second, Phases::Projection) => sizes.proj_size.div_ceil(4),
            _ => sizes.hidden_size,
        };
        let units = u64::from(self.units * self.units_per_invocation);
        [(columns as u64).div_ceil(units), batch.div_ceil(self.rows.into()), slices]
    }

    pub fn workgroup_bytes(&self) -> u32 {
        16 * self.rows * Self::TILE_QUADS
    }

    /// Loop iterations of one invocation where nothing is unrolled; `inner` is what a row of weights is multiplied
    /// with, x and h together where the kernel multiplies both.
    pub fn iterations(&self, inner: u64) -> u64 {
        let quads = inner.div_ceil(4) + 1;
        let staging = quads.div_ceil(Self::TILE_QUADS.into())
            * (1 + u64::from(self.rows * Self::TILE_QUADS / self.units));
        let update = 10 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        accumulate_iterations(quads, self.rows, self.units_per_invocation) + 2 * staging + update
    }

    pub fn name(&self) -> String {
        let input = match self.input {
            Input::Hoisted => "hoisted",
            Input::Fused => "fused",
        };
        let phase = match self.phase {
            Phase::First => input,
            Phase::Second => "second",
        };
        let pooled = if self.is_pooled { "_pooled" } else { "" };
        let Step { rows, units, units_per_invocation, .. } = self;
        let cell = self.cell.name();
        format!("step_{cell}_{phase}{pooled}_r{rows}_u{units}x{units_per_invocation}")
    }

    pub fn source(&self) -> String {
        let constants = [
            ("ROWS", self.rows),
            ("UNITS", self.units),
            ("UNITS_PER_INVOCATION", self.units_per_invocation),
            ("TILE_QUADS", Self::TILE_QUADS),
        ];
        let phase = match (self.cell.phases, self.phase) {
            (Phases::Whole, _) => include_str!("../../shaders/phase/whole.wgsl"),
            (Phases::Reset, Phase::First) => include_str!("../../shaders/phase/reset_first.wgsl"),
            (Phases::Reset, Phase::Second) => include_str!("../../shaders/phase/reset_second.wgsl"),
            (Phases::Projection, Phase::First) => {
                include_str!("../../shaders/phase/projection_first.wgsl")
            }
            (Phases::Projection, Phase::Second) => {
                include_str!("../../shaders/phase/projection_second.wgsl")
            }
        };
        let gates = match self.phase {
            Phase::First => include_str!("../../shaders/phase/gates.wgsl"),
            Phase::Second => "",
        };
        let slots = match self.is_pooled {
            false => include_str!("../../shaders/slots/own.wgsl"),
            true => include_str!("../../shaders/slots/given.wgsl"),
        };
        let parts = [slots, gates, phase];
        let skeleton = include_str!("../../shaders/step.wgsl");
        compose_recurrence(&self.cell, self.input, &constants, &parts, skeleton)
    }
}

/// `sequence.wgsl`: a chunk of time steps in one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    pub cell: CellKernel,
    /// Batch rows of a workgroup.
    pub rows: u32,
    /// Invocations of a workgroup.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
}

impl Sequence {
    /// Workgroup sizes and units per invocation, by their product: the largest hidden size.
    pub const SHAPES: [(u32, u32); 10] = [
        (32, 1),
        (64, 1),
        (16, 4),
        (128, 1),
        (32, 4),
        (256, 1),
        (64, 4),
        (256, 2),
        (128, 4),
        (256, 4),
    ];
    /// The largest hidden size of any shape.
    pub const MAX_HIDDEN: u32 = 1024;
    /// The most workgroup memory that any kernel here asks for.
    const MAX_WORKGROUP_BYTES: u32 = 32768;

    pub fn all() -> impl Iterator<Item = Self> {
        CellKernel::all()
            .flat_map(|cell| {
                Self::SHAPES.into_iter().flat_map(move |(units, units_per_invocation)| {
                    ROWS.map(|rows| Sequence { cell, rows, units, units_per_invocation })
                })
            })
            .filter(|kernel| kernel.workgroup_bytes() <= Self::MAX_WORKGROUP_BYTES)
    }

    /// The largest hidden size.
    pub fn capacity(&self) -> u32 {
        self.units * self.units_per_invocation
    }

    pub fn grid(&self, batch: u64, slices: u64) -> [u64; 3] {
        [batch.div_ceil(self.rows.into()), slices, 1]
    }

    /// Copies of h in workgroup memory.
    fn copies(&self) -> u32 {
        if self.cell.phases == Phases::Whole { 2 } else { 3 }
    }

    pub fn workgroup_bytes(&self) -> u32 {
        4 * self.copies() * self.rows * self.capacity()
    }

    /// Loop iterations of one invocation for a time step, where nothing is unrolled.
    pub fn step_iterations(&self, hidden_size: u64) -> u64 {
        let update = 10 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        let quads = hidden_size.div_ceil(4);
        let product = accumulate_iterations(quads, self.rows, self.units_per_invocation);
        let products = u64::from(self.copies() - 1);
        1 + products * product + update
    }

    pub fn name(&self) -> String {
        let cell = self.cell.name();
        format!("sequence_{cell}_r{}_u{}x{}", self.rows, self.units, self.units_per_invocation)
    }

    pub fn source(&self) -> String {
        let constants = [
            ("ROWS", self.rows),
            ("UNITS", self.units),
            ("UNITS_PER_INVOCATION", self.units_per_invocation),
            ("COPIES", self.copies()),
        ];
        let advance = match self.cell.phases {
            Phases::Whole => include_str!("../../shaders/advance/whole.wgsl"),
            Phases::Reset => include_str!("../../shaders/advance/reset.wgsl"),
            Phases::Projection => include_str!("../../shaders/advance/projection.wgsl"),
        };
        let skeleton = include_str!("../../shaders/sequence.wgsl");
        compose_recurrence(&self.cell, Input::Hoisted, &constants, &[advance], skeleton)
    }
}
