//! Beside `shaders/gather.wgsl`: x_proj from rows that are projected already.

use bytemuck::{Pod, Zeroable};

use super::recurrence::lengths_file;
use super::{TIME_OF, compose};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gather {
    /// Whether a token picks the row of a table; else each step and batch row has a row of its own.
    pub is_by_token: bool,
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
}

/// `struct GatherParams` of gather.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct GatherParams {
    pub rows: u32,
    pub batch: u32,
    pub first_step: u32,
    pub seq_len: u32,
    pub stride_t: u32,
    pub stride_b: u32,
    pub table_rows: u32,
    pub hidden_size: u32,
    pub gates: u32,
    pub lanes: u32,
    pub row_size: u32,
    pub bias: u32,
    pub bias_stride: u32,
    pub reverse: u32,
    pub num_slices: u32,
}

impl Gather {
    /// Rows of a workgroup.
    pub const ROWS: u32 = 32;
    pub const INVOCATIONS: u32 = 64;

    pub fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|is_by_token| {
            [false, true].map(|has_lengths| Gather { is_by_token, has_lengths })
        })
    }

    /// `rows` of `row_size` elements, `slices` times.
    pub fn grid(rows: u64, row_size: u64, slices: u64) -> [u64; 3] {
        [row_size.div_ceil(Self::INVOCATIONS.into()), rows.div_ceil(Self::ROWS.into()), slices]
    }

    pub fn name(&self) -> String {
        let rows = if self.is_by_token { "by_token" } else { "own" };
        let lengths = if self.has_lengths { "_lengths" } else { "" };
        format!("gather_{rows}{lengths}")
    }

    pub fn source(&self) -> String {
        let constants = [("ROWS", Self::ROWS), ("INVOCATIONS", Self::INVOCATIONS)];
        let rows = if self.is_by_token {
            include_str!("../../shaders/rows/by_token.wgsl")
        } else {
            include_str!("../../shaders/rows/own.wgsl")
        };
        let skeleton = include_str!("../../shaders/gather.wgsl");
        compose(&constants, &[lengths_file(self.has_lengths), TIME_OF, rows, skeleton])
    }
}
