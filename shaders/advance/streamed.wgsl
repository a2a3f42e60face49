// advance/streamed.wgsl: weights are read anew in every step.

fn prepare(place: Place, local: u32) {
}

// acc += the operand that begins at `copy`, of so many k · W
fn multiply(acc: ptr<function, Tile>, matrix: Matrix, copy: u32, size: u32, local: u32) {
    var sums: Sums;
    accumulate(&sums, columns_of(matrix, local), copy, own_quads(0u, quads(size), local));
    add_sums(acc, sums);
}
