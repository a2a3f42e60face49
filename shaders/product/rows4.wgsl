// product/rows4.wgsl: a block of four rows.

alias BlockOperand = mat4x4<f32>;
alias BlockSums = SumsOf4;

fn block_operand(at: u32, row: u32, quad: u32) -> BlockOperand {
    return BlockOperand(
        operand_quad(at, row, quad),
        operand_quad(at, row + 1u, quad),
        operand_quad(at, row + 2u, quad),
        operand_quad(at, row + 3u, quad),
    );
}

fn block_product(w: Quad, v: BlockOperand) -> BlockSums {
    return w * v;
}

fn add_block(acc: ptr<function, Tile>, first: u32, sums: BlockSums) {
    (*acc)[first] += sums[0];
    (*acc)[first + 1u] += sums[1];
    (*acc)[first + 2u] += sums[2];
    (*acc)[first + 3u] += sums[3];
}
