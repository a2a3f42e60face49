// transpose.wgsl: a layer's w_hh, w_hr or w_ih, rows and columns of words exchanged, and its peepholes: what the
//      backward pass reads.
// Math:  out[j][k] = w_hh[k][j]                          then out[H] = peepholes
//        For w_hr, [H][P4/4] words of four outputs, take P4/4 for H and H for R; w_ih of an upper layer is as w_hh.
// Grid:  x: units j / INVOCATIONS, y: rows k of w_hh, and one for the peepholes, / ROWS, z: slices (directions)
//        one invocation owns ROWS rows of a unit
// Binds: 0 params · 1 weights (weights/*.wgsl) · 2 out rw
// Consts: INVOCATIONS, ROWS (kernels/gradient.rs)     Needs: WebGPU defaults
// Floor: reads and writes w_hh once
// Why this shape: neighbouring units k then read neighbouring words, as in the forward pass. Here neighbouring
//      invocations do, and each writes along a row.

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
    let source = group.z * params.weights_stride;
    let target_at = params.out_start + group.z * params.out_stride;
    if (j >= params.hidden_size) {
        return;
    }
    let first = group.y * ROWS;
    for (var k = first; k < min(first + ROWS, params.recurrent_size); k++) {
        out[target_at + j * params.t_words + k] = load_full(params.w_hh + source + k * params.row_words, j);
    }
    if (params.has_peepholes != 0u && first + ROWS > params.recurrent_size) {
        out[target_at + params.hidden_size * params.t_words + j] = load_full(params.peepholes + source, j);
    }
}
