//! Beside `shaders/matmul.wgsl`: the input projection and the linear layer.

use bytemuck::{Pod, Zeroable};

use super::recurrence::lengths_file;
use super::{
    LANES, Lanes, OPERAND, QUADS_AS_GATES, TIME_OF, compose, format_suffix, product_files,
    weights_file,
};
use crate::caps::DeviceCaps;
use crate::format::WeightFormat;

/// What becomes of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// Pre-activations, for the recurrence.
    Gates,
    /// Pre-activations, added to those that are there.
    MoreGates,
    /// The features of a linear layer.
    Features,
}

/// Tile sizes, in rows, groups of four columns and k; and what one invocation owns of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    pub m: u32,
    pub n: u32,
    pub k: u32,
    pub m_per_invocation: u32,
    pub n_per_invocation: u32,
}

impl Tile {
    /// For products of few rows: 32 invocations with 32 sums each.
    const FEW: Tile = Tile { m: 8, n: 32, k: 16, m_per_invocation: 8, n_per_invocation: 1 };
    /// 32 invocations with 64 sums each.
    const SOME: Tile = Tile { m: 16, n: 32, k: 16, m_per_invocation: 16, n_per_invocation: 1 };
    /// 64 invocations with 64 sums each.
    const GPU: Tile = Tile { m: 32, n: 32, k: 16, m_per_invocation: 8, n_per_invocation: 2 };
    /// 32 invocations with 256 sums each: on a CPU adapter loads cost far more than arithmetic.
    const SOFTWARE: Tile = Tile { m: 64, n: 32, k: 16, m_per_invocation: 16, n_per_invocation: 4 };
    const ALL: [Tile; 4] = [Self::FEW, Self::SOME, Self::GPU, Self::SOFTWARE];

    pub(super) fn invocations(&self) -> u32 {
        let Tile { m, n, m_per_invocation, n_per_invocation, .. } = self;
        (m / m_per_invocation) * (n / n_per_invocation)
    }

    pub(super) fn name(&self) -> String {
        let Tile { m, n, k, m_per_invocation, n_per_invocation } = self;
        format!("{m}x{n}x{k}_{m_per_invocation}x{n_per_invocation}")
    }

    pub(super) fn constants(&self) -> [(&'static str, u32); 5] {
        [
            ("TILE_M", self.m),
            ("TILE_N", self.n),
            ("TILE_K", self.k),
            ("M_PER_INVOCATION", self.m_per_invocation),
            ("N_PER_INVOCATION", self.n_per_invocation),
        ]
    }

    pub(super) fn product_files(&self, lanes: Lanes) -> Vec<&'static str> {
        product_files(lanes, self.m_per_invocation, self.n_per_invocation)
    }

    /// For a product of so many rows in all.
    pub fn of(caps: &DeviceCaps, rows: u64) -> Self {
        let tiles = match caps.is_software {
            true => &[Self::FEW, Self::SOME, Self::SOFTWARE][..],
            false => &[Self::FEW, Self::GPU],
        };
        let largest = tiles[tiles.len() - 1];
        tiles.iter().copied().find(|tile| rows <= tile.m.into()).unwrap_or(largest)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matmul {
    pub store: Store,
    pub tile: Tile,
    /// The format of what a is multiplied with.
    pub weights: WeightFormat,
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

/// `struct MatmulParams` of matmul.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct MatmulParams {
    pub rows: u32,
    pub inner: u32,
    pub columns: u32,
    pub features: u32,
    pub batch: u32,
    pub first_step: u32,
    pub seq_len: u32,
    pub a_first: u32,
    pub stride_t: u32,
    pub stride_b: u32,
    pub stride_z: u32,
    pub bias: u32,
    pub weights: u32,
    pub weights_stride: u32,
    pub reverse: u32,
    pub num_slices: u32,
    pub out_row: u32,
    pub kept_lanes: u32,
}

impl Matmul {
    pub fn all() -> impl Iterator<Item = Self> {
        use Store::{Features, Gates, MoreGates};
        let stores = [(Gates, false), (Gates, true), (MoreGates, false), (MoreGates, true)];
        let stores = stores.into_iter().chain([(Features, false)]);
        stores.flat_map(|(store, has_lengths)| {
            let formats =
                if store == Gates { &WeightFormat::ALL[..] } else { &[WeightFormat::F32] };
            formats.iter().flat_map(move |weights| {
                let weights = *weights;
                Tile::ALL.map(|tile| Matmul { store, tile, weights, has_lengths })
            })
        })
    }

    pub fn invocations(&self) -> u32 {
        self.tile.invocations()
    }

    pub fn workgroup_bytes(&self) -> u32 {
        let Tile { m, n, k, .. } = self.tile;
        4 * k * (m + 4 * n)
    }

    /// Loop iterations of one invocation where nothing is unrolled.
    pub fn iterations(&self, inner: u64) -> u64 {
        let Tile { n, k, m_per_invocation, n_per_invocation, .. } = self.tile;
        let (m_each, n_each) = (u64::from(m_per_invocation), u64::from(n_per_invocation));
        // The loads of a tile are far fewer than the elements of w_tile.
        let per_tile = 1 + u64::from(k * n / self.invocations()) * 2 + u64::from(k / 4);
        inner.div_ceil(k.into()) * per_tile + 4 * (1 + m_each) * (1 + n_each)
    }

    /// `rows` by `columns` groups of four columns, `slices` times.
    pub fn grid(&self, rows: u64, columns: u64, slices: u64) -> [u64; 3] {
        [columns.div_ceil(self.tile.n.into()), rows.div_ceil(self.tile.m.into()), slices]
    }

    pub fn name(&self) -> String {
        let store = match self.store {
            Store::Gates => "gates",
            Store::MoreGates => "more_gates",
            Store::Features => "features",
        };
        let lengths = if self.has_lengths { "_lengths" } else { "" };
        let format = format_suffix(self.weights);
        format!("matmul_{store}_{}{format}{lengths}", self.tile.name())
    }

    pub fn source(&self) -> String {
        let constants = self.tile.constants();
        let store: &[_] = match self.store {
            Store::Gates => &[include_str!("../../shaders/matmul/gates.wgsl")],
            Store::MoreGates => &[LANES, include_str!("../../shaders/matmul/more_gates.wgsl")],
            Store::Features => &[include_str!("../../shaders/matmul/features.wgsl")],
        };
        let skeleton = include_str!("../../shaders/matmul.wgsl");
        let lengths = lengths_file(self.has_lengths);
        let weights = weights_file(self.weights, Lanes::Four);
        let product = self.tile.product_files(Lanes::Four);
        let shared = [QUADS_AS_GATES, weights, lengths, TIME_OF, OPERAND];
        compose(&constants, &[&shared, &product[..], store, &[skeleton]].concat())
    }
}
