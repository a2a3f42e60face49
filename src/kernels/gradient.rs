//! Beside `shaders/input_gradient.wgsl`, `weight_gradient.wgsl` and `transpose.wgsl`: the products of the backward pass
//! over whole chunks of time steps.

use bytemuck::{Pod, Zeroable};

use super::matmul::Operand;
use super::recurrence::lengths_file;
use super::{LANES, QUADS_AS_GATES, TIME_OF, WEIGHTS_F32, compose};
use crate::cell::Cell;

/// `struct GradientParams` of gradient.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct GradientParams {
    pub rows: u32,
    pub inner: u32,
    pub columns: u32,
    pub batch: u32,
    pub chunk_step: u32,
    pub first_step: u32,
    pub seq_len: u32,
    pub stride_t: u32,
    pub stride_b: u32,
    pub weights: u32,
    pub weights_stride: u32,
    pub reverse: u32,
    pub num_slices: u32,
    pub slice: u32,
    pub ones: u32,
    pub h0: u32,
    pub a_start: u32,
    pub d_pre_start: u32,
    pub kept_lanes: u32,
    pub accumulate: u32,
}

/// Which gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Of {
    /// The input's.
    Input,
    /// The weights', which the rows of this operand were multiplied with.
    Weights(Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gradient {
    pub of: Of,
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

impl Gradient {
    /// Rows and columns of a workgroup's tile.
    pub const TILE: u32 = 32;
    const TILE_K: u32 = 16;
    const M_PER: u32 = 4;

    /// Columns of one invocation.
    fn n_per(&self) -> u32 {
        match self.of {
            Of::Input => 4,
            Of::Weights(_) => 2,
        }
    }

    pub fn all() -> impl Iterator<Item = Self> {
        let weights = [Operand::X, Operand::H, Operand::Chunk].map(Of::Weights);
        weights
            .into_iter()
            .chain([Of::Input])
            .flat_map(|of| [false, true].map(|has_lengths| Gradient { of, has_lengths }))
    }

    pub fn invocations(&self) -> u32 {
        (Self::TILE / Self::M_PER) * (Self::TILE / self.n_per())
    }

    pub fn workgroup_bytes(&self) -> u32 {
        let tile = Self::TILE * Self::TILE_K;
        match self.of {
            Of::Input => 2 * 16 * tile,
            Of::Weights(_) => 4 * tile + 16 * tile,
        }
    }

    /// `rows` by `columns`, `slices` times.
    pub fn grid(rows: u64, columns: u64, slices: u64) -> [u64; 3] {
        [columns.div_ceil(Self::TILE.into()), rows.div_ceil(Self::TILE.into()), slices]
    }

    /// Loop iterations of one invocation where nothing is unrolled; `inner` is what is summed over.
    pub fn iterations(&self, inner: u64) -> u64 {
        let (m, n) = (u64::from(Self::M_PER), u64::from(self.n_per()));
        let tile = u64::from(Self::TILE * Self::TILE_K / self.invocations());
        let per_tile = 1 + 2 * tile + u64::from(Self::TILE_K) * (1 + n + m + m * n);
        inner.div_ceil(Self::TILE_K.into()) * per_tile + 4 * (1 + m) * (1 + n)
    }

    pub fn name(&self) -> String {
        let of = match self.of {
            Of::Input => "input".into(),
            Of::Weights(operand) => format!("weights_{}", operand.name()),
        };
        let lengths = if self.has_lengths { "_lengths" } else { "" };
        format!("gradient_{of}{lengths}")
    }

    pub fn source(&self) -> String {
        let constants = [
            ("TILE_M", Self::TILE),
            ("TILE_N", Self::TILE),
            ("TILE_K", Self::TILE_K),
            ("M_PER", Self::M_PER),
            ("N_PER", self.n_per()),
        ];
        let params = include_str!("../../shaders/gradient.wgsl");
        let lengths = lengths_file(self.has_lengths);
        match self.of {
            Of::Input => {
                let skeleton = include_str!("../../shaders/input_gradient.wgsl");
                let files = [QUADS_AS_GATES, WEIGHTS_F32, params, lengths, TIME_OF, skeleton];
                compose(&constants, &files)
            }
            Of::Weights(operand) => {
                let skeleton = include_str!("../../shaders/weight_gradient.wgsl");
                let files = [params, lengths, TIME_OF, operand.file(), LANES, skeleton];
                compose(&constants, &files)
            }
        }
    }
}

/// `struct TransposeParams` of transpose.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct TransposeParams {
    pub hidden_size: u32,
    pub recurrent_size: u32,
    pub row_words: u32,
    pub t_words: u32,
    pub w_hh: u32,
    pub peepholes: u32,
    pub weights_stride: u32,
    pub out_stride: u32,
    pub out_start: u32,
    pub has_peepholes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transpose {
    /// Whether a word is one f32 instead of four.
    pub is_scalar: bool,
}

impl Transpose {
    pub const INVOCATIONS: u32 = 64;

    pub fn of(cell: Cell) -> Self {
        Transpose { is_scalar: cell == Cell::Rnn }
    }

    pub fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|is_scalar| Transpose { is_scalar })
    }

    pub fn name(&self) -> String {
        format!("transpose_{}", if self.is_scalar { "f32" } else { "vec4" })
    }

    /// `rows` of w_hh, or of w_hr, and one more, `units` each, `slices` times.
    pub fn grid(units: u64, rows: u64, slices: u64) -> [u64; 3] {
        [units.div_ceil(Self::INVOCATIONS.into()), rows + 1, slices]
    }

    pub fn source(&self) -> String {
        let gates = if self.is_scalar { "alias Gates = f32;\n" } else { QUADS_AS_GATES };
        let skeleton = include_str!("../../shaders/transpose.wgsl");
        compose(&[("INVOCATIONS", Self::INVOCATIONS)], &[gates, WEIGHTS_F32, skeleton])
    }
}
