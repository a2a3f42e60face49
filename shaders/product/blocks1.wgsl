// product/blocks1.wgsl: all rows are one block.

alias Operand = BlockOperand;
alias RowSums = BlockSums;

fn operand(at: u32, quad: u32) -> Operand {
    return block_operand(at, 0u, quad);
}

fn plus_product(sums: RowSums, w: Quad, v: Operand) -> RowSums {
    return sums + block_product(w, v);
}

fn add_rows(acc: ptr<function, Tile>, first: u32, sums: RowSums) {
    add_block(acc, first, sums);
}
