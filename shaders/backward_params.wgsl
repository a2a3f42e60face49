// backward_params.wgsl: the parameters of the kernels that go back through time, and where gates, c and outputs lie.

// A slice of a dispatch (grid z): a direction of a layer, or a layer of a wave.
struct BackwardSlice {
    w_t: u32,         // index of w_hh's first word, transposed: [H][t_words]
    w_hr_t: u32,      // index of w_hr's first word, transposed: [P4/4][H], where h is projected
    carry_h: u32,     // its [B,R] in carry: the gradient of h that does not come through w_hh
    carry_c: u32,     // its [B,H] in carry: the gradient of c
    h0: u32,          // its [B,R] in carry: h before the first step of all
    c_before: u32,    // its [B,H] in carry: c before the chunk
    c_after: u32,     // its [B,H] in carry: where cell_states.wgsl leaves c after the chunk
    output: u32,      // its first column in y
    reverse: u32,     // 1: from the last time step to the first
    first_row: u32,   // its first row of gates, c_seq and h_inner
    delay: u32,       // in a wave: how many dispatches it is behind the top layer; slice z + 1 is the layer above
    w_above: u32,     // in a wave: index of the first word of the layer above's w_ih, transposed: [H][t_words]
    d_peepholes: u32, // index of its row of peepholes in the packed gradients (peephole_gradient.wgsl)
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
    first_tick: u32,      // dispatches of a wave before this run of them
    output_stride_t: u32, // of y and d_y, in elements
    output_stride_b: u32,
    c_seq: u32,           // index in carry of c after each step: [steps,B,slices,H]; in a wave [layers,steps,B,H]
    h_inner: u32,         // index in carry of what reset_states.wgsl or cell_states.wgsl leave of each step: as c_seq
    exchange: u32,        // index in carry of what a step's first phase leaves to the second (unit_backward/*.wgsl)
    accumulate: u32,      // 1: the peepholes' gradient is added to what is there, 0: it takes its place
    num_slices: u32,      // slices whose rows lie side by side: 1 in a wave
    slices: array<BackwardSlice, MAX_SLICES>,
}

@group(0) @binding(0) var<storage, read> params: BackwardParams;
@group(0) @binding(3) var<storage, read_write> carry: array<f32>;

// A row of an array that has one for each step of the chunk, batch row and slice.
fn chunk_row(step: u32, row: u32, z: u32) -> u32 {
    return ((step - params.chunk_step) * params.batch + row) * params.num_slices + params.slices[z].first_row;
}

// Where y and d_y hold a unit after a step.
fn output_at(z: u32, step: u32, row: u32, unit: u32) -> u32 {
    let slice = params.slices[z];
    let length = length_of(row);
    let t = select(step, length - 1u - step, slice.reverse != 0u && step < length);
    return t * params.output_stride_t + row * params.output_stride_b + slice.output + unit;
}

fn gates_at(step: u32, row: u32, z: u32) -> u32 {
    return chunk_row(step, row, z) * params.row_words;
}

// c of a unit after a step.
fn c_after(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    return carry[params.c_seq + chunk_row(step, row, z) * params.hidden_size + unit];
}

// c of a unit before a step.
fn c_before(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    if (step > params.chunk_step) {
        return c_after(z, step - 1u, row, unit);
    }
    return carry[params.slices[z].c_before + row * params.hidden_size + unit];
}
