// cell_states.wgsl: c after every step of a chunk, from the pre-activations; the backward pass needs them all.
// Math:  c[t] = cell_update(pre[t], c[t-1])              (cell/lstm.wgsl)
// Grid:  x: hidden units / UNITS, y: batch rows, z: slices; one invocation owns a unit of a row
// Binds: 0 params · 1 weights (weights/*.wgsl) · 2 gates [steps of the chunk, B, slices, row_words] read · 3 carry rw
// Consts: UNITS, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads gates and writes c once
// Why this shape: c of a unit depends on no other unit, so a chunk needs no barrier.

@group(0) @binding(0) var<storage, read> params: BackwardParams;
@group(0) @binding(2) var<storage, read> gates: array<Gates>;
@group(0) @binding(3) var<storage, read_write> carry: array<f32>;

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let unit = group.x * UNITS + local;
    let row = group.y;
    let z = group.z;
    if (unit >= params.hidden_size) {
        return;
    }
    let stride = params.batch * params.num_slices;
    let first = row * params.num_slices + z;
    let c_at = params.c_seq + first * params.hidden_size + unit;
    let state_at = row * params.hidden_size + unit;
    var c = carry[params.slices[z].c_before + state_at];
    for (var s = 0u; s < params.num_steps; s++) {
        let pre = gates[(s * stride + first) * params.row_words + unit];
        c = cell_update(pre, CellState(0.0, c), z, unit).c;
        carry[c_at + s * stride * params.hidden_size] = c;
    }
    carry[params.slices[z].c_after + state_at] = c;
}
