// product/outer.wgsl: a block of four rows of an outer product, whose rows lie side by side for each k. The sums of four k
//      are taken one by one, so that where a quad ends changes no bit.

alias Quad = mat4x4<f32>; // a column's words of four k in a row
alias BlockOperand = mat4x4<f32>; // for each k four rows
alias BlockSums = mat4x4<f32>;

// operand_quad(at, row, k) has four neighbouring rows of one k here.
fn block_operand(at: u32, row: u32, quad: u32) -> BlockOperand {
    let k = 4u * quad;
    return BlockOperand(
        operand_quad(at, row, k),
        operand_quad(at, row, k + 1u),
        operand_quad(at, row, k + 2u),
        operand_quad(at, row, k + 3u),
    );
}

fn plus_one(sums: BlockSums, w: vec4<f32>, v: vec4<f32>) -> BlockSums {
    return sums + BlockSums(w * v.x, w * v.y, w * v.z, w * v.w);
}

fn plus_block(sums: BlockSums, w: Quad, v: BlockOperand) -> BlockSums {
    return plus_one(plus_one(plus_one(plus_one(sums, w[0], v[0]), w[1], v[1]), w[2], v[2]), w[3], v[3]);
}

fn add_block(acc: ptr<function, Tile>, first: u32, sums: BlockSums) {
    (*acc)[first] += sums[0];
    (*acc)[first + 1u] += sums[1];
    (*acc)[first + 2u] += sums[2];
    (*acc)[first + 3u] += sums[3];
}

fn block_of(acc: ptr<function, Tile>, first: u32) -> BlockSums {
    return BlockSums((*acc)[first], (*acc)[first + 1u], (*acc)[first + 2u], (*acc)[first + 3u]);
}
