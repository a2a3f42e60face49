// weights/f32.wgsl: packed weights in full precision.
// Layout (all weights/*.wgsl; pack/layout.rs): per layer and direction rows of H words: the bias, I4 of w_ih, H4 of w_hh,
//         the peepholes, then w_hr; I4, H4: input and hidden size rounded up to a multiple of 4, the rows in excess are
//         zero. Bias and peepholes are in full precision in every format.

@group(0) @binding(1) var<storage, read> weights: array<Gates>;

alias Packed = Gates;

// A word in full precision, of a row that begins at word `row`.
fn load_full(row: u32, column: u32) -> Gates {
    return weights[row + column];
}

// What the words of a column are multiplied with, in a matrix that begins at word `first`.
fn load_scale(first: u32, row_words: u32, column: u32) -> Gates {
    return Gates();
}

fn load_packed(index: u32) -> Packed {
    return weights[index];
}

fn unpacked(word: Packed, scale: Gates) -> Gates {
    return word;
}
