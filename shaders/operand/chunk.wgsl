// operand/chunk.wgsl: a's rows lie as those of the chunk: one for each step, batch row and slice.

@group(0) @binding(2) var<storage, read> a: array<f32>; // at params.a_start: [steps,B,slices,inner]

// Where row m of slice z begins in a.
fn row_start(m: u32, z: u32) -> u32 {
    return params.a_start + (m * params.num_slices + z) * params.inner;
}

fn load_a(start: u32, k: u32) -> f32 {
    return a[start + k];
}
