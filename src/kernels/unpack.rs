//! Beside `shaders/unpack.wgsl`: gradients from the layout of the packed weights to PyTorch's.

use bytemuck::{Pod, Zeroable};

use super::compose;

/// `struct UnpackParams` of unpack.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct UnpackParams {
    pub units: u32,
    pub columns: u32,
    pub first: u32,
    pub row_stride: u32,
    pub unit_stride: u32,
    pub out: u32,
    pub accumulate: u32,
    pub lanes: [u32; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unpack;

impl Unpack {
    pub const INVOCATIONS: u32 = 64;
    const COLUMNS: u32 = 16;

    pub fn name(&self) -> String {
        "unpack".into()
    }

    pub fn grid(units: u64, columns: u64, gates: u64) -> [u64; 3] {
        [units.div_ceil(Self::INVOCATIONS.into()), columns.div_ceil(Self::COLUMNS.into()), gates]
    }

    pub fn source(&self) -> String {
        let skeleton = include_str!("../../shaders/unpack.wgsl");
        compose(&[("INVOCATIONS", Self::INVOCATIONS), ("COLUMNS", Self::COLUMNS)], &[skeleton])
    }
}
