//! Beside `shaders/step.wgsl`: one time step of all slices.

use super::format_suffix;
use super::recurrence::{
    COLUMNS, CellKernel, Input, Phases, ROWS, compose_recurrence, split_bytes, split_iterations,
};
use crate::format::WeightFormat;
use crate::problem::LayerSizes;

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
    pub weights: WeightFormat,
    pub phase: Phase,
    pub input: Input,
    /// Batch rows of one invocation.
    pub rows: u32,
    /// Units of a workgroup, each with `split` invocations; `units_per_invocation` times as many.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
    /// Invocations that share a unit's sums.
    pub split: u32,
    /// Whether each batch row is any slot of a pool.
    pub is_pooled: bool,
}

impl Step {
    /// The invocations that can share a unit's sums.
    pub const SPLITS: [u32; 3] = [1, 8, 32];
    /// The most rows of an invocation that has only a part of their sums.
    pub const MAX_SPLIT_ROWS: u32 = 8;
    /// Quads of k that a workgroup stages of each row at a time.
    pub const TILE_QUADS: u32 = 64;
    /// Units of a workgroup's invocations, units of each, and invocations that share a unit's sums.
    pub const SHAPES: [(u32, u32, u32); 5] =
        [(32, 1, 1), (64, 1, 1), (32, 4, 1), (32, 1, 8), (8, 1, 32)];

    pub fn all() -> impl Iterator<Item = Self> {
        let tiles = || {
            let rows = |shape| ROWS.map(|rows| (rows, shape));
            // Where there are that many rows, there are enough sums.
            Self::SHAPES
                .into_iter()
                .flat_map(rows)
                .filter(|(rows, (.., split))| *split == 1 || *rows <= Self::MAX_SPLIT_ROWS)
        };
        let step = |(cell, weights), phase, input, (rows, shape)| {
            let (units, units_per_invocation, split) = shape;
            Step {
                cell,
                weights,
                phase,
                input,
                rows,
                units,
                units_per_invocation,
                split,
                is_pooled: false,
            }
        };
        CellKernel::in_all_formats().flat_map(move |cell| {
            let hoisted = tiles().map(move |tile| step(cell, Phase::First, Input::Hoisted, tile));
            let fused = tiles().map(move |tile| step(cell, Phase::First, Input::Fused, tile));
            // The second phase has no input; it is composed with the hoisted one, which costs nothing unused.
            let second = tiles().map(move |tile| step(cell, Phase::Second, Input::Hoisted, tile));
            let second = second.filter(move |_| cell.0.phases != Phases::Whole);
            // A tick of a pool is one step of rows that are there, from x.
            let pooled = fused.clone().chain(second.clone());
            let pooled = pooled.filter(move |_| !cell.0.has_lengths);
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
        let sums = self.rows * self.units_per_invocation;
        16 * self.rows * Self::TILE_QUADS
            + split_bytes(self.cell.cell, self.split, self.units, sums)
    }

    /// Invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        self.units * self.split
    }

    /// Loop iterations of one invocation where nothing is unrolled; `inner` is what a row of weights is multiplied
    /// with, x and h together where the kernel multiplies both.
    pub fn iterations(&self, inner: u64) -> u64 {
        let quads = inner.div_ceil(4) + 1;
        let staging = quads.div_ceil(Self::TILE_QUADS.into())
            * (2 + u64::from(self.rows * Self::TILE_QUADS / self.invocations()));
        let update = 10 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        let parts = split_iterations(self.split, (self.rows * self.units_per_invocation).into());
        // Each tile ends with a round for the quads that are left.
        let own_quads = quads.div_ceil(self.split.into()) + quads / u64::from(Self::TILE_QUADS);
        own_quads + 2 * staging + parts + update
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
        let Step { rows, units, units_per_invocation, split, .. } = self;
        let split = if *split == 1 { String::new() } else { format!("s{split}") };
        let cell = format!("{}{}", self.cell.name(), format_suffix(self.weights));
        let pooled = if self.is_pooled { "_pooled" } else { "" };
        format!("step_{cell}_{phase}{pooled}_r{rows}_u{units}x{units_per_invocation}{split}")
    }

    pub fn source(&self) -> String {
        let constants = [("UNITS", self.units), ("TILE_QUADS", Self::TILE_QUADS)];
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
        let parts = [COLUMNS, slots, gates, phase];
        let skeleton = include_str!("../../shaders/step.wgsl");
        let kind = (self.weights, self.input, self.split);
        let tile = (self.rows, self.units_per_invocation);
        compose_recurrence(&self.cell, kind, tile, &constants, &parts, skeleton)
    }
}
