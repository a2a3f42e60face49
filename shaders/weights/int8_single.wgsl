// weights/int8_single.wgsl: as weights/int8.wgsl, for words of one gate: four of them to a u32.

@group(0) @binding(1) var<storage, read> weights: array<u32>;

alias Packed = i32;

fn load_full(row: u32, column: u32) -> Gates {
    return bitcast<f32>(weights[row / 4u + column]);
}

fn load_scale(first: u32, row_words: u32, column: u32) -> Gates {
    return load_full(first - 4u * row_words, column);
}

fn load_packed(index: u32) -> Packed {
    return extractBits(bitcast<i32>(weights[index / 4u]), 8u * (index % 4u), 8u);
}

fn unpacked(word: Packed, scale: Gates) -> Gates {
    return f32(word) * scale;
}
