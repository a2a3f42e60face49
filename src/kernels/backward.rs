//! Beside `shaders/backward.wgsl`, `step_backward.wgsl`, `sequence_backward.wgsl`: the backward pass through time.

use bytemuck::{Pod, Zeroable};

use super::recurrence::{CellKernel, Choice, MAX_SLICES, Phases, ROWS};
use super::sequence::Sequence;
use super::step::Phase;
use super::{BACKWARD_PARAMS, H_BEFORE, Lanes, WEIGHTS_F32, compose, product_files};
use crate::cell::{Cell, Flavour};
use crate::problem::LayerSizes;

/// `struct BackwardSlice` of backward_params.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct BackwardSlice {
    pub w_t: u32,
    pub w_hr_t: u32,
    pub carry_h: u32,
    pub carry_c: u32,
    pub h0: u32,
    pub c_before: u32,
    pub c_after: u32,
    pub output: u32,
    pub reverse: u32,
    pub first_row: u32,
    pub delay: u32,
    pub w_above: u32,
    pub d_peepholes: u32,
    pub choice: Choice,
}

/// `struct BackwardParams` of backward_params.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct BackwardParams {
    pub hidden_size: u32,
    pub recurrent_size: u32,
    pub row_words: u32,
    pub t_words: u32,
    pub batch: u32,
    pub seq_len: u32,
    pub chunk_step: u32,
    pub first_step: u32,
    pub num_steps: u32,
    pub first_tick: u32,
    pub output_stride_t: u32,
    pub output_stride_b: u32,
    pub c_seq: u32,
    pub h_inner: u32,
    pub exchange: u32,
    pub accumulate: u32,
    pub num_slices: u32,
    pub slices: [BackwardSlice; MAX_SLICES],
}

fn derivative(cell: &CellKernel) -> &'static str {
    match (cell.flavour, cell.cell) {
        (Flavour::Standard, Cell::Rnn) => include_str!("../../shaders/derivative/tanh.wgsl"),
        (Flavour::Standard, _) => include_str!("../../shaders/derivative/standard.wgsl"),
        (Flavour::Relu, _) => include_str!("../../shaders/derivative/relu.wgsl"),
        (Flavour::Chosen, _) => include_str!("../../shaders/derivative/chosen.wgsl"),
    }
}

/// Where a step takes the gradient of its layer's output from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DOutput {
    /// It is there for all steps.
    Given,
    /// From d_pre of the layer above, in a wave.
    Above,
}

impl DOutput {
    /// Whether h before every step has to lie in h_inner: in a wave, where only a GRU's gradients ask for it.
    pub fn keeps_h(self, cell: Cell) -> bool {
        self == DOutput::Above && matches!(cell, Cell::Gru { .. })
    }

    /// That, and where h before a step lies.
    fn files(self) -> [&'static str; 2] {
        match self {
            DOutput::Given => [include_str!("../../shaders/d_output/given.wgsl"), H_BEFORE],
            DOutput::Above => [
                include_str!("../../shaders/d_output/above.wgsl"),
                include_str!("../../shaders/h_before/kept.wgsl"),
            ],
        }
    }
}

fn compose_backward(
    cell: &CellKernel,
    d_output: DOutput,
    (rows, units_per_invocation): (u32, u32),
    constants: &[(&str, u32)],
    parts: &[&str],
    skeleton: &str,
) -> String {
    let tile = [("ROWS", rows), ("UNITS_PER_INVOCATION", units_per_invocation)];
    let constants: Vec<_> = constants.iter().copied().chain(tile).chain(cell.constants()).collect();
    // Whatever the lanes of a word, a unit has one sum.
    let product = product_files(Lanes::One, rows, units_per_invocation);
    let transposed = match Lanes::of(cell.cell) {
        Lanes::One => include_str!("../../shaders/transposed/one_lane.wgsl"),
        Lanes::Four => include_str!("../../shaders/transposed/four_lanes.wgsl"),
    };
    let gradients = match cell.cell {
        Cell::Lstm => include_str!("../../shaders/cell/lstm_backward.wgsl"),
        Cell::Gru { .. } => include_str!("../../shaders/cell/gru_backward.wgsl"),
        Cell::Rnn => include_str!("../../shaders/cell/rnn_backward.wgsl"),
    };
    let unit = match cell.phases {
        Phases::Whole => include_str!("../../shaders/unit_backward/whole.wgsl"),
        Phases::Reset => include_str!("../../shaders/unit_backward/reset.wgsl"),
        Phases::Projection => include_str!("../../shaders/unit_backward/projection.wgsl"),
    };
    let shared = include_str!("../../shaders/backward.wgsl");
    let [d_output, h_before] = d_output.files();
    let own = [derivative(cell), gradients, WEIGHTS_F32, BACKWARD_PARAMS, h_before, d_output];
    let own = [&own[..], &product, &[shared, transposed, unit]].concat();
    compose(&constants, &[&cell.files()[..], &own, parts, &[skeleton]].concat())
}

/// `step_backward.wgsl`: one time step of all slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepBackward {
    pub cell: CellKernel,
    pub phase: Phase,
    pub d_output: DOutput,
    /// Batch rows of one invocation.
    pub rows: u32,
    /// Invocations of a workgroup.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
}

