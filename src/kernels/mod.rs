//! The GPU programs. Each module stands beside a file of `shaders/`: it names the constants, the parameters and the
//! grid of that shader, and composes its source from whole WGSL files.

pub mod backward;
pub mod function;
pub mod gather;
pub mod gradient;
pub mod last;
pub mod matmul;
mod product;
pub mod recurrence;
pub mod sequence;
pub mod states;
pub mod step;
pub mod unpack;

pub use backward::{BackwardParams, BackwardSlice, DOutput, SequenceBackward, StepBackward};
pub use function::{Map, MapParams, Softmax, SoftmaxParams};
pub use gather::{Gather, GatherParams};
pub use gradient::{Gradient, GradientParams, Of, Transpose, TransposeParams};
pub use last::{LastParams, PickLast};
pub use matmul::{Matmul, MatmulParams, Store, Tile};
pub use recurrence::{CellKernel, Choice, Input, Phases, RecurrenceParams, Slice};
pub use sequence::Sequence;
pub use states::{CellStates, PeepholeGradient, ResetStates};
pub use step::{Phase, Step};
pub use unpack::{Unpack, UnpackParams};

pub(crate) use product::{Lanes, product_files};

use crate::format::WeightFormat;

/// A kernel with all its constants: one WGSL module, one pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    Gather(Gather),
    Matmul(Matmul),
    Step(Step),
    Sequence(Sequence),
    Transpose(Transpose),
    CellStates(CellStates),
    ResetStates(ResetStates),
    PeepholeGradient(PeepholeGradient),
    StepBackward(StepBackward),
    SequenceBackward(SequenceBackward),
    Gradient(Gradient),
    Unpack(Unpack),
    Map(Map),
    Softmax(Softmax),
    PickLast(PickLast),
}

