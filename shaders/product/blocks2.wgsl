// product/blocks2.wgsl: two blocks of four rows.

struct Operand {
    a: BlockOperand,
    b: BlockOperand,
}

struct RowSums {
    a: BlockSums,
    b: BlockSums,
}

fn operand(at: u32, quad: u32) -> Operand {
    return Operand(block_operand(at, 0u, quad), block_operand(at, 4u, quad));
}

fn plus_product(sums: RowSums, w: Quad, v: Operand) -> RowSums {
    return RowSums(sums.a + block_product(w, v.a), sums.b + block_product(w, v.b));
}

fn add_rows(acc: ptr<function, Tile>, first: u32, sums: RowSums) {
    add_block(acc, first, sums.a);
    add_block(acc, first + 4u, sums.b);
}
