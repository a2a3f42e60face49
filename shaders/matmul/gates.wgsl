// matmul/gates.wgsl: the product is the pre-activations of one unit per group of columns.

@group(0) @binding(3) var<storage, read_write> pre: array<vec4<f32>>; // [steps of the chunk, B, slices, H]

fn start_value(m: u32, n: u32, z: u32, bias: u32) -> vec4<f32> {
    return load_full(bias, n);
}

fn store(m: u32, n: u32, z: u32, value: vec4<f32>) {
    pre[((params.out_row + m) * params.num_slices + z) * params.columns + n] = value;
}
