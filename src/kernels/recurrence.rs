//! Beside `shaders/recurrence.wgsl`, `step.wgsl` and `sequence.wgsl`: the kernels of the schedules.

use bytemuck::{Pod, Zeroable};

use super::{WEIGHTS_F32, compose};
use crate::problem::Cell;

/// Slices that one dispatch can have: directions, or layers of a wavefront.
pub const MAX_SLICES: usize = 16;
/// `NONE` of recurrence.wgsl.
pub const NONE: u32 = u32::MAX;
/// The batch rows that one invocation can own.
pub const ROWS: [u32; 5] = [1, 2, 4, 8, 16];

/// `struct Slice` of recurrence.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Slice {
    pub bias: u32,
    pub w_hh: u32,
    pub input_size: u32,
    pub state: u32,
    pub below: u32,
    pub delay: u32,
    pub reverse: u32,
    pub output: u32,
}

/// `struct Params` of recurrence.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct RecurrenceParams {
    pub hidden_size: u32,
    pub batch: u32,
    pub seq_len: u32,
    pub first_step: u32,
    pub num_steps: u32,
    pub phase: u32,
    pub state_size: u32,
    pub input_stride_t: u32,
    pub input_stride_b: u32,
    pub output_stride_t: u32,
    pub output_stride_b: u32,
    pub num_slices: u32,
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

fn cell_file(cell: Cell) -> &'static str {
    match cell {
        Cell::Lstm => include_str!("../../shaders/cell/lstm.wgsl"),
    }
}

fn compose_recurrence(
    cell: Cell,
    input: Input,
    constants: &[(&str, u32)],
    skeleton: &str,
) -> String {
    let max_slices = ("MAX_SLICES", MAX_SLICES as u32);
    let constants: Vec<_> = constants.iter().copied().chain([max_slices]).collect();
    let files = [
        include_str!("../../shaders/activation.wgsl"),
        cell_file(cell),
        WEIGHTS_F32,
        input.file(),
        include_str!("../../shaders/recurrence.wgsl"),
        skeleton,
    ];
    compose(&constants, &files)
}

/// `step.wgsl`: one time step of all slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    pub cell: Cell,
    pub input: Input,
    /// Batch rows of one invocation.
    pub rows: u32,
    /// Invocations of a workgroup.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
}

/// Loop iterations of `accumulate` over `quads` quads where nothing is unrolled.
fn accumulate_iterations(quads: u64, rows: u32, units_per_invocation: u32) -> u64 {
    let (rows, units) = (u64::from(rows), u64::from(units_per_invocation));
    quads * (1 + units + rows + rows * units)
}

impl Step {
    /// Quads of k that a workgroup stages of each row at a time.
    pub const TILE_QUADS: u32 = 64;
    /// Workgroup sizes and units per invocation.
    pub const SHAPES: [(u32, u32); 3] = [(32, 1), (64, 1), (32, 4)];

    pub fn all() -> impl Iterator<Item = Self> {
        let cell = Cell::Lstm;
        [Input::Hoisted, Input::Fused].into_iter().flat_map(move |input| {
            Self::SHAPES.into_iter().flat_map(move |(units, units_per_invocation)| {
                ROWS.into_iter().map(move |rows| Step {
                    cell,
                    input,
                    rows,
                    units,
                    units_per_invocation,
                })
            })
        })
    }

    pub fn grid(&self, hidden_size: u64, batch: u64, slices: u64) -> [u64; 3] {
        let units = self.units * self.units_per_invocation;
        [hidden_size.div_ceil(units.into()), batch.div_ceil(self.rows.into()), slices]
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
        let update = 4 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        accumulate_iterations(quads, self.rows, self.units_per_invocation) + 2 * staging + update
    }

    pub fn name(&self) -> String {
        let input = match self.input {
            Input::Hoisted => "hoisted",
            Input::Fused => "fused",
        };
        let cell = self.cell.to_string().to_lowercase();
        format!("step_{cell}_{input}_r{}_u{}x{}", self.rows, self.units, self.units_per_invocation)
    }

    pub fn source(&self) -> String {
        let constants = [
            ("ROWS", self.rows),
            ("UNITS", self.units),
            ("UNITS_PER_INVOCATION", self.units_per_invocation),
            ("TILE_QUADS", Self::TILE_QUADS),
        ];
        let skeleton = include_str!("../../shaders/step.wgsl");
        compose_recurrence(self.cell, self.input, &constants, skeleton)
    }
}

/// `sequence.wgsl`: a chunk of time steps in one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    pub cell: Cell,
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
        Self::SHAPES
            .into_iter()
            .flat_map(|(units, units_per_invocation)| {
                ROWS.into_iter().map(move |rows| Sequence {
                    cell: Cell::Lstm,
                    rows,
                    units,
                    units_per_invocation,
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
        4 * 2 * self.rows * self.capacity()
    }

    /// Loop iterations of one invocation for a time step, where nothing is unrolled.
    pub fn step_iterations(&self, hidden_size: u64) -> u64 {
        let update = 4 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        let quads = hidden_size.div_ceil(4);
        1 + accumulate_iterations(quads, self.rows, self.units_per_invocation) + update
    }

    pub fn name(&self) -> String {
        let cell = self.cell.to_string().to_lowercase();
        format!("sequence_{cell}_r{}_u{}x{}", self.rows, self.units, self.units_per_invocation)
    }

    pub fn source(&self) -> String {
        let constants = [
            ("ROWS", self.rows),
            ("UNITS", self.units),
            ("UNITS_PER_INVOCATION", self.units_per_invocation),
        ];
        let skeleton = include_str!("../../shaders/sequence.wgsl");
        compose_recurrence(self.cell, Input::Hoisted, &constants, skeleton)
    }
}
