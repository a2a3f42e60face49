// backward_params.wgsl: the parameters of step_backward.wgsl, sequence_backward.wgsl and cell_states.wgsl.

// A slice of a dispatch (grid z): a direction of a layer.
struct BackwardSlice {
    w_t: u32,      // index of w_hh's first word, transposed: [H][t_words]
    carry_h: u32,  // its [B,R] in carry: the gradient of h that does not come through w_hh
    carry_c: u32,  // its [B,H] in carry: the gradient of c
    h0: u32,       // its [B,R] in carry
    c0: u32,       // its [B,H] in carry
    output: u32,   // its first column in y
    reverse: u32,  // 1: from the last time step to the first
    padding: u32,
    choice: Choice,
}

struct BackwardParams {
    hidden_size: u32,     // H
    recurrent_size: u32,  // R, the size of h
    row_words: u32,       // words of a row of gates: H, rounded up where a word is one f32
    t_words: u32,         // words of a row of transposed weights: R, rounded up likewise
    batch: u32,
    seq_len: u32,
    first_step: u32,      // the chunk's first step, counted from the start of the sequence
    num_steps: u32,       // steps of the chunk
    output_stride_t: u32, // of y and d_y, in elements
    output_stride_b: u32,
    c_seq: u32,           // index in carry of c after each step: [T,B,slices,H]
    num_slices: u32,
    slices: array<BackwardSlice, MAX_SLICES>,
}
