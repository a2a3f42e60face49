// backward_params.wgsl: the parameters of step_backward.wgsl, sequence_backward.wgsl and cell_states.wgsl.

// A slice of a dispatch (grid z): a direction of a layer.
struct BackwardSlice {
    w_t: u32,      // index of w_hh's first word, transposed: [H][t_words]
    carry_h: u32,  // its [B,R] in carry: the gradient of h that does not come through w_hh
    carry_c: u32,  // its [B,H] in carry: the gradient of c
    h0: u32,       // its [B,R] in carry: h before the first step of all
    c_before: u32, // its [B,H] in carry: c before the chunk
    c_after: u32,  // its [B,H] in carry: where cell_states.wgsl leaves c after the chunk
    output: u32,   // its first column in y
    reverse: u32,  // 1: from the last time step to the first
    choice: Choice,
}

struct BackwardParams {
    hidden_size: u32,     // H
    recurrent_size: u32,  // R, the size of h
    row_words: u32,       // words of a row of gates: H, rounded up where a word is one f32
    t_words: u32,         // words of a row of transposed weights: R, rounded up likewise
    batch: u32,
    seq_len: u32,
    chunk_step: u32,      // the chunk's first step, counted from the start of the sequence
    first_step: u32,      // the first of the steps that this dispatch, or this run of dispatches, is about
    num_steps: u32,       // how many they are
    output_stride_t: u32, // of y and d_y, in elements
    output_stride_b: u32,
    c_seq: u32,           // index in carry of c after each step of the chunk: [steps,B,slices,H]
    num_slices: u32,
    slices: array<BackwardSlice, MAX_SLICES>,
}