/// Steps that one chunk can have at most: the clock has one entry for each.
pub(crate) const MAX_CHUNK: usize = 4096;
/// The binding of lengths/given.wgsl.
const LENGTHS_BINDING: u32 = 5;
/// The binding of slots/given.wgsl.
const SLOTS_BINDING: u32 = 6;

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
            Kernel::Transpose(kernel) => kernel.name(),
            Kernel::CellStates(kernel) => kernel.name(),
            Kernel::ResetStates(kernel) => kernel.name(),
            Kernel::PeepholeGradient(kernel) => kernel.name(),
            Kernel::StepBackward(kernel) => kernel.name(),
            Kernel::SequenceBackward(kernel) => kernel.name(),
            Kernel::Gradient(kernel) => kernel.name(),
            Kernel::Unpack(kernel) => kernel.name(),
            Kernel::Map(kernel) => kernel.name(),
            Kernel::Softmax(kernel) => kernel.name(),
            Kernel::PickLast(kernel) => kernel.name(),
        }
    }

    /// The whole WGSL module; the entry point is `main`.
    pub fn source(&self) -> String {
        match self {
            Kernel::Gather(kernel) => kernel.source(),
            Kernel::Matmul(kernel) => kernel.source(),
            Kernel::Step(kernel) => kernel.source(),
            Kernel::Sequence(kernel) => kernel.source(),
            Kernel::Transpose(kernel) => kernel.source(),
            Kernel::CellStates(kernel) => kernel.source(),
            Kernel::ResetStates(kernel) => kernel.source(),
            Kernel::PeepholeGradient(kernel) => kernel.source(),
            Kernel::StepBackward(kernel) => kernel.source(),
            Kernel::SequenceBackward(kernel) => kernel.source(),
            Kernel::Gradient(kernel) => kernel.source(),
            Kernel::Unpack(kernel) => kernel.source(),
            Kernel::Map(kernel) => kernel.source(),
            Kernel::Softmax(kernel) => kernel.source(),
            Kernel::PickLast(kernel) => kernel.source(),
        }
    }

    /// The storage bindings of group 0, with their numbers, in order.
    pub fn bindings(&self) -> Vec<(u32, Access)> {
        use Access::{Read, ReadWrite};
        let (own, has_lengths) = match self {
            Kernel::Gather(Gather { is_by_token, has_lengths }) => {
                let all = &[(1, Read), (2, Read), (3, ReadWrite), (4, Read)];
                (if *is_by_token { &all[..] } else { &all[..3] }, *has_lengths)
            }
            Kernel::Matmul(Matmul { has_lengths, .. })
            | Kernel::Gradient(Gradient { has_lengths, .. }) => {
                (&[(1, Read), (2, Read), (3, ReadWrite)][..], *has_lengths)
            }
            Kernel::Step(Step { cell, .. }) | Kernel::Sequence(Sequence { cell, .. }) => {
                let all = &[(1, Read), (2, Read), (3, ReadWrite), (4, ReadWrite)];
                (&all[..], cell.has_lengths)
            }
            Kernel::Transpose(_) | Kernel::Unpack(_) | Kernel::Map(_) | Kernel::Softmax(_) => {
                (&[(1, Read), (2, ReadWrite)][..], false)
            }
            Kernel::PickLast(PickLast { has_lengths }) => {
                (&[(1, Read), (2, ReadWrite)][..], *has_lengths)
            }
            Kernel::CellStates(_) => (&[(1, Read), (2, Read), (3, ReadWrite)][..], false),
            Kernel::ResetStates(ResetStates { cell }) => {
                (&[(2, Read), (3, ReadWrite), (6, Read)][..], cell.has_lengths)
            }
            Kernel::PeepholeGradient(kernel) => {
                (&[(2, Read), (3, ReadWrite), (4, ReadWrite)][..], kernel.has_lengths)
            }
            Kernel::StepBackward(StepBackward { cell, d_output: DOutput::Above, .. }) => {
                (&[(1, Read), (2, ReadWrite), (3, ReadWrite), (4, Read)][..], cell.has_lengths)
            }
            Kernel::StepBackward(StepBackward { cell, .. })
            | Kernel::SequenceBackward(SequenceBackward { cell, .. }) => {
                let all = &[(1, Read), (2, ReadWrite), (3, ReadWrite), (4, Read), (6, Read)];
                (&all[..], cell.has_lengths)
            }
        };
        let lengths = has_lengths.then_some((LENGTHS_BINDING, Read));
        let is_pooled = matches!(self, Kernel::Step(Step { is_pooled: true, .. }));
        let slots = is_pooled.then_some((SLOTS_BINDING, Read));
        let mut bindings: Vec<_> = own.iter().copied().chain(lengths).chain(slots).collect();
        bindings.sort_by_key(|(number, _)| *number);
        bindings
    }

    /// Bytes of the parameters at binding 0.
    pub fn params_bytes(&self) -> u32 {
        match self {
            Kernel::Gather(_) => size_of::<GatherParams>() as u32,
            Kernel::Matmul(_) => size_of::<MatmulParams>() as u32,
            Kernel::Step(_) | Kernel::Sequence(_) => size_of::<RecurrenceParams>() as u32,
            Kernel::Transpose(_) => size_of::<TransposeParams>() as u32,
            Kernel::Gradient(_) => size_of::<GradientParams>() as u32,
            Kernel::Unpack(_) => size_of::<UnpackParams>() as u32,
            Kernel::Map(_) => size_of::<MapParams>() as u32,
            Kernel::Softmax(_) => size_of::<SoftmaxParams>() as u32,
            Kernel::PickLast(_) => size_of::<LastParams>() as u32,
            _ => size_of::<BackwardParams>() as u32,
        }
    }

    /// Whether group 1 holds the clock: the number of the step within its chunk.
    pub fn has_clock(&self) -> bool {
        matches!(self, Kernel::Step(_) | Kernel::StepBackward(_))
    }

    /// Batch rows that one load of weights serves.
    pub fn rows(&self) -> u32 {
        match self {
            Kernel::Gather(_) => Gather::ROWS,
            Kernel::Matmul(kernel) => kernel.tile.m_per_invocation,
            Kernel::Step(kernel) => kernel.rows,
            Kernel::Sequence(kernel) => kernel.rows,
            Kernel::StepBackward(kernel) => kernel.rows,
            Kernel::SequenceBackward(kernel) => kernel.rows,
            Kernel::ResetStates(_) => ResetStates::ROWS,
            Kernel::Transpose(_)
            | Kernel::CellStates(_)
            | Kernel::PeepholeGradient(_)
            | Kernel::Gradient(_)
            | Kernel::Unpack(_)
            | Kernel::Map(_)
            | Kernel::Softmax(_)
            | Kernel::PickLast(_) => 1,
        }
    }

    /// Invocations of one workgroup.
    pub fn invocations(&self) -> u32 {
        match self {
            Kernel::Gather(_) => Gather::INVOCATIONS,
            Kernel::Matmul(kernel) => kernel.invocations(),
            Kernel::Step(kernel) => kernel.invocations(),
            Kernel::Sequence(kernel) => kernel.invocations(),
            Kernel::StepBackward(kernel) => kernel.units,
            Kernel::SequenceBackward(kernel) => kernel.units,
            Kernel::Transpose(_) => Transpose::INVOCATIONS,
            Kernel::CellStates(_) => CellStates::UNITS,
            Kernel::ResetStates(_) => ResetStates::UNITS,
            Kernel::PeepholeGradient(_) => PeepholeGradient::UNITS,
            Kernel::Gradient(kernel) => kernel.invocations(),
            Kernel::Unpack(_) => Unpack::INVOCATIONS,
            Kernel::Map(_) => Map::INVOCATIONS,
            Kernel::Softmax(_) => Softmax::INVOCATIONS,
            Kernel::PickLast(_) => PickLast::INVOCATIONS,
        }
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_bytes(&self) -> u32 {
        match self {
            Kernel::Gather(_)
            | Kernel::Transpose(_)
            | Kernel::CellStates(_)
            | Kernel::ResetStates(_)
            | Kernel::PeepholeGradient(_)
            | Kernel::Unpack(_)
            | Kernel::Map(_)
            | Kernel::PickLast(_) => 0,
            Kernel::Softmax(kernel) => kernel.workgroup_bytes(),
            Kernel::Matmul(kernel) => kernel.workgroup_bytes(),
            Kernel::Step(kernel) => kernel.workgroup_bytes(),
            Kernel::Sequence(kernel) => kernel.workgroup_bytes(),
            Kernel::StepBackward(kernel) => kernel.workgroup_bytes(),
            Kernel::SequenceBackward(kernel) => kernel.workgroup_bytes(),
            Kernel::Gradient(kernel) => kernel.workgroup_bytes(),
        }
    }
}

