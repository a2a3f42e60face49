// map.wgsl: an activation of every element.
// Math:  y[n] = activate_f(x[n])     (activation/*.wgsl)
// Grid:  x and y: elements / (INVOCATIONS * EACH), x first; one invocation owns EACH elements, INVOCATIONS apart
// Binds: 0 params · 1 x read · 2 y rw
// Consts: INVOCATIONS, EACH (kernels/function.rs)     Needs: WebGPU defaults
// Floor: reads x and writes y once
// Why this shape: 1. neighbouring invocations own neighbouring elements, whatever the number of features.
//      2. two sides of the grid, for one has no more than 65535 workgroups.

struct MapParams {
    elements: u32,
    groups: u32,  // workgroups along x
}

@group(0) @binding(0) var<storage, read> params: MapParams;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let first = (group.y * params.groups + group.x) * INVOCATIONS * EACH + local;
    for (var n = 0u; n < EACH; n++) {
        let at = first + n * INVOCATIONS;
        if (at < params.elements) {
            y[at] = activate_f(x[at], 0u);
        }
    }
}
