// product/rows1.wgsl: a block of one row.

alias BlockOperand = vec4<f32>;
alias BlockSums = SumsOf1;

fn block_operand(at: u32, row: u32, quad: u32) -> BlockOperand {
    return operand_quad(at, row, quad);
}

fn plus_block(sums: BlockSums, w: Quad, v: BlockOperand) -> BlockSums {
    return sums + quad_times_row(w, v);
}

fn add_block(acc: ptr<function, Tile>, first: u32, sums: BlockSums) {
    (*acc)[first] += sums;
}

fn block_of(acc: ptr<function, Tile>, first: u32) -> BlockSums {
    return (*acc)[first];
}
