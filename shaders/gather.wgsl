// gather.wgsl: x_proj of a chunk from rows that are projected already: no product, only the layout and the biases.
// Math:  x_proj[step][b][slice] = bias + source[source_row]     source = x · w_ihT, gates as PyTorch stacks them
// Grid:  x: elements of a row of x_proj / INVOCATIONS, y: rows of the chunk / ROWS, z: slices (directions)
// Binds: 0 params · 1 weights read · 2 source [rows, D*G*H] read
//        3 x_proj [steps of the chunk, B, slices, row_size] rw · 4 tokens (rows/*.wgsl) · 5 lengths (lengths/*.wgsl)
// Consts: ROWS, INVOCATIONS (kernels/gather.rs)     Needs: WebGPU defaults
// Floor: reads source and writes x_proj once
// Why this shape: a pass of its own over a chunk costs less than the projection that it replaces, and leaves each
//      schedule with one form of input.

struct GatherParams {
    rows: u32,         // steps of the chunk times batch
    batch: u32,
    first_step: u32,   // the chunk's first step, counted from the start of the sequence
    seq_len: u32,
    stride_t: u32,     // of tokens, or of the rows of source
    stride_b: u32,
    table_rows: u32,
    hidden_size: u32,  // H
    gates: u32,        // G
    lanes: u32,        // elements of a word; a lane beyond the gates has only a bias
    row_size: u32,     // elements of a row of x_proj: words of H units, rounded up
    bias: u32,         // index of the first slice's bias row
    bias_stride: u32,  // from slice to slice
    reverse: u32,      // bit z: slice z runs from the last step to the first
    num_slices: u32,
}

@group(0) @binding(0) var<storage, read> params: GatherParams;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<f32>;
@group(0) @binding(3) var<storage, read_write> x_proj: array<f32>;

// Where a row of the chunk has its own row, or its token.
fn place_of(m: u32, z: u32) -> u32 {
    let row = m % params.batch;
    let step = params.first_step + m / params.batch;
    return time_of(step, row, z) * params.stride_t + row * params.stride_b;
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.z;
    let element = group.x * INVOCATIONS + local;
    let unit = element / params.lanes;
    let gate = element % params.lanes;
    if (element >= params.row_size) {
        return;
    }
    let has_source = unit < params.hidden_size && gate < params.gates;
    let features = params.num_slices * params.gates * params.hidden_size;
    let feature = (z * params.gates + gate) * params.hidden_size + unit;
    let bias = weights[params.bias + z * params.bias_stride + element];
    let first = group.y * ROWS;
    for (var m = first; m < min(first + ROWS, params.rows); m++) {
        var value = bias;
        if (has_source) {
            value += source[source_row(place_of(m, z)) * features + feature];
        }
        x_proj[(m * params.num_slices + z) * params.row_size + element] = value;
    }
}
