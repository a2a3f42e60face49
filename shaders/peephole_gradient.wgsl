// peephole_gradient.wgsl: the gradient of an LSTM's peepholes over a range of time steps.
// Math:  d_p_i, d_p_f += sum over steps and rows of (d_pre.i, d_pre.f) * c before       d_p_o += sum of d_pre.o * c
// Grid:  x: hidden units / UNITS, y: slices; one invocation owns a unit
// Binds: 0 params · 2 gates read: d_pre [steps of the chunk, B, slices, row_words] · 3 carry rw, read only
//        4 d_weights rw · 5 lengths (lengths/*.wgsl)
// Consts: UNITS, MAX_SLICES (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads gates and c once
// Why this shape: as weight_gradient.wgsl, one product after the other is added to what is there, from the last step to
//      the first.

@group(0) @binding(2) var<storage, read> gates: array<Gates>;
@group(0) @binding(4) var<storage, read_write> d_weights: array<Gates>;

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let unit = group.x * UNITS + local;
    let z = group.y;
    if (unit >= params.hidden_size) {
        return;
    }
    let target_at = params.slices[z].d_peepholes + unit;
    var sum = Gates();
    if (params.accumulate == 1u) {
        sum = d_weights[target_at];
    }
    for (var m = params.num_steps * params.batch; m > 0u; m--) {
        let step = params.first_step + (m - 1u) / params.batch;
        let row = (m - 1u) % params.batch;
        // c may be anything beyond a row's length.
        if (step < length_of(row)) {
            let before = c_before(z, step, row, unit);
            let c = Gates(before, before, 0.0, c_after(z, step, row, unit));
            sum += gates[gates_at(step, row, z) + unit] * c;
        }
    }
    d_weights[target_at] = sum;
}
