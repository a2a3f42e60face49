// transposed/four_lanes.wgsl: a word of what is multiplied has four lanes, which are four k of one product.

const QUAD_WORDS = 1u;

fn operand_quad(at: u32, row: u32, quad: u32) -> vec4<f32> {
    return operand_word(at, row, quad);
}

fn load_quad(column: Column, quad: u32) -> Quad {
    return load_full(column.first, quad * column.stride);
}
