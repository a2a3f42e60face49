// weights/f32.wgsl: packed weights in full precision.
// Layout: per layer and direction [1 + I4 + H4][H]Gates: the bias row, then the rows of w_ih, then those of w_hh;
//         I4, H4: input and hidden size rounded up to a multiple of 4, the rows in excess are zero (pack.rs).

@group(0) @binding(1) var<storage, read> weights: array<Gates>;

fn load_weight(index: u32) -> Gates {
    return weights[index];
}
