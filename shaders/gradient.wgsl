// gradient.wgsl: the parameters of input_gradient.wgsl and weight_gradient.wgsl.

struct GradientParams {
    rows: u32,           // steps that this dispatch is about, times batch
    inner: u32,          // features of the operand: of x, or of h
    columns: u32,        // groups of four elements of a row of d_pre
    batch: u32,
    chunk_step: u32,     // the chunk's first step, counted from the start of the sequence
    first_step: u32,     // the first step that this dispatch is about
    seq_len: u32,
    stride_t: u32,       // of the operand and of d_x, in elements
    stride_b: u32,
    weights: u32,        // index of the first row of the weights, or of their gradients
    weights_stride: u32, // from slice to slice
    reverse: u32,        // bit z: slice z runs from the last time step to the first
    num_slices: u32,
    slice: u32,          // the direction, where a dispatch has only one
    ones: u32,           // 1: the operand begins with a 1, for the bias (weight_gradient.wgsl)
    h0: u32,             // index of slice 0's first row in h0 (operand/h.wgsl)
    a_start: u32,        // index of slice 0's row 0 in the operand (operand/chunk.wgsl)
    d_pre_start: u32,    // index of the chunk's first group in d_pre
    kept_lanes: u32,     // bit i: element i of each group of the weights' gradients stays as it is
    accumulate: u32,     // 1: the gradient is added to what is there, 0: it takes its place
}

@group(0) @binding(0) var<storage, read> params: GradientParams;

// Where d_pre holds the groups of columns of row m, counted from first_step.
fn d_pre_at(m: u32, z: u32) -> u32 {
    let row = (params.first_step - params.chunk_step) * params.batch + m;
    return params.d_pre_start + (row * params.num_slices + z) * params.columns;
}
