// product/outer.wgsl: a block of four rows, one k at a time: the word of a column times each of the four.

alias Quad = vec4<f32>; // a column's word of one k
alias BlockOperand = vec4<f32>;
alias BlockSums = mat4x4<f32>;

// Four neighbouring rows of one k.
fn block_operand(at: u32, row: u32, k: u32) -> BlockOperand {
    return operand_quad(at, row, k);
}

fn block_product(w: Quad, v: BlockOperand) -> BlockSums {
    return BlockSums(w * v.x, w * v.y, w * v.z, w * v.w);
}

fn add_block(acc: ptr<function, Tile>, first: u32, sums: BlockSums) {
    (*acc)[first] += sums[0];
    (*acc)[first + 1u] += sums[1];
    (*acc)[first + 2u] += sums[2];
    (*acc)[first + 3u] += sums[3];
}
