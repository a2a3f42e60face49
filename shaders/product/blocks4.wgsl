// product/blocks4.wgsl: four blocks of four rows.

struct Operand {
    a: BlockOperand,
    b: BlockOperand,
    c: BlockOperand,
    d: BlockOperand,
}

struct RowSums {
    a: BlockSums,
    b: BlockSums,
    c: BlockSums,
    d: BlockSums,
}

fn operand(at: u32, quad: u32) -> Operand {
    return Operand(
        block_operand(at, 0u, quad),
        block_operand(at, 4u, quad),
        block_operand(at, 8u, quad),
        block_operand(at, 12u, quad),
    );
}

fn plus_product(sums: RowSums, w: Quad, v: Operand) -> RowSums {
    return RowSums(
        sums.a + block_product(w, v.a),
        sums.b + block_product(w, v.b),
        sums.c + block_product(w, v.c),
        sums.d + block_product(w, v.d),
    );
}

fn add_rows(acc: ptr<function, Tile>, first: u32, sums: RowSums) {
    add_block(acc, first, sums.a);
    add_block(acc, first + 4u, sums.b);
    add_block(acc, first + 8u, sums.c);
    add_block(acc, first + 12u, sums.d);
}
