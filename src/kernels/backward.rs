//! Beside `shaders/backward.wgsl`, `step_backward.wgsl`, `sequence_backward.wgsl` and `cell_states.wgsl`: the backward
//! pass through time.

use bytemuck::{Pod, Zeroable};

use super::recurrence::{CellKernel, Choice, MAX_SLICES, Phases, ROWS, Sequence};
use super::{WEIGHTS_F32, compose};
use crate::cell::{Cell, Flavour};

/// `struct BackwardSlice` of backward.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct BackwardSlice {
    pub w_t: u32,
    pub carry_h: u32,
    pub carry_c: u32,
    pub h0: u32,
    pub c_before: u32,
    pub c_after: u32,
    pub output: u32,
    pub reverse: u32,
    pub choice: Choice,
}

/// `struct BackwardParams` of backward.wgsl.
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
    pub output_stride_t: u32,
    pub output_stride_b: u32,
    pub c_seq: u32,
    pub num_slices: u32,
    pub slices: [BackwardSlice; MAX_SLICES],
}

/// The cells whose backward pass is one product with h.
fn cells() -> impl Iterator<Item = CellKernel> {
    CellKernel::all().filter(|cell| cell.phases == Phases::Whole)
}

/// Bytes of a word of gates.
fn word_bytes(cell: Cell) -> u32 {
    if cell == Cell::Rnn { 4 } else { 16 }
}

fn derivative(cell: &CellKernel) -> &'static str {
    match (cell.flavour, cell.cell) {
        (Flavour::Standard, Cell::Rnn) => include_str!("../../shaders/derivative/tanh.wgsl"),
        (Flavour::Standard, _) => include_str!("../../shaders/derivative/standard.wgsl"),
        (Flavour::Relu, _) => include_str!("../../shaders/derivative/relu.wgsl"),
        (Flavour::Chosen, _) => include_str!("../../shaders/derivative/chosen.wgsl"),
    }
}

fn compose_backward(cell: &CellKernel, constants: &[(&str, u32)], skeleton: &str) -> String {
    let constants: Vec<_> = constants.iter().copied().chain(cell.constants()).collect();
    let gradients = match cell.cell {
        Cell::Lstm => include_str!("../../shaders/cell/lstm_backward.wgsl"),
        Cell::Gru { .. } => include_str!("../../shaders/cell/gru_backward.wgsl"),
        Cell::Rnn => include_str!("../../shaders/cell/rnn_backward.wgsl"),
    };
    let params = include_str!("../../shaders/backward_params.wgsl");
    let shared = include_str!("../../shaders/backward.wgsl");
    let own = [derivative(cell), gradients, WEIGHTS_F32, params, shared, skeleton];
    compose(&constants, &[&cell.files()[..], &own].concat())
}

/// Loop iterations of `accumulate` over `units` units where nothing is unrolled.
fn accumulate_iterations(units: u64, rows: u32, units_per_invocation: u32) -> u64 {
    let (rows, each) = (u64::from(rows), u64::from(units_per_invocation));
    units * (1 + each + rows + rows * each)
}

/// `step_backward.wgsl`: one time step of all slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepBackward {
    pub cell: CellKernel,
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
        cells().flat_map(|cell| {
            Self::SHAPES.into_iter().flat_map(move |(units, units_per_invocation)| {
                ROWS.map(|rows| StepBackward { cell, rows, units, units_per_invocation })
            })
        })
    }

    pub fn grid(&self, hidden_size: u64, batch: u64, slices: u64) -> [u64; 3] {
        let units = u64::from(self.units * self.units_per_invocation);
        [hidden_size.div_ceil(units), batch.div_ceil(self.rows.into()), slices]
    }

    pub fn workgroup_bytes(&self) -> u32 {
        word_bytes(self.cell.cell) * self.rows * Self::TILE_WORDS
    }

    /// Loop iterations of one invocation where nothing is unrolled.
    pub fn iterations(&self, hidden_size: u64) -> u64 {
        let staging = hidden_size.div_ceil(Self::TILE_WORDS.into())
            * (2 + u64::from(self.rows * Self::TILE_WORDS / self.units));
        let update = 4 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        accumulate_iterations(hidden_size, self.rows, self.units_per_invocation) + staging + update
    }

    pub fn name(&self) -> String {
        let StepBackward { cell, rows, units, units_per_invocation } = self;
        format!("step_backward_{}_r{rows}_u{units}x{units_per_invocation}", cell.name())
    }

    pub fn source(&self) -> String {
        let constants = [
            ("ROWS", self.rows),
            ("UNITS", self.units),
            ("UNITS_PER_INVOCATION", self.units_per_invocation),
            ("TILE_WORDS", Self::TILE_WORDS),
        ];
        let skeleton = include_str!("../../shaders/step_backward.wgsl");
        compose_backward(&self.cell, &constants, skeleton)
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
        cells()
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
        word_bytes(self.cell.cell) * self.rows * self.capacity()
    }

    /// Loop iterations of one invocation for a time step, where nothing is unrolled.
    pub fn step_iterations(&self, hidden_size: u64) -> u64 {
        let update = 4 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        1 + accumulate_iterations(hidden_size, self.rows, self.units_per_invocation) + update
    }

    pub fn name(&self) -> String {
        let SequenceBackward { cell, rows, units, units_per_invocation } = self;
        format!("sequence_backward_{}_r{rows}_u{units}x{units_per_invocation}", cell.name())
    }

    pub fn source(&self) -> String {
        let constants = [
            ("ROWS", self.rows),
            ("UNITS", self.units),
            ("UNITS_PER_INVOCATION", self.units_per_invocation),
        ];
        let skeleton = include_str!("../../shaders/sequence_backward.wgsl");
        compose_backward(&self.cell, &constants, skeleton)
    }
}

/// `cell_states.wgsl`: c after every step of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellStates {
    pub cell: CellKernel,
}

impl CellStates {
    pub const UNITS: u32 = 64;

    pub fn all() -> impl Iterator<Item = Self> {
        let lstms = cells().filter(|cell| cell.cell.has_c() && !cell.has_lengths);
        lstms.map(|cell| CellStates { cell })
    }

    pub fn grid(hidden_size: u64, batch: u64, slices: u64) -> [u64; 3] {
        [hidden_size.div_ceil(Self::UNITS.into()), batch, slices]
    }

    pub fn name(&self) -> String {
        format!("cell_states_{}", self.cell.name())
    }

    pub fn source(&self) -> String {
        let constants: Vec<_> =
            [("UNITS", Self::UNITS)].into_iter().chain(self.cell.constants()).collect();
        let params = include_str!("../../shaders/backward_params.wgsl");
        let skeleton = include_str!("../../shaders/cell_states.wgsl");
        let own = [WEIGHTS_F32, params, skeleton];
        compose(&constants, &[&self.cell.files()[..], &own].concat())
    }
}
