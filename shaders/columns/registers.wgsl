// columns/registers.wgsl: a column's weights of one quad of k, packed as they lie in memory.

struct Column {
    w_0: Packed,
    w_1: Packed,
    w_2: Packed,
    w_3: Packed,
    scale: Gates,
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    let at = column(matrix, first, u);
    let stride = matrix.row_words;
    let first_word = matrix.first + 4u * matrix.quad * stride + at;
    return Column(
        load_packed(first_word),
        load_packed(first_word + stride),
        load_packed(first_word + 2u * stride),
        load_packed(first_word + 3u * stride),
        load_scale(matrix.first, stride, at),
    );
}

fn load_quad(column: Column, quad: u32) -> Quad {
    return Quad(
        unpacked(column.w_0, column.scale),
        unpacked(column.w_1, column.scale),
        unpacked(column.w_2, column.scale),
        unpacked(column.w_3, column.scale),
    );
}
