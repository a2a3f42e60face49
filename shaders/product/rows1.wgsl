// product/rows1.wgsl: a block of one row.

alias BlockOperand = vec4<f32>;
alias BlockSums = SumsOf1;

fn block_operand(at: u32, row: u32, quad: u32) -> BlockOperand {
    return operand_quad(at, row, quad);
}

fn block_product(w: Quad, v: BlockOperand) -> BlockSums {
    return quad_times_row(w, v);
}

fn add_block(acc: ptr<function, Tile>, first: u32, sums: BlockSums) {
    (*acc)[first] += sums;
}
