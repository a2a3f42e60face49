// kept/quads4.wgsl: 4 quads of weights that stay for the whole chunk. All indices are constants.

var<private> kept: array<Columns, 4>;

fn keep_all(matrix: Matrix, unit: u32, first: u32) {
    kept[0] = keep(matrix, unit, first);
    kept[1] = keep(matrix, unit, first + SPLIT);
    kept[2] = keep(matrix, unit, first + 2u * SPLIT);
    kept[3] = keep(matrix, unit, first + 3u * SPLIT);
}

fn kept_products(at: u32, first: u32) -> Sums {
    var sums: Sums;
    sums = plus_products(sums, kept[0], operand(at, first), 0u);
    sums = plus_products(sums, kept[1], operand(at, first + SPLIT), 0u);
    sums = plus_products(sums, kept[2], operand(at, first + 2u * SPLIT), 0u);
    sums = plus_products(sums, kept[3], operand(at, first + 3u * SPLIT), 0u);
    return sums;
}
