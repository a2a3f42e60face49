// operand/x.wgsl: a's rows are those of a layer's input, or of any matrix: inner elements side by side.

@group(0) @binding(2) var<storage, read> a: array<f32>;

// Where row m of slice z begins in a.
fn row_start(m: u32, z: u32) -> u32 {
    let step = params.first_step + m / params.batch;
    return time_of(step, m % params.batch, z) * params.stride_t + (m % params.batch) * params.stride_b;
}

fn load_a(start: u32, k: u32) -> f32 {
    return a[start + k];
}
