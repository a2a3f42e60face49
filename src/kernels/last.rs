//! Beside `shaders/last.wgsl`: one time step of each batch row.

use bytemuck::{Pod, Zeroable};

use super::recurrence::lengths_file;
use super::{compose, spread};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PickLast {
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

/// `struct LastParams` of last.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct LastParams {
    pub batch: u32,
    pub features: u32,
    pub seq_len: u32,
    pub first: u32,
    pub stride_t: u32,
    pub stride_b: u32,
    pub part: u32,
    pub stride_part: u32,
    pub groups: u32,
}

impl PickLast {
    pub const INVOCATIONS: u32 = 64;

    pub fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().map(|has_lengths| PickLast { has_lengths })
    }

    pub fn grid(elements: u64) -> [u64; 3] {
        spread(elements.div_ceil(Self::INVOCATIONS.into()))
    }

    pub fn name(&self) -> String {
        format!("last{}", if self.has_lengths { "_lengths" } else { "" })
    }

    pub fn source(&self) -> String {
        let skeleton = include_str!("../../shaders/last.wgsl");
        let constants = [("INVOCATIONS", Self::INVOCATIONS)];
        compose(&constants, &[lengths_file(self.has_lengths), skeleton])
    }
}
