// weights/int8.wgsl: packed weights as 8-bit integers, four to a u32, with a scale for each row of w_ih, w_hh and w_hr.
// A word is 4 bytes; one in full precision takes four. Layout: weights/f32.wgsl, and before each matrix a row of its
// columns' scales in full precision.

@group(0) @binding(1) var<storage, read> weights: array<u32>;

alias Packed = u32;

fn load_full(row: u32, column: u32) -> Gates {
    let at = row + 4u * column;
    return bitcast<Gates>(vec4<u32>(weights[at], weights[at + 1u], weights[at + 2u], weights[at + 3u]));
}

fn load_scale(first: u32, row_words: u32, column: u32) -> Gates {
    return load_full(first - 4u * row_words, column);
}

fn load_packed(index: u32) -> Packed {
    return weights[index];
}

// The shift to the right keeps the sign.
fn unpacked(word: Packed, scale: Gates) -> Gates {
    let bytes = vec4<i32>(bitcast<i32>(word)) << vec4<u32>(24u, 16u, 8u, 0u);
    return Gates(bytes >> vec4<u32>(24u)) * scale;
}
