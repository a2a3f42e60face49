//! Beside `shaders/recurrence.wgsl`: what the kernels of all schedules share.

use bytemuck::{Pod, Zeroable};

use super::{Lanes, compose, product_files, weights_file};
use crate::cell::{Activation, Activations, Cell, CellOptions, Flavour};
use crate::format::WeightFormat;
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
    pub w_ih: u32,
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

    pub(super) fn in_all_formats() -> impl Iterator<Item = (Self, WeightFormat)> {
        Self::all().flat_map(|cell| WeightFormat::ALL.map(|weights| (cell, weights)))
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

/// Where the kernels that keep no weights find them.
pub(super) const COLUMNS: &str = include_str!("../../shaders/columns/memory.wgsl");

pub(super) fn lengths_file(has_lengths: bool) -> &'static str {
    if has_lengths {
        include_str!("../../shaders/lengths/given.wgsl")
    } else {
        include_str!("../../shaders/lengths/none.wgsl")
    }
}

pub(super) fn compose_recurrence(
    cell: &CellKernel,
    (weights, input, split): (WeightFormat, Input, u32),
    (rows, units_per_invocation): (u32, u32),
    constants: &[(&str, u32)],
    parts: &[&str],
    skeleton: &str,
) -> String {
    let tile = [("SPLIT", split), ("ROWS", rows), ("UNITS_PER_INVOCATION", units_per_invocation)];
    let constants: Vec<_> = constants.iter().copied().chain(tile).chain(cell.constants()).collect();
    let sums = match split {
        1 => include_str!("../../shaders/split/none.wgsl"),
        _ => include_str!("../../shaders/split/parts.wgsl"),
    };
    let recurrence = include_str!("../../shaders/recurrence.wgsl");
    let lanes = Lanes::of(cell.cell);
    let product = product_files(lanes, rows, units_per_invocation);
    let shared = [weights_file(weights, lanes), input.file(), recurrence, sums];
    let files = [&cell.files()[..], &product, &shared, parts, &[skeleton]].concat();
    compose(&constants, &files)
}

/// Bytes of workgroup memory for handing on parts of sums.
pub(super) fn split_bytes(cell: Cell, split: u32, units: u32, sums: u32) -> u32 {
    if split == 1 { 0 } else { Lanes::of(cell).bytes() * (split / 2) * units * sums }
}

/// Loop iterations of handing on parts of sums.
pub(super) fn split_iterations(split: u32, sums: u64) -> u64 {
    u64::from(split.ilog2()) * (1 + 2 * sums)
}
