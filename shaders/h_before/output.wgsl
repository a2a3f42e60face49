// h_before/output.wgsl: h before each step is h0, then what the layer put out.

@group(0) @binding(6) var<storage, read> y: array<f32>; // [T,B,D*R] or [B,T,D*R]

fn h_before(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    if (step == 0u) {
        return carry[params.slices[z].h0 + row * params.recurrent_size + unit];
    }
    return y[output_at(z, step - 1u, row, unit)];
}