impl StepBackward {
    /// Words of d_pre that a workgroup stages of each row at a time.
    pub const TILE_WORDS: u32 = 64;
    /// Workgroup sizes and units per invocation.
    pub const SHAPES: [(u32, u32); 3] = [(32, 1), (64, 1), (32, 4)];

    pub fn all() -> impl Iterator<Item = Self> {
        let (phase, d_output) = (Phase::First, DOutput::Given);
        let first = CellKernel::all().flat_map(move |cell| {
            Self::SHAPES.into_iter().flat_map(move |(units, units_per_invocation)| {
                ROWS.map(|rows| StepBackward {
                    cell,
                    phase,
                    d_output,
                    rows,
                    units,
                    units_per_invocation,
                })
            })
        });
        first.flat_map(|first| {
            let other = match first.cell.phases {
                Phases::Whole => StepBackward { d_output: DOutput::Above, ..first },
                _ => first.second(),
            };
            [first, other]
        })
    }

    /// The same tile for the second phase of a step in two.
    pub fn second(self) -> Self {
        StepBackward { phase: Phase::Second, ..self }
    }

    pub fn grid(&self, sizes: &LayerSizes, batch: u64, slices: u64) -> [u64; 3] {
        let columns = match self.phase {
            Phase::First => sizes.recurrent_size(),
            Phase::Second => sizes.hidden_size,
        };
        let units = u64::from(self.units * self.units_per_invocation);
        [(columns as u64).div_ceil(units), batch.div_ceil(self.rows.into()), slices]
    }

    pub fn workgroup_bytes(&self) -> u32 {
        Lanes::of(self.cell.cell).bytes() * self.rows * Self::TILE_WORDS
    }

    /// Loop iterations of one invocation where nothing is unrolled.
    pub fn iterations(&self, hidden_size: u64) -> u64 {
        let tiles = hidden_size.div_ceil(Self::TILE_WORDS.into());
        let staging = tiles * (2 + u64::from(self.rows * Self::TILE_WORDS / self.units));
        let update = 4 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        let product = hidden_size + staging;
        let products = if self.d_output == DOutput::Above { 2 } else { 1 };
        products * product + update
    }

    pub fn name(&self) -> String {
        let StepBackward { cell, phase, d_output, rows, units, units_per_invocation } = self;
        let part = match (phase, d_output) {
            (Phase::Second, _) => "_second",
            (Phase::First, DOutput::Above) => "_above",
            (Phase::First, DOutput::Given) => "",
        };
        format!("step_backward_{}{part}_r{rows}_u{units}x{units_per_invocation}", cell.name())
    }

    pub fn source(&self) -> String {
        let constants = [
            ("UNITS", self.units),
            ("TILE_WORDS", Self::TILE_WORDS),
            ("HAS_H_INNER", self.d_output.keeps_h(self.cell.cell).into()),
        ];
        let gates = include_str!("../../shaders/phase_backward/gates.wgsl");
        let parts: &[_] = match (self.cell.phases, self.phase) {
            (Phases::Whole, _) => &[gates, include_str!("../../shaders/phase_backward/whole.wgsl")],
            (_, Phase::First) => &[gates, include_str!("../../shaders/phase_backward/first.wgsl")],
            (_, Phase::Second) => &[include_str!("../../shaders/phase_backward/second.wgsl")],
        };
        let skeleton = include_str!("../../shaders/step_backward.wgsl");
        let tile = (self.rows, self.units_per_invocation);
        compose_backward(&self.cell, self.d_output, tile, &constants, parts, skeleton)
    }
}

/// `sequence_backward.wgsl`: a chunk of time steps in one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceBackward {
    pub cell: CellKernel,
    /// Batch rows of a workgroup.
    pub rows: u32,
    /// Invocations of a workgroup.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
}

impl SequenceBackward {
    const MAX_WORKGROUP_BYTES: u32 = 32768;

    pub fn all() -> impl Iterator<Item = Self> {
        CellKernel::all()
            .flat_map(|cell| {
                Sequence::SHAPES.into_iter().flat_map(move |(units, units_per_invocation)| {
                    ROWS.map(|rows| SequenceBackward { cell, rows, units, units_per_invocation })
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

    pub fn workgroup_bytes(&self) -> u32 {
        let exchanged = if self.cell.phases == Phases::Whole { 0 } else { 4 };
        (Lanes::of(self.cell.cell).bytes() + exchanged) * self.rows * self.capacity()
    }

    /// Loop iterations of one invocation for a time step, where nothing is unrolled.
    pub fn step_iterations(&self, hidden_size: u64) -> u64 {
        let update = 8 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        let products = if self.cell.phases == Phases::Whole { 1 } else { 2 };
        1 + products * hidden_size + update
    }

    pub fn name(&self) -> String {
        let SequenceBackward { cell, rows, units, units_per_invocation } = self;
        format!("sequence_backward_{}_r{rows}_u{units}x{units_per_invocation}", cell.name())
    }

    pub fn source(&self) -> String {
        let constants = [("UNITS", self.units)];
        let advance = match self.cell.phases {
            Phases::Whole => include_str!("../../shaders/advance_backward/whole.wgsl"),
            _ => include_str!("../../shaders/advance_backward/two_phases.wgsl"),
        };
        let skeleton = include_str!("../../shaders/sequence_backward.wgsl");
        let tile = (self.rows, self.units_per_invocation);
        compose_backward(&self.cell, DOutput::Given, tile, &constants, &[advance], skeleton)
    }
}
