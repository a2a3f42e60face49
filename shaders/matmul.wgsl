// matmul.wgsl: a tiled matrix product: the input projection of a chunk of time steps, or a linear layer.
// Math:  out[m, n] = start[m, n] + sum over k of a[m, k] * W[k, n]       n counts groups of four columns
// Grid:  x: columns / TILE_N, y: rows / TILE_M, z: slices (directions)
//        one invocation owns M_PER_INVOCATION rows of N_PER_INVOCATION groups of columns
// Binds: 0 params · 1 weights, four columns to a word (weights/*.wgsl) · 2 a read (operand.wgsl)
//        3 out (matmul/*.wgsl) · 5 lengths (lengths/*.wgsl)
// Consts: TILE_M, TILE_N, TILE_K, M_PER_INVOCATION, N_PER_INVOCATION (kernels/matmul.rs)     Needs: WebGPU defaults
// Floor: 8·M·N·K flops (N in groups); memory traffic falls by TILE_M for W and by 4·TILE_N for a
// Why this shape:
//   1. Row m = (step, batch row) is mapped to a's strides here, so that either layout of x and either direction is
//      read where it lies; out is in processing order, which is what the recurrence reads next.
//   2. a is staged as quads of k, W as groups of columns: one quad and four groups feed 16 multiply-adds.

struct MatmulParams {
    rows: u32,           // M
    inner: u32,          // K
    columns: u32,        // N, in groups of four
    features: u32,       // columns that exist (matmul/features.wgsl)
    batch: u32,          // rows of one time step
    first_step: u32,     // the step of row 0 of a
    seq_len: u32,
    a_first: u32,        // where a begins, in elements
    stride_t: u32,
    stride_b: u32,
    stride_z: u32,
    bias: u32,           // index of slice 0's bias row
    weights: u32,        // index of slice 0's first row of W
    weights_stride: u32, // from slice to slice
    reverse: u32,        // bit z: slice z runs from the last time step to the first
    num_slices: u32,
    out_row: u32,        // the row of out that row 0 belongs to
    kept_lanes: u32,     // bit i: gate i of the pre-activations stays as it is (matmul/more_gates.wgsl)
}

@group(0) @binding(0) var<storage, read> params: MatmulParams;

const QUADS_K = TILE_K / 4u;
const INVOCATIONS_N = TILE_N / N_PER_INVOCATION;
const INVOCATIONS = INVOCATIONS_N * (TILE_M / M_PER_INVOCATION);
const A_LOADS = TILE_M * QUADS_K / INVOCATIONS;

var<workgroup> a_tile: array<vec4<f32>, TILE_M * QUADS_K>;
var<workgroup> w_tile: array<vec4<f32>, TILE_K * TILE_N>;

// What the product fragments know: the tiles.
const ROWS = M_PER_INVOCATION;
alias Tile = array<vec4<f32>, N_PER_INVOCATION * ROWS>;

alias Matrix = u32; // where it begins in w_tile
alias Column = u32; // likewise

fn operand_quad(at: u32, row: u32, quad: u32) -> vec4<f32> {
    return a_tile[at + row * QUADS_K + quad];
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    return matrix + first + u * INVOCATIONS_N;
}

fn load_quad(column: Column, quad: u32) -> Quad {
    let at = 4u * quad * TILE_N + column;
    return Quad(w_tile[at], w_tile[at + TILE_N], w_tile[at + 2u * TILE_N], w_tile[at + 3u * TILE_N]);
}

fn load_a_quad(start: u32, k: u32) -> vec4<f32> {
    var quad = vec4<f32>();
    if (k < params.inner) { quad.x = a[start + k]; }
    if (k + 1u < params.inner) { quad.y = a[start + k + 1u]; }
    if (k + 2u < params.inner) { quad.z = a[start + k + 2u]; }
    if (k + 3u < params.inner) { quad.w = a[start + k + 3u]; }
    return quad;
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.z;
    let first_m = group.y * TILE_M;
    let first_n = group.x * TILE_N;
    let bias = params.bias + z * params.weights_stride;
    let first_weight = params.weights + z * params.weights_stride;
    let local_n = local % INVOCATIONS_N; // its groups lie INVOCATIONS_N apart
    let local_m = (local / INVOCATIONS_N) * M_PER_INVOCATION;

    var starts: array<u32, A_LOADS>;
    for (var i = 0u; i < A_LOADS; i++) {
        let m = first_m + (local + i * INVOCATIONS) / QUADS_K;
        starts[i] = row_start(min(m, params.rows - 1u), z);
    }

    var acc: Tile;
    for (var j = 0u; j < N_PER_INVOCATION; j++) {
        let n = min(first_n + local_n + j * INVOCATIONS_N, params.columns - 1u);
        for (var i = 0u; i < M_PER_INVOCATION; i++) {
            acc[j * ROWS + i] = start_value(first_m + local_m + i, n, z, bias);
        }
    }

    let columns = columns_of(0u, local_n);
    var sums: Sums;
    // INVOCATIONS is a multiple of TILE_N: an invocation stages one column.
    let column = min(first_n + local % TILE_N, params.columns - 1u);
    let scale = load_scale(first_weight, params.columns, column);
    for (var k0 = 0u; k0 < params.inner; k0 += TILE_K) {
        for (var i = 0u; i < A_LOADS; i++) {
            let at = local + i * INVOCATIONS;
            a_tile[at] = load_a_quad(starts[i], k0 + 4u * (at % QUADS_K));
        }
        for (var at = local; at < TILE_K * TILE_N; at += INVOCATIONS) {
            let k = k0 + at / TILE_N;
            var w = vec4<f32>();
            if (k < params.inner) {
                w = unpacked(load_packed(first_weight + k * params.columns + column), scale);
            }
            w_tile[at] = w;
        }
        workgroupBarrier();
        accumulate(&sums, columns, local_m * QUADS_K, Quads(0u, QUADS_K, 1u));
        workgroupBarrier();
    }
    add_sums(&acc, sums);

    for (var j = 0u; j < N_PER_INVOCATION; j++) {
        let n = first_n + local_n + j * INVOCATIONS_N;
        for (var i = 0u; i < M_PER_INVOCATION; i++) {
            let m = first_m + local_m + i;
            if (m < params.rows && n < params.columns) {
                store(m, n, z, acc[j * ROWS + i]);
            }
        }
    }
}
