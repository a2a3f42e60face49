// h_before.wgsl: h before each step, for kernels that go back through time: h0, then what the layer put out.

@group(0) @binding(6) var<storage, read> y: array<f32>; // [T,B,D*R] or [B,T,D*R]

// Where y and d_y hold a unit after a step.
fn output_at(z: u32, step: u32, row: u32, unit: u32) -> u32 {
    let slice = params.slices[z];
    let length = length_of(row);
    let t = select(step, length - 1u - step, slice.reverse != 0u && step < length);
    return t * params.output_stride_t + row * params.output_stride_b + slice.output + unit;
}

fn h_before(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    if (step == 0u) {
        return carry[params.slices[z].h0 + row * params.recurrent_size + unit];
    }
    return y[output_at(z, step - 1u, row, unit)];
}
