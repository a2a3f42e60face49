// reset_states.wgsl: what the candidate of a GRU multiplies in every step of a chunk, where the reset gate scales h
//      before the product; from the pre-activations.
// Math:  h_inner[t] = activate_f(pre.r[t]) * h[t-1]
// Grid:  x: hidden units / UNITS, y: steps and batch rows of the chunk / ROWS, z: slices
//        one invocation owns a unit of ROWS rows
// Binds: 0 params · 2 gates [steps of the chunk, B, slices, row_words] read · 3 carry rw · 5 lengths (lengths/*.wgsl)
//        6 y read (h_before.wgsl)
// Consts: UNITS, ROWS, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads gates and h and writes h_inner once
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
        let r = gate(gates[gates_at(step, row, z) + unit].x, z);
        carry[params.h_inner + chunk_row(step, row, z) * params.hidden_size + unit] =
            r * h_before(z, step, row, unit);
    }
}
