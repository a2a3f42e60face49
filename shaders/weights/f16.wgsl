// weights/f16.wgsl: packed weights as 16-bit floats, two to a u32, which every device can read.
// A word is 8 bytes; one in full precision takes two. Layout: weights/f32.wgsl.

@group(0) @binding(1) var<storage, read> weights: array<vec2<u32>>;

alias Packed = vec2<u32>;

fn load_full(row: u32, column: u32) -> Gates {
    let at = row + 2u * column;
    return bitcast<Gates>(vec4<u32>(weights[at], weights[at + 1u]));
}

fn load_scale(first: u32, row_words: u32, column: u32) -> Gates {
    return Gates();
}

fn load_packed(index: u32) -> Packed {
    return weights[index];
}

fn unpacked(word: Packed, scale: Gates) -> Gates {
    return Gates(unpack2x16float(word.x), unpack2x16float(word.y));
}
