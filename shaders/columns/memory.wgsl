// columns/memory.wgsl: weights are read where they lie. Their rows, like the operand's, are padded to whole quads.

struct Column {
    first: u32, // index of its first word
    stride: u32,
    scale: Gates,
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    let at = column(matrix, first, u);
    let first_word = matrix.first + 4u * matrix.quad * matrix.row_words + at;
    return Column(first_word, matrix.row_words, load_scale(matrix.first, matrix.row_words, at));
}

fn load_quad(column: Column, quad: u32) -> Quad {
    let at = column.first + 4u * quad * column.stride;
    return Quad(
        unpacked(load_packed(at), column.scale),
        unpacked(load_packed(at + column.stride), column.scale),
        unpacked(load_packed(at + 2u * column.stride), column.scale),
        unpacked(load_packed(at + 3u * column.stride), column.scale),
    );
}
