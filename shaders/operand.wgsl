// operand.wgsl: the rows that a matrix product works on: of x, of h, or of anything that lies by step, row and slice.

@group(0) @binding(2) var<storage, read> a: array<f32>;

// Where row m of slice z begins in a.
fn row_start(m: u32, z: u32) -> u32 {
    let step = params.first_step + m / params.batch;
    let row = m % params.batch;
    return params.a_first + time_of(step, row, z) * params.stride_t + row * params.stride_b + z * params.stride_z;
}
