// matmul/features.wgsl: the product is the features of a row, the last group of columns perhaps partly filled.

@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [rows, features]

fn start_value(m: u32, n: u32, z: u32, bias: u32) -> vec4<f32> {
    return load_full(bias, n);
}

fn store(m: u32, n: u32, z: u32, value: vec4<f32>) {
    let first = 4u * n;
    for (var i = 0u; i < min(4u, params.features - first); i++) {
        out[(params.out_row + m) * params.features + first + i] = value[i];
    }
}
