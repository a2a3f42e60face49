// last.wgsl: one time step of each batch row, or the states that are left of one.
// Math:  y[b][f] = x[first + t * stride_t + b * stride_b + f / part * stride_part + f % part]
//        t = length - 1, where there is a step
// Grid:  x and y: elements of y / INVOCATIONS, x first; one invocation owns one
// Binds: 0 params · 1 x [T,B,F] or h_n [L*D,B,F/D] read · 2 y [B,F] rw · 5 lengths (lengths/*.wgsl)
// Consts: INVOCATIONS (kernels/last.rs)     Needs: WebGPU defaults
// Floor: reads and writes y's elements once
// Why this shape: a step of y and the directions of h_n are both rows of equal distance: one kernel has both.

struct LastParams {
    batch: u32,
    features: u32,     // of a row of y
    seq_len: u32,      // 1 for states
    first: u32,        // index of what comes first in x
    stride_t: u32,
    stride_b: u32,
    part: u32,         // features that lie side by side: all of a step, those of one direction's state
    stride_part: u32,  // from direction to direction
    groups: u32,       // workgroups along x
}

@group(0) @binding(0) var<storage, read> params: LastParams;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let element = (group.y * params.groups + group.x) * INVOCATIONS + local;
    let b = element / params.features;
    let f = element % params.features;
    if (b >= params.batch) {
        return;
    }
    let t = max(length_of(b), 1u) - 1u;
    let row = params.first + t * params.stride_t + b * params.stride_b;
    y[element] = x[row + f / params.part * params.stride_part + f % params.part];
}
