// transposed/one_lane.wgsl: a word of what is multiplied is one k.

const QUAD_WORDS = 4u;

fn operand_quad(at: u32, row: u32, quad: u32) -> vec4<f32> {
    let j = 4u * quad;
    return vec4<f32>(
        operand_word(at, row, j),
        operand_word(at, row, j + 1u),
        operand_word(at, row, j + 2u),
        operand_word(at, row, j + 3u),
    );
}

// In place of weights that are not there the last row is read once more. An RNN's transposed weights have H rows.
fn load_quad(column: Column, quad: u32) -> Quad {
    let last = params.hidden_size - 1u;
    let j = 4u * quad;
    return Quad(
        load_full(column.first, j * column.stride),
        load_full(column.first, min(j + 1u, last) * column.stride),
        load_full(column.first, min(j + 2u, last) * column.stride),
        load_full(column.first, min(j + 3u, last) * column.stride),
    );
}
