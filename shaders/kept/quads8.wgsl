// kept/quads8.wgsl: 8 quads of weights that stay for the whole chunk. All indices are constants.

var<private> kept: array<Columns, 8>;

fn keep_all(matrix: Matrix, unit: u32, first: u32) {
    kept[0] = keep(matrix, unit, first);
    kept[1] = keep(matrix, unit, first + SPLIT);
    kept[2] = keep(matrix, unit, first + 2u * SPLIT);
    kept[3] = keep(matrix, unit, first + 3u * SPLIT);
    kept[4] = keep(matrix, unit, first + 4u * SPLIT);
    kept[5] = keep(matrix, unit, first + 5u * SPLIT);
    kept[6] = keep(matrix, unit, first + 6u * SPLIT);
    kept[7] = keep(matrix, unit, first + 7u * SPLIT);
}

fn kept_products(at: u32, first: u32) -> Sums {
    var sums: Sums;
    sums = plus_products(sums, kept[0], operand(at, first), 0u);
    sums = plus_products(sums, kept[1], operand(at, first + SPLIT), 0u);
    sums = plus_products(sums, kept[2], operand(at, first + 2u * SPLIT), 0u);
    sums = plus_products(sums, kept[3], operand(at, first + 3u * SPLIT), 0u);
    sums = plus_products(sums, kept[4], operand(at, first + 4u * SPLIT), 0u);
    sums = plus_products(sums, kept[5], operand(at, first + 5u * SPLIT), 0u);
    sums = plus_products(sums, kept[6], operand(at, first + 6u * SPLIT), 0u);
    sums = plus_products(sums, kept[7], operand(at, first + 7u * SPLIT), 0u);
    return sums;
}
