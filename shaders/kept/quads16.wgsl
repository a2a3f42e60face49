// kept/quads16.wgsl: 16 quads of weights that stay for the whole chunk. All indices are constants.

var<private> kept: array<Columns, 16>;

fn keep_all(matrix: Matrix, unit: u32, first: u32) {
    kept[0] = keep(matrix, unit, first);
    kept[1] = keep(matrix, unit, first + SPLIT);
    kept[2] = keep(matrix, unit, first + 2u * SPLIT);
    kept[3] = keep(matrix, unit, first + 3u * SPLIT);
    kept[4] = keep(matrix, unit, first + 4u * SPLIT);
    kept[5] = keep(matrix, unit, first + 5u * SPLIT);
    kept[6] = keep(matrix, unit, first + 6u * SPLIT);
    kept[7] = keep(matrix, unit, first + 7u * SPLIT);
    kept[8] = keep(matrix, unit, first + 8u * SPLIT);
    kept[9] = keep(matrix, unit, first + 9u * SPLIT);
    kept[10] = keep(matrix, unit, first + 10u * SPLIT);
    kept[11] = keep(matrix, unit, first + 11u * SPLIT);
    kept[12] = keep(matrix, unit, first + 12u * SPLIT);
    kept[13] = keep(matrix, unit, first + 13u * SPLIT);
    kept[14] = keep(matrix, unit, first + 14u * SPLIT);
    kept[15] = keep(matrix, unit, first + 15u * SPLIT);
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
    sums = plus_products(sums, kept[8], operand(at, first + 8u * SPLIT), 0u);
    sums = plus_products(sums, kept[9], operand(at, first + 9u * SPLIT), 0u);
    sums = plus_products(sums, kept[10], operand(at, first + 10u * SPLIT), 0u);
    sums = plus_products(sums, kept[11], operand(at, first + 11u * SPLIT), 0u);
    sums = plus_products(sums, kept[12], operand(at, first + 12u * SPLIT), 0u);
    sums = plus_products(sums, kept[13], operand(at, first + 13u * SPLIT), 0u);
    sums = plus_products(sums, kept[14], operand(at, first + 14u * SPLIT), 0u);
    sums = plus_products(sums, kept[15], operand(at, first + 15u * SPLIT), 0u);
    return sums;
}
