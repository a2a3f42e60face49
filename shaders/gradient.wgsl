// gradient.wgsl: the parameters of input_gradient.wgsl and weight_gradient.wgsl.

struct GradientParams {
    rows: u32,           // steps that this dispatch is about, times batch
    inner: u32,          // features of the operand: of x, or of h
    columns: u32,        // groups of four elements of a row of d_pre
    batch: u32,
    d_row: u32,          // the row of d_pre that row 0 belongs to
    first_step: u32,     // the step of row 0 of the operand, or of d_x
    seq_len: u32,
    chunk: u32,          // steps of a whole chunk
    a_first: u32,        // where the operand begins, in elements
    stride_t: u32,       // of the operand, and of d_x
    stride_b: u32,
    stride_z: u32,
    weights: u32,        // index of the first row of the weights, or of their gradients
    weights_stride: u32, // from slice to slice
    reverse: u32,        // bit z: slice z runs from the last time step to the first
    num_slices: u32,
    slice: u32,          // the direction, where a dispatch has only one
    ones: u32,           // 1: the operand begins with a 1, for the bias (weight_gradient.wgsl)
    d_first: u32,        // index of the chunk's first group in d_pre
    kept_lanes: u32,     // bit i: element i of each group of the weights' gradients stays as it is
    accumulate: u32,     // 1: the weights' gradient is added to what is there, 0: it takes its place
}

@group(0) @binding(0) var<storage, read> params: GradientParams;

// Where d_pre holds the groups of columns that belong to row m.
fn d_pre_at(m: u32, z: u32) -> u32 {
    return params.d_first + ((params.d_row + m) * params.num_slices + z) * params.columns;
}
