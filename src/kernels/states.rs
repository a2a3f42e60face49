//! Beside `shaders/cell_states.wgsl`, `reset_states.wgsl` and `peephole_gradient.wgsl`: what the backward pass through
//! time works on and leaves behind, unit by unit over whole chunks of time steps.

use super::recurrence::{CellKernel, MAX_SLICES, Phases, lengths_file};
use super::{BACKWARD_PARAMS, H_BEFORE, QUADS_AS_GATES, WEIGHTS_F32, compose};
use crate::cell::Cell;

/// Invocations of a workgroup of any of these.
const UNITS: u32 = 64;

/// `cell_states.wgsl`: c after every step of a chunk, and what is projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellStates {
    pub cell: CellKernel,
}

impl CellStates {
    pub const UNITS: u32 = UNITS;

    pub fn all() -> impl Iterator<Item = Self> {
        let lstms = CellKernel::all().filter(|cell| cell.cell.has_c() && !cell.has_lengths);
        lstms.map(|cell| CellStates { cell })
    }

    pub fn grid(hidden_size: u64, batch: u64, slices: u64) -> [u64; 3] {
        [hidden_size.div_ceil(UNITS.into()), batch, slices]
    }

    pub fn name(&self) -> String {
        format!("cell_states_{}", self.cell.name())
    }

    pub fn source(&self) -> String {
        let has_h_inner = u32::from(self.cell.phases == Phases::Projection);
        let own = [("UNITS", UNITS), ("HAS_H_INNER", has_h_inner)];
        let constants: Vec<_> = own.into_iter().chain(self.cell.constants()).collect();
        let skeleton = include_str!("../../shaders/cell_states.wgsl");
        let own = [WEIGHTS_F32, BACKWARD_PARAMS, skeleton];
        compose(&constants, &[&self.cell.files()[..], &own].concat())
    }
}

/// `reset_states.wgsl`: what the candidate's weights multiply in every step of a GRU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResetStates {
    pub cell: CellKernel,
}

impl ResetStates {
    pub const UNITS: u32 = UNITS;
    /// Rows of a workgroup.
    pub const ROWS: u32 = 32;

    pub fn all() -> impl Iterator<Item = Self> {
        let cells = CellKernel::all().filter(|cell| matches!(cell.cell, Cell::Gru { .. }));
        cells.map(|cell| ResetStates { cell })
    }

    /// `rows` are the steps of the chunk times batch.
    pub fn grid(hidden_size: u64, rows: u64, slices: u64) -> [u64; 3] {
        [hidden_size.div_ceil(UNITS.into()), rows.div_ceil(Self::ROWS.into()), slices]
    }

    pub fn name(&self) -> String {
        format!("reset_states_{}", self.cell.name())
    }

    pub fn source(&self) -> String {
        let is_scaled = u32::from(self.cell.phases == Phases::Reset);
        let own = [("UNITS", UNITS), ("ROWS", Self::ROWS), ("IS_SCALED", is_scaled)];
        let constants: Vec<_> = own.into_iter().chain(self.cell.constants()).collect();
        let skeleton = include_str!("../../shaders/reset_states.wgsl");
        let own = [BACKWARD_PARAMS, H_BEFORE, skeleton];
        compose(&constants, &[&self.cell.files()[..], &own].concat())
    }
}

/// `peephole_gradient.wgsl`: the gradient of an LSTM's peepholes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeepholeGradient {
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

impl PeepholeGradient {
    pub const UNITS: u32 = UNITS;

    pub fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|has_lengths| PeepholeGradient { has_lengths })
    }

    pub fn grid(hidden_size: u64, slices: u64) -> [u64; 3] {
        [hidden_size.div_ceil(UNITS.into()), slices, 1]
    }

    /// Loop iterations of one invocation; `rows` are the steps of the dispatch times batch.
    pub fn iterations(rows: u64) -> u64 {
        rows
    }

    pub fn name(&self) -> String {
        let lengths = if self.has_lengths { "_lengths" } else { "" };
        format!("gradient_peepholes{lengths}")
    }

    pub fn source(&self) -> String {
        let constants = [("UNITS", UNITS), ("MAX_SLICES", MAX_SLICES as u32)];
        let choice = include_str!("../../shaders/choice.wgsl");
        let skeleton = include_str!("../../shaders/peephole_gradient.wgsl");
        let lengths = lengths_file(self.has_lengths);
        compose(&constants, &[QUADS_AS_GATES, choice, lengths, BACKWARD_PARAMS, skeleton])
    }
}
