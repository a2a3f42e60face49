// product/rows2.wgsl: a block of two rows.

alias BlockOperand = mat2x4<f32>;
alias BlockSums = SumsOf2;

fn block_operand(at: u32, row: u32, quad: u32) -> BlockOperand {
    return BlockOperand(operand_quad(at, row, quad), operand_quad(at, row + 1u, quad));
}

fn block_product(w: Quad, v: BlockOperand) -> BlockSums {
    return w * v;
}

fn add_block(acc: ptr<function, Tile>, first: u32, sums: BlockSums) {
    (*acc)[first] += sums[0];
    (*acc)[first + 1u] += sums[1];
}
