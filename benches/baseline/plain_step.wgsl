// plain_step.wgsl: the plainest fused step: one invocation per row and unit, no staging, no tiles, nothing hoisted.
// Grid: x: units / 64, y: rows

struct Params {
    batch: u32,
    input_size: u32,
    hidden_size: u32,
    step: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;           // [T,B,I]
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;     // [1 + I + H][H], the bias row first
@group(0) @binding(3) var<storage, read_write> h: array<f32>;     // [2,B,H]
@group(0) @binding(4) var<storage, read_write> c: array<f32>;     // [B,H]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;     // [T,B,H]

fn sigmoid(v: f32) -> f32 {
    return 1.0 / (1.0 + exp(-v));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let unit = id.x;
    let hidden = params.hidden_size;
    if (unit >= hidden) { return; }
    let x_row = (params.step * params.batch + id.y) * params.input_size;
    let h_row = ((params.step % 2u) * params.batch + id.y) * hidden;
    var pre = w[unit];
    var at = hidden + unit;
    for (var k = 0u; k < params.input_size; k++) {
        pre += x[x_row + k] * w[at];
        at += hidden;
    }
    for (var k = 0u; k < hidden; k++) {
        pre += h[h_row + k] * w[at];
        at += hidden;
    }
    let c_at = id.y * hidden + unit;
    let c_next = sigmoid(pre.y) * c[c_at] + sigmoid(pre.x) * tanh(pre.z);
    let h_next = sigmoid(pre.w) * tanh(c_next);
    c[c_at] = c_next;
    h[(((params.step + 1u) % 2u) * params.batch + id.y) * hidden + unit] = h_next;
    y[(params.step * params.batch + id.y) * hidden + unit] = h_next;
}
