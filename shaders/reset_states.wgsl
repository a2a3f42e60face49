// reset_states.wgsl: what the candidate's weights multiply in every step of a GRU: h before the step, scaled by the
//      reset gate, from the pre-activations, where that comes before the product.
// Math:  h_inner[t] = activate_f(pre.r[t]) * h[t-1], or h[t-1]
// Grid:  x: hidden units / UNITS, y: steps and batch rows of the chunk / ROWS, z: slices
//        one invocation owns a unit of ROWS rows
// Binds: 0 params · 2 gates [steps of the chunk, B, slices, row_words] read · 3 carry rw
//        5 lengths (lengths/*.wgsl)
//        6 y read (h_before/output.wgsl)
// Consts: UNITS, ROWS, IS_SCALED, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads h, gates where they scale it, and writes h_inner once
// Why this shape: h before every step is known, so all steps run at once.

@group(0) @binding(2) var<storage, read> gates: array<Gates>;

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let unit = group.x * UNITS + local;
    let z = group.z;
    if (unit >= params.hidden_size) {
        return;
    }
    for (var m = group.y * ROWS; m < min((group.y + 1u) * ROWS, params.num_steps * params.batch); m++) {
        let step = params.first_step + m / params.batch;
        let row = m % params.batch;
        var h = h_before(z, step, row, unit);
        if (IS_SCALED == 1u) { h *= gate(gates[gates_at(step, row, z) + unit].x, z); }
        carry[params.h_inner + chunk_row(step, row, z) * params.hidden_size + unit] = h;
    }
}
