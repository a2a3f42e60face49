// unfused.wgsl: the operations of which frameworks compose an LSTM step, a kernel each.
// Grid: matmul: columns / 16, rows / 16; matmul_row: columns / 64, rows; the others: elements / 64

struct Params {
    rows: u32,
    inner: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

var<workgroup> a_tile: array<f32, 256>;
var<workgroup> b_tile: array<f32, 256>;

// out[m, n] = sum over k of a[m, k] * b[k, n], in tiles of 16 by 16.
@compute @workgroup_size(16, 16)
fn matmul(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let at = local.y * 16u + local.x;
    var sum = 0.0;
    for (var k0 = 0u; k0 < params.inner; k0 += 16u) {
        let k_a = k0 + local.x;
        let k_b = k0 + local.y;
        a_tile[at] = 0.0;
        b_tile[at] = 0.0;
        if (id.y < params.rows && k_a < params.inner) { a_tile[at] = a[id.y * params.inner + k_a]; }
        if (id.x < params.columns && k_b < params.inner) { b_tile[at] = b[k_b * params.columns + id.x]; }
        workgroupBarrier();
        for (var k = 0u; k < 16u; k++) {
            sum += a_tile[local.y * 16u + k] * b_tile[k * 16u + local.x];
        }
        workgroupBarrier();
    }
    if (id.x < params.columns && id.y < params.rows) {
        out[id.y * params.columns + id.x] = sum;
    }
}

// The same for few rows, where a tile would be mostly empty.
@compute @workgroup_size(64)
fn matmul_row(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= params.columns) { return; }
    var sum = 0.0;
    for (var k = 0u; k < params.inner; k++) {
        sum += a[id.y * params.inner + k] * b[k * params.columns + id.x];
    }
    out[id.y * params.columns + id.x] = sum;
}

fn is_element(i: u32) -> bool {
    return i < params.rows * params.columns;
}

@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3<u32>) {
    if (is_element(id.x)) { out[id.x] = a[id.x] + b[id.x]; }
}

@compute @workgroup_size(64)
fn add_bias(@builtin(global_invocation_id) id: vec3<u32>) {
    if (is_element(id.x)) { out[id.x] = a[id.x] + b[id.x % params.columns]; }
}

@compute @workgroup_size(64)
fn multiply(@builtin(global_invocation_id) id: vec3<u32>) {
    if (is_element(id.x)) { out[id.x] = a[id.x] * b[id.x]; }
}

// b is not used: it keeps the bindings of all operations the same.
@compute @workgroup_size(64)
fn sigmoid(@builtin(global_invocation_id) id: vec3<u32>) {
    if (is_element(id.x)) { out[id.x] = 1.0 / (1.0 + exp(-a[id.x])) + 0.0 * b[0]; }
}

@compute @workgroup_size(64)
fn hyperbolic_tangent(@builtin(global_invocation_id) id: vec3<u32>) {
    if (is_element(id.x)) { out[id.x] = tanh(a[id.x]) + 0.0 * b[0]; }
}

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3<u32>) {
    if (is_element(id.x)) { out[id.x] = a[id.x] + 0.0 * b[0]; }
}
