// matmul/more_gates.wgsl: the product is added to pre-activations of one unit per group of columns.

@group(0) @binding(3) var<storage, read_write> pre: array<vec4<f32>>; // [steps of the chunk, B, slices, H]

fn start_value(m: u32, n: u32, z: u32, bias: u32) -> vec4<f32> {
    return pre[((params.out_row + min(m, params.rows - 1u)) * params.num_slices + z) * params.columns + n];
}

fn store(m: u32, n: u32, z: u32, value: vec4<f32>) {
    let at = ((params.out_row + m) * params.num_slices + z) * params.columns + n;
    var sum = value;
    if (params.kept_lanes != 0u) {
        sum = keep_lanes(params.kept_lanes, pre[at], value);
    }
    pre[at] = sum;
}