/// Every kernel that a plan can contain, or a stage of a model.
pub fn all() -> Vec<Kernel> {
    let gathers = Gather::all().map(Kernel::Gather);
    let matmuls = Matmul::all().map(Kernel::Matmul);
    let steps = Step::all().map(Kernel::Step);
    let sequences = Sequence::all().map(Kernel::Sequence);
    let backward = Transpose::all()
        .map(Kernel::Transpose)
        .chain(CellStates::all().map(Kernel::CellStates))
        .chain(ResetStates::all().map(Kernel::ResetStates))
        .chain(PeepholeGradient::all().map(Kernel::PeepholeGradient))
        .chain(StepBackward::all().map(Kernel::StepBackward))
        .chain(SequenceBackward::all().map(Kernel::SequenceBackward))
        .chain(Gradient::all().map(Kernel::Gradient))
        .chain([Kernel::Unpack(Unpack)]);
    let stages = Map::all()
        .map(Kernel::Map)
        .chain(Softmax::all().map(Kernel::Softmax))
        .chain(PickLast::all().map(Kernel::PickLast));
    gathers.chain(matmuls).chain(steps).chain(sequences).chain(backward).chain(stages).collect()
}

/// So many workgroups over two sides of a grid, of which WebGPU grants 65,535 each.
fn spread(groups: u64) -> [u64; 3] {
    let x = groups.clamp(1, 65_535);
    [x, groups.div_ceil(x), 1]
}

/// A WGSL module: the constants that WGSL demands as `const` (sizes of arrays), then whole files in order.
pub(crate) fn compose(constants: &[(&str, u32)], files: &[&str]) -> String {
    let prelude: String =
        constants.iter().map(|(name, value)| format!("const {name} = {value}u;\n")).collect();
    std::iter::once(prelude.as_str()).chain(files.iter().copied()).collect::<Vec<_>>().join("\n")
}

const BACKWARD_PARAMS: &str = include_str!("../../shaders/backward_params.wgsl");
const H_BEFORE: &str = include_str!("../../shaders/h_before/output.wgsl");
const LANES: &str = include_str!("../../shaders/lanes.wgsl");
const OPERAND: &str = include_str!("../../shaders/operand.wgsl");
const TIME_OF: &str = include_str!("../../shaders/time_of.wgsl");
/// For products that take any four neighbouring columns as one.
const QUADS_AS_GATES: &str = "alias Gates = vec4<f32>;\n";

const WEIGHTS_F32: &str = include_str!("../../shaders/weights/f32.wgsl");

/// How words of so many lanes are loaded.
fn weights_file(format: WeightFormat, lanes: Lanes) -> &'static str {
    match (format, lanes) {
        (WeightFormat::F32, _) => WEIGHTS_F32,
        (WeightFormat::F16, Lanes::One) => include_str!("../../shaders/weights/f16_single.wgsl"),
        (WeightFormat::F16, _) => include_str!("../../shaders/weights/f16.wgsl"),
        (WeightFormat::Int8, Lanes::One) => include_str!("../../shaders/weights/int8_single.wgsl"),
        (WeightFormat::Int8, _) => include_str!("../../shaders/weights/int8.wgsl"),
    }
}

/// What a format adds to a kernel's name.
fn format_suffix(format: WeightFormat) -> String {
    if format == WeightFormat::F32 { String::new() } else { format!("_{format}") }
}
