// cell_states.wgsl: c after every step of a chunk, from the pre-activations; the backward pass needs them all. And what
//      is projected, where h is.
// Math:  c[t] = cell_update(pre[t], c[t-1])              (cell/lstm.wgsl)       h_inner[t] = o * activate_h(c[t])
// Grid:  x: hidden units / UNITS, y: batch rows, z: slices; one invocation owns a unit of a row
// Binds: 0 params · 1 weights (weights/*.wgsl) · 2 gates [steps of the chunk, B, slices, row_words] read
//        3 carry rw
// Consts: UNITS, MAX_SLICES, HAS_C, IS_CHOSEN, HAS_H_INNER (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads gates and writes c once
// Why this shape: c of a unit depends on no other unit, so a chunk needs no barrier.

@group(0) @binding(2) var<storage, read> gates: array<Gates>;

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let unit = group.x * UNITS + local;
    let row = group.y;
    let z = group.z;
    if (unit >= params.hidden_size) {
        return;
    }
    let state_at = row * params.hidden_size + unit;
    var state = CellState(0.0, carry[params.slices[z].c_before + state_at]);
    for (var s = 0u; s < params.num_steps; s++) {
        let at = chunk_row(params.chunk_step + s, row, z);
        state = cell_update(gates[at * params.row_words + unit], state, z, unit);
        carry[params.c_seq + at * params.hidden_size + unit] = state.c;
        if (HAS_H_INNER == 1u) {
            carry[params.h_inner + at * params.hidden_size + unit] = state.h;
        }
    }
    carry[params.slices[z].c_after + state_at] = state.c;
}
