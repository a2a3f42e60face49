// product.wgsl: an invocation's part of a product: its rows of an operand with its columns of weights.
// Math:  sums[u][r] += sum over k of operand[r][k] * W[k][column u]     k in quads, four at a time
// Parts: lanes of a word (product/*lane*.wgsl), rows of a block, blocks, columns (product/rows*, blocks*, columns*.wgsl)
// The skeleton supplies:
//        ROWS; Tile: array<.., columns * ROWS>, where sums end up; Matrix and Column
//        operand_quad(at, row, quad): four consecutive k of a row, of an operand that begins at `at`
//        column_of(matrix, first, u): column u of the invocation whose first column is given
//        load_quad(column, quad): a column's weights of four consecutive k
// Why this shape:
//   1. One load of weights serves all rows, one of the operand all columns.
//   2. Sums are named, and rows are columns of matrices: there is no array that a loop indexes. Compilers that do not
//      unroll such loops keep the array in memory, and CPU adapters load and store it lane by lane.

fn accumulate(sums: ptr<function, Sums>, columns: Columns, at: u32, quads: Quads) {
    for (var q = quads.first; q < quads.end; q += quads.stride) {
        *sums = plus_products(*sums, columns, operand(at, q), q);
    }
}

// Which quads of k are summed.
struct Quads {
    first: u32,
    end: u32,
    stride: u32,
}
