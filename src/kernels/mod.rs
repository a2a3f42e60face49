//! The GPU programs. Each module stands beside a file of `shaders/`: it names the constants, the parameters and the
//! grid of that shader, and composes its source from whole WGSL files.

pub mod gather;
pub mod matmul;
pub mod recurrence;

pub use gather::{Gather, GatherParams};
pub use matmul::{Matmul, MatmulParams, Store, Tile};
pub use recurrence::{
    CellKernel, Choice, Input, Phase, Phases, RecurrenceParams, Sequence, Slice, Step,
};

/// A kernel with all its constants: one WGSL module, one pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    Gather(Gather),
    Matmul(Matmul),
    Step(Step),
    Sequence(Sequence),
}

/// Steps that one chunk can have at most: the clock has one entry for each.
pub(crate) const MAX_CHUNK: usize = 4096;
/// The binding of lengths/given.wgsl.
const LENGTHS_BINDING: u32 = 5;

/// How a kernel uses a storage binding. Binding 0 is always its parameters, which it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    Read,
    ReadWrite,
}

impl Kernel {
    /// Unique among all kernels: the shader and its constants.
    pub fn name(&self) -> String {
        match self {
            Kernel::Gather(kernel) => kernel.name(),
            Kernel::Matmul(kernel) => kernel.name(),
            Kernel::Step(kernel) => kernel.name(),
            Kernel::Sequence(kernel) => kernel.name(),
        }
    }

    /// The whole WGSL module; the entry point is `main`.
    pub fn source(&self) -> String {
        match self {
            Kernel::Gather(kernel) => kernel.source(),
            Kernel::Matmul(kernel) => kernel.source(),
            Kernel::Step(kernel) => kernel.source(),
            Kernel::Sequence(kernel) => kernel.source(),
        }
    }

    /// The storage bindings of group 0, with their numbers.
    pub fn bindings(&self) -> Vec<(u32, Access)> {
        use Access::{Read, ReadWrite};
        let (own, has_lengths) = match self {
            Kernel::Gather(kernel) if kernel.is_by_token => {
                (&[Read, Read, ReadWrite, Read][..], kernel.has_lengths)
            }
            Kernel::Gather(kernel) => (&[Read, Read, ReadWrite][..], kernel.has_lengths),
            Kernel::Matmul(kernel) => (&[Read, Read, ReadWrite][..], kernel.has_lengths),
            Kernel::Step(Step { cell, .. }) | Kernel::Sequence(Sequence { cell, .. }) => {
                (&[Read, Read, ReadWrite, ReadWrite][..], cell.has_lengths)
            }
        };
        let lengths = has_lengths.then_some((LENGTHS_BINDING, Read));
        (1..).zip(own.iter().copied()).chain(lengths).collect()
    }

    /// Bytes of the parameters at binding 0.
    pub fn params_bytes(&self) -> u32 {
        match self {
            Kernel::Gather(_) => size_of::<GatherParams>() as u32,
            Kernel::Matmul(_) => size_of::<MatmulParams>() as u32,
            Kernel::Step(_) | Kernel::Sequence(_) => size_of::<RecurrenceParams>() as u32,
        }
    }

    /// Whether group 1 holds the clock: the number of the step within its chunk.
    pub fn has_clock(&self) -> bool {
        matches!(self, Kernel::Step(_))
    }

    /// Batch rows that one load of weights serves.
    pub fn rows(&self) -> u32 {
        match self {
            Kernel::Gather(_) => Gather::ROWS,
            Kernel::Matmul(kernel) => kernel.tile.m_per_invocation,
            Kernel::Step(kernel) => kernel.rows,
            Kernel::Sequence(kernel) => kernel.rows,
        }
    }

    /// Invocations of one workgroup.
    pub fn invocations(&self) -> u32 {
        match self {
            Kernel::Gather(_) => Gather::INVOCATIONS,
            Kernel::Matmul(kernel) => kernel.invocations(),
            Kernel::Step(kernel) => kernel.units,
            Kernel::Sequence(kernel) => kernel.units,
        }
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_bytes(&self) -> u32 {
        match self {
            Kernel::Gather(_) => 0,
            Kernel::Matmul(kernel) => kernel.workgroup_bytes(),
            Kernel::Step(kernel) => kernel.workgroup_bytes(),
            Kernel::Sequence(kernel) => kernel.workgroup_bytes(),
        }
    }
}

/// Every kernel that a plan can contain.
pub fn all() -> Vec<Kernel> {
    let gathers = Gather::all().map(Kernel::Gather);
    let matmuls = Matmul::all().map(Kernel::Matmul);
    let steps = Step::all().map(Kernel::Step);
    let sequences = Sequence::all().map(Kernel::Sequence);
    gathers.chain(matmuls).chain(steps).chain(sequences).collect()
}

/// A WGSL module: the constants that WGSL demands as `const` (sizes of arrays), then whole files in order.
fn compose(constants: &[(&str, u32)], files: &[&str]) -> String {
    let prelude: String =
        constants.iter().map(|(name, value)| format!("const {name} = {value}u;\n")).collect();
    std::iter::once(prelude.as_str()).chain(files.iter().copied()).collect::<Vec<_>>().join("\n")
}

const TIME_OF: &str = include_str!("../../shaders/time_of.wgsl");
const WEIGHTS_F32: &str = include_str!("../../shaders/weights/f32.wgsl");
