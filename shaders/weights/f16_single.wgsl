// weights/f16_single.wgsl: as weights/f16.wgsl, for words of one gate: two of them to a u32.

@group(0) @binding(1) var<storage, read> weights: array<u32>;

alias Packed = Gates;

fn load_full(row: u32, column: u32) -> Gates {
    return bitcast<f32>(weights[row / 2u + column]);
}

fn load_scale(first: u32, row_words: u32, column: u32) -> Gates {
    return Gates();
}

fn load_packed(index: u32) -> Packed {
    let pair = unpack2x16float(weights[index / 2u]);
    return select(pair.x, pair.y, index % 2u == 1u);
}

fn unpacked(word: Packed, scale: Gates) -> Gates {
    return word;
}
