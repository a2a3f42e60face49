//! Beside `shaders/matmul.wgsl`: the input projection and the linear layer.

use bytemuck::{Pod, Zeroable};

use super::{WEIGHTS_F32, compose};

/// What becomes of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// Pre-activations, for the recurrence.
    Gates,
    /// The features of a linear layer.
    Features,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matmul {
    pub store: Store,
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
    pub stride_t: u32,
    pub stride_b: u32,
    pub weights: u32,
    pub weights_stride: u32,
    pub reverse: u32,
    pub num_slices: u32,
}

impl Matmul {
    pub const TILE_M: u32 = 32;
    pub const TILE_N: u32 = 32;
    pub const TILE_K: u32 = 16;
    pub const M_PER_INVOCATION: u32 = 8;
    pub const N_PER_INVOCATION: u32 = 2;
    pub const INVOCATIONS: u32 =
        (Self::TILE_N / Self::N_PER_INVOCATION) * (Self::TILE_M / Self::M_PER_INVOCATION);
    pub const WORKGROUP_BYTES: u32 = 4 * Self::TILE_K * (Self::TILE_M + 4 * Self::TILE_N);

    pub fn all() -> impl Iterator<Item = Self> {
        [Store::Gates, Store::Features].into_iter().map(|store| Matmul { store })
    }

    /// `rows` by `columns` groups of four columns, `slices` times.
    pub fn grid(rows: u64, columns: u64, slices: u64) -> [u64; 3] {
        [columns.div_ceil(Self::TILE_N.into()), rows.div_ceil(Self::TILE_M.into()), slices]
    }

    pub fn name(&self) -> String {
        match self.store {
            Store::Gates => "matmul_gates".into(),
            Store::Features => "matmul_features".into(),
        }
    }

    pub fn source(&self) -> String {
        let constants = [
            ("TILE_M", Self::TILE_M),
            ("TILE_N", Self::TILE_N),
            ("TILE_K", Self::TILE_K),
            ("M_PER_INVOCATION", Self::M_PER_INVOCATION),
            ("N_PER_INVOCATION", Self::N_PER_INVOCATION),
        ];
        let store = match self.store {
            Store::Gates => include_str!("../../shaders/matmul/store_gates.wgsl"),
            Store::Features => include_str!("../../shaders/matmul/store_features.wgsl"),
        };
        let skeleton = include_str!("../../shaders/matmul.wgsl");
        compose(&constants, &["alias Gates = vec4<f32>;\n", WEIGHTS_F32, store, skeleton])
    }
}
