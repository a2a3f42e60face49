//! Beside `shaders/input_gradient.wgsl`, `weight_gradient.wgsl` and `transpose.wgsl`: the products of the backward pass
//! over whole chunks of time steps.

use bytemuck::{Pod, Zeroable};

use super::matmul::Tile;
use super::product::outer_product_files;
use super::recurrence::lengths_file;
use super::{LANES, Lanes, OPERAND, QUADS_AS_GATES, TIME_OF, WEIGHTS_F32, compose};
use crate::caps::DeviceCaps;
use crate::cell::Cell;
use crate::problem::Problem;

/// `struct GradientParams` of gradient.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct GradientParams {
    pub rows: u32,
    pub inner: u32,
    pub columns: u32,
    pub batch: u32,
    pub d_row: u32,
    pub first_step: u32,
    pub seq_len: u32,
    pub chunk: u32,
    pub a_first: u32,
    pub stride_t: u32,
    pub stride_b: u32,
    pub stride_z: u32,
    pub weights: u32,
    pub weights_stride: u32,
    pub reverse: u32,
    pub num_slices: u32,
    pub slice: u32,
    pub ones: u32,
    pub d_first: u32,
    pub kept_lanes: u32,
    pub accumulate: u32,
}

/// Which gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Of {
    /// The input's.
    Input,
    /// The weights'.
    Weights,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gradient {
    pub of: Of,
    pub tile: Tile,
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

impl Gradient {
    /// With the tile for a device.
    pub fn new(of: Of, caps: &DeviceCaps, problem: &Problem) -> Self {
        let tile = Self::tiles(of)[usize::from(caps.is_software)];
        Gradient { of, tile, has_lengths: problem.has_lengths }
    }

    /// Those of a GPU and of a software adapter.
    fn tiles(of: Of) -> [Tile; 2] {
        let [each, software] = match of {
            Of::Input => [(4, 4), (8, 4)],
            Of::Weights => [(4, 2), (8, 2)],
        };
        [each, software].map(|(m_per_invocation, n_per_invocation)| Tile {
            m: 32,
            n: 32,
            k: 16,
            m_per_invocation,
            n_per_invocation,
        })
    }

    pub fn all() -> impl Iterator<Item = Self> {
        [Of::Input, Of::Weights].into_iter().flat_map(|of| {
            Self::tiles(of).into_iter().flat_map(move |tile| {
                [false, true].map(|has_lengths| Gradient { of, tile, has_lengths })
            })
        })
    }

    pub fn invocations(&self) -> u32 {
        self.tile.invocations()
    }

    pub fn workgroup_bytes(&self) -> u32 {
        let Tile { m, n, k, .. } = self.tile;
        match self.of {
            Of::Input => 16 * k * (m + n),
            Of::Weights => k * (4 * m + 16 * n),
        }
    }

    /// `rows` by `columns`, `slices` times.
    pub fn grid(&self, rows: u64, columns: u64, slices: u64) -> [u64; 3] {
        [columns.div_ceil(self.tile.n.into()), rows.div_ceil(self.tile.m.into()), slices]
    }

    /// Loop iterations of one invocation where nothing is unrolled; `inner` is what is summed over.
    pub fn iterations(&self, inner: u64) -> u64 {
        let Tile { n, k, m_per_invocation, n_per_invocation, .. } = self.tile;
        let (m_each, n_each) = (u64::from(m_per_invocation), u64::from(n_per_invocation));
        let staged = u64::from(k * n / self.invocations());
        // Each k of a weights' gradient can be a step of its own.
        let products = u64::from(if self.of == Of::Weights { 2 * k } else { k });
        let per_tile = 1 + 2 * staged + products;
        inner.div_ceil(k.into()) * per_tile + 4 * (1 + m_each) * (1 + n_each)
    }

    pub fn name(&self) -> String {
        let of = match self.of {
            Of::Input => "input",
            Of::Weights => "weights",
        };
        let lengths = if self.has_lengths { "_lengths" } else { "" };
        format!("gradient_{of}_{}{lengths}", self.tile.name())
    }

    pub fn source(&self) -> String {
        let params = include_str!("../../shaders/gradient.wgsl");
        let lengths = lengths_file(self.has_lengths);
        let constants = self.tile.constants();
        match self.of {
            Of::Input => {
                let skeleton = include_str!("../../shaders/input_gradient.wgsl");
                // A group of four elements is a quad of k.
                let product = self.tile.product_files(Lanes::One);
                let files = [QUADS_AS_GATES, WEIGHTS_F32, params, lengths, TIME_OF, skeleton];
                compose(&constants, &[&product[..], &files].concat())
            }
            Of::Weights => {
                let skeleton = include_str!("../../shaders/weight_gradient.wgsl");
                let Tile { m_per_invocation, n_per_invocation, .. } = self.tile;
                let product = outer_product_files(m_per_invocation, n_per_invocation);
                let files = [params, lengths, TIME_OF, OPERAND, LANES, skeleton];
                compose(&constants, &[&product[..], &files].concat())
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
    const ROWS: u32 = 16;

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
        [units.div_ceil(Self::INVOCATIONS.into()), (rows + 1).div_ceil(Self::ROWS.into()), slices]
    }

    pub fn source(&self) -> String {
        let gates = if self.is_scalar { "alias Gates = f32;\n" } else { QUADS_AS_GATES };
        let skeleton = include_str!("../../shaders/transpose.wgsl");
        let constants = [("INVOCATIONS", Self::INVOCATIONS), ("ROWS", Self::ROWS)];
        compose(&constants, &[gates, WEIGHTS_F32, skeleton])
    }
}
