// operand/h.wgsl: a's rows are h before each step: h0, then what the layer put out the step before.

@group(0) @binding(2) var<storage, read> a: array<f32>;  // y: [T,B,D*R] or [B,T,D*R]
@group(0) @binding(4) var<storage, read> h0: array<f32>; // at params.h0: [slices,B,R]

// Marks a row of h0; an index of an element has fewer bits.
const IN_H0 = 0x80000000u;

// Where row m of slice z begins in a, or in h0.
fn row_start(m: u32, z: u32) -> u32 {
    let step = params.first_step + m / params.batch;
    let row = m % params.batch;
    if (step == 0u) {
        return IN_H0 | (params.h0 + (z * params.batch + row) * params.inner);
    }
    return time_of(step - 1u, row, z) * params.stride_t + row * params.stride_b + z * params.inner;
}

fn load_a(start: u32, k: u32) -> f32 {
    if ((start & IN_H0) != 0u) {
        return h0[(start & ~IN_H0) + k];
    }
    return a[start + k];
}
