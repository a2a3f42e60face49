//! Beside `shaders/product.wgsl` and `shaders/product/*.wgsl`: the inner product of every kernel.

use crate::cell::Cell;

/// Lanes of a word of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lanes {
    One,
    Four,
}

impl Lanes {
    pub fn of(cell: Cell) -> Self {
        if cell == Cell::Rnn { Lanes::One } else { Lanes::Four }
    }

    pub fn bytes(self) -> u32 {
        match self {
            Lanes::One => 4,
            Lanes::Four => 16,
        }
    }
}

/// The files of a product whose invocations have so many rows and columns.
pub(crate) fn product_files(lanes: Lanes, rows: u32, columns: u32) -> Vec<&'static str> {
    let lanes = match lanes {
        Lanes::One => include_str!("../../shaders/product/one_lane.wgsl"),
        Lanes::Four => include_str!("../../shaders/product/four_lanes.wgsl"),
    };
    let block = match rows {
        1 => include_str!("../../shaders/product/rows1.wgsl"),
        2 => include_str!("../../shaders/product/rows2.wgsl"),
        _ => include_str!("../../shaders/product/rows4.wgsl"),
    };
    [&[lanes, block][..], &tile_files(rows, columns)].concat()
}

/// The same of outer products, where k goes one by one.
pub(super) fn outer_product_files(rows: u32, columns: u32) -> Vec<&'static str> {
    let block = include_str!("../../shaders/product/outer.wgsl");
    [&[block][..], &tile_files(rows, columns)].concat()
}

fn tile_files(rows: u32, columns: u32) -> [&'static str; 3] {
    let blocks = match rows {
        1 | 2 | 4 => include_str!("../../shaders/product/blocks1.wgsl"),
        8 => include_str!("../../shaders/product/blocks2.wgsl"),
        _ => include_str!("../../shaders/product/blocks4.wgsl"),
    };
    let columns = match columns {
        1 => include_str!("../../shaders/product/columns1.wgsl"),
        2 => include_str!("../../shaders/product/columns2.wgsl"),
        _ => include_str!("../../shaders/product/columns4.wgsl"),
    };
    [blocks, columns, include_str!("../../shaders/product.wgsl")]
}
