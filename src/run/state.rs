//! Where h and c lie in a state buffer: the two halves of the h ring, then c, each `[L*D, B, features]`. Offsets and
//! sizes are in bytes.

use super::workspace::bytes;
use crate::problem::Problem;

/// h: `[L*D, B, R]`.
pub(super) fn h_bytes(problem: &Problem) -> u64 {
    bytes(problem.h_shape())
}

/// Where c begins, behind the two halves of the h ring; and its size: `[L*D, B, H]`, 0 where the cell has none.
pub(super) fn c_part(problem: &Problem) -> (u64, u64) {
    let has_c = problem.sizes.cell.has_c();
    (2 * h_bytes(problem), if has_c { bytes(problem.c_shape()) } else { 0 })
}

/// The h of one batch row in one half of the ring: offset and size in each layer and direction.
pub(super) fn h_of_row(problem: &Problem, half: usize, row: usize) -> impl Iterator<Item = Part> {
    rows_of(problem, (half as u64 * h_bytes(problem), h_bytes(problem)), row)
}

/// The c of one batch row: offset and size in each layer and direction; nothing where the cell has none.
pub(super) fn c_of_row(problem: &Problem, row: usize) -> impl Iterator<Item = Part> {
    rows_of(problem, c_part(problem), row)
}

/// Offset and size of a part of a buffer.
type Part = (u64, u64);

fn rows_of(problem: &Problem, (start, bytes): Part, row: usize) -> impl Iterator<Item = Part> {
    let [states, batch] = [problem.sizes.num_states(), problem.batch];
    let row_bytes = bytes / (states * batch) as u64;
    let offset = move |state| start + (state * batch + row) as u64 * row_bytes;
    (0..states).filter(move |_| bytes > 0).map(move |state| (offset(state), row_bytes))
}
