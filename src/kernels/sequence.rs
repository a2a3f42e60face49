//! Beside `shaders/sequence.wgsl`: a chunk of time steps in one dispatch.

use super::format_suffix;
use super::recurrence::{
    COLUMNS, CellKernel, Input, Phases, ROWS, compose_recurrence, split_bytes, split_iterations,
};
use crate::cell::Cell;
use crate::format::WeightFormat;

const RESIDENT_COLUMNS: &str = include_str!("../../shaders/columns/registers.wgsl");

/// `sequence.wgsl`: a chunk of time steps in one dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    pub cell: CellKernel,
    pub weights: WeightFormat,
    /// Batch rows of a workgroup.
    pub rows: u32,
    /// Units of a workgroup, each with `split` invocations; `units_per_invocation` times as many.
    pub units: u32,
    /// Hidden units of one invocation.
    pub units_per_invocation: u32,
    /// Invocations that share a unit's sums.
    pub split: u32,
    /// Whether invocations keep their parts of the weights for the whole chunk.
    pub is_resident: bool,
}

/// Units of a workgroup's invocations, units of each, and invocations that share a unit's sums.
pub type ResidentShape = (u32, u32, u32);

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
    /// The kernels of a CPU adapter that keep their weights. More columns to an invocation would be faster, and take far
    /// longer to compile.
    const RESIDENT_SHAPES_SOFTWARE: [ResidentShape; 3] = [(8, 2, 1), (16, 2, 1), (32, 2, 1)];
    /// The largest hidden sizes of the others, and by how many they can be shared.
    const RESIDENT_UNITS: [u32; 4] = [32, 64, 128, 256];
    const RESIDENT_SPLITS: [u32; 3] = [2, 4, 8];
    /// The most registers that an invocation's part of the weights may take, and the most rows beside it.
    const MAX_KEPT_BYTES: u64 = 4 * 64;
    pub const MAX_RESIDENT_ROWS: u32 = 4;
    /// The most invocations of a workgroup that devices grant in general.
    const MAX_INVOCATIONS: u32 = 1024;
    /// The largest hidden size of any shape.
    pub const MAX_HIDDEN: u32 = 1024;
    /// The most workgroup memory that any kernel here asks for.
    const MAX_WORKGROUP_BYTES: u32 = 32768;

    pub fn all() -> impl Iterator<Item = Self> {
        CellKernel::in_all_formats()
            .flat_map(|(cell, weights)| {
                let streamed = Self::SHAPES.into_iter().flat_map(move |shape| {
                    let (units, units_per_invocation) = shape;
                    let split = 1;
                    ROWS.map(|rows| Sequence {
                        cell,
                        weights,
                        rows,
                        units,
                        units_per_invocation,
                        split,
                        is_resident: false,
                    })
                });
                let shapes = [false, true]
                    .into_iter()
                    .flat_map(move |software| Self::resident_shapes(cell, weights, software));
                let resident = shapes.flat_map(move |shape| {
                    ROWS.map(|rows| Self::resident(cell, weights, rows, shape))
                });
                let resident = resident.filter(|kernel| kernel.rows <= Self::MAX_RESIDENT_ROWS);
                streamed.chain(resident)
            })
            .filter(|kernel| kernel.workgroup_bytes() <= Self::MAX_WORKGROUP_BYTES)
    }

    /// A kernel that keeps its weights.
    pub fn resident(
        cell: CellKernel,
        weights: WeightFormat,
        rows: u32,
        (units, units_per_invocation, split): ResidentShape,
    ) -> Self {
        Sequence { cell, weights, rows, units, units_per_invocation, split, is_resident: true }
    }

    /// The shapes of kernels that keep their weights, by their largest hidden size; on a GPU each with the fewest
    /// invocations to a unit whose registers hold them. A step in two phases would have two matrices to keep; there are
    /// no such kernels.
    pub fn resident_shapes(
        cell: CellKernel,
        weights: WeightFormat,
        is_software: bool,
    ) -> Vec<ResidentShape> {
        if cell.phases != Phases::Whole {
            return Vec::new();
        }
        if is_software {
            return Self::RESIDENT_SHAPES_SOFTWARE.to_vec();
        }
        let packed_bytes = match cell.cell {
            Cell::Rnn => 4,
            _ => 4 * weights.element_bytes(),
        };
        let shape = |units: u32| {
            let holds =
                |split: &u32| u64::from(units / split) * packed_bytes <= Self::MAX_KEPT_BYTES;
            let split = Self::RESIDENT_SPLITS.into_iter().find(holds)?;
            (units * split <= Self::MAX_INVOCATIONS).then_some((units, 1, split))
        };
        Self::RESIDENT_UNITS.into_iter().filter_map(shape).collect()
    }

    /// Quads of k that an invocation keeps of each of its columns.
    fn kept_quads(&self) -> u32 {
        self.capacity() / (4 * self.split)
    }

    /// Invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        self.units * self.split
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
        let sums = self.rows * self.units_per_invocation;
        4 * self.copies() * self.rows * self.capacity()
            + split_bytes(self.cell.cell, self.split, self.units, sums)
    }

    /// Loop iterations of one invocation for a time step, where nothing is unrolled.
    pub fn step_iterations(&self, hidden_size: u64) -> u64 {
        let update = 10 * u64::from((1 + self.rows) * (1 + self.units_per_invocation));
        let quads = match self.is_resident {
            true => u64::from(self.kept_quads()),
            false => hidden_size.div_ceil(4),
        };
        let parts = split_iterations(self.split, (self.rows * self.units_per_invocation).into());
        let products = u64::from(self.copies() - 1);
        1 + products * (1 + quads) + parts + update
    }

    pub fn name(&self) -> String {
        let cell = format!("{}{}", self.cell.name(), format_suffix(self.weights));
        let Sequence { rows, units, units_per_invocation, split, .. } = self;
        let resident = if self.is_resident { format!("s{split}") } else { String::new() };
        format!("sequence_{cell}_r{rows}_u{units}x{units_per_invocation}{resident}")
    }

    pub fn source(&self) -> String {
        let constants = [("UNITS", self.units), ("COPIES", self.copies())];
        let streamed = include_str!("../../shaders/advance/streamed.wgsl");
        let update = include_str!("../../shaders/advance/update.wgsl");
        let kept = match self.kept_quads() {
            4 => include_str!("../../shaders/kept/quads4.wgsl"),
            8 => include_str!("../../shaders/kept/quads8.wgsl"),
            _ => include_str!("../../shaders/kept/quads16.wgsl"),
        };
        let advance: &[_] = match self.cell.phases {
            Phases::Whole if self.is_resident => &[
                RESIDENT_COLUMNS,
                kept,
                update,
                include_str!("../../shaders/advance/resident.wgsl"),
            ],
            Phases::Whole => {
                &[COLUMNS, streamed, update, include_str!("../../shaders/advance/whole.wgsl")]
            }
            Phases::Reset => &[COLUMNS, streamed, include_str!("../../shaders/advance/reset.wgsl")],
            Phases::Projection => {
                &[COLUMNS, streamed, include_str!("../../shaders/advance/projection.wgsl")]
            }
        };
        let skeleton = include_str!("../../shaders/sequence.wgsl");
        let kind = (self.weights, Input::Hoisted, self.split);
        let tile = (self.rows, self.units_per_invocation);
        compose_recurrence(&self.cell, kind, tile, &constants, advance, skeleton)
    }
}
