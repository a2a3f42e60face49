// transpose.wgsl: a layer's w_hh, or w_hr, rows and columns of words exchanged, and its peepholes: what the backward pass
//      reads.
// Math:  out[j][k] = w_hh[k][j]                          then out[H] = peepholes
//        For w_hr, [H][P4/4] words of four outputs, take P4/4 for H and H for R.
// Grid:  x: units j / INVOCATIONS, y: rows k of w_hh, and one for the peepholes, z: slices (directions)
// Binds: 0 params · 1 weights (weights/*.wgsl) · 2 out rw
// Consts: INVOCATIONS (kernels/gradient.rs)     Needs: WebGPU defaults
// Floor: reads and writes w_hh once
// Why this shape: neighbouring units k then read neighbouring words, as in the forward pass.

struct TransposeParams {
    hidden_size: u32,    // H
    recurrent_size: u32, // R
    row_words: u32,      // words of a row of w_hh
    t_words: u32,        // words of a row of out
    w_hh: u32,           // index of slice 0's first word
    peepholes: u32,      // index of slice 0's peepholes
    weights_stride: u32, // source slice to slice
    out_stride: u32,
    out_start: u32,      // index of slice 0's first word in out
    has_peepholes: u32,
}

@group(0) @binding(0) var<storage, read> params: TransposeParams;
@group(0) @binding(2) var<storage, read_write> out: array<Gates>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let j = group.x * INVOCATIONS + local;
    let k = group.y;
    let source = group.z * params.weights_stride;
    let target_at = params.out_start + group.z * params.out_stride;
    if (j >= params.hidden_size) {
        return;
    }
    if (k < params.recurrent_size) {
        out[target_at + j * params.t_words + k] = load_weight(params.w_hh + source + k * params.row_words + j);
    } else if (params.has_peepholes != 0u) {
        out[target_at + params.hidden_size * params.t_words + j] = load_weight(params.peepholes + source + j);
    }
}
