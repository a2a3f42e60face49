// input_gradient.wgsl: the gradient of a layer's input over a chunk of time steps, through one direction.
// Math:  d_x[t, b, k] += sum over j of d_pre[step, b, j] · w_ih[k, j]     j counts words in groups of four elements
// Grid:  x: features of x / TILE_N, y: rows of the chunk / TILE_M; one invocation owns M_PER_INVOCATION rows of
//        N_PER_INVOCATION features
// Binds: 0 params (gradient.wgsl) · 1 weights (weights/*.wgsl)
//        2 d_pre [steps of the chunk, B, slices, columns] read · 3 d_x rw · 5 lengths (lengths/*.wgsl)
// Consts: TILE_M, TILE_N, TILE_K, M_PER_INVOCATION, N_PER_INVOCATION (kernels/gradient.rs)     Needs: WebGPU defaults
// Floor: 8·M·N·K flops (K in groups)
// Why this shape: both operands lie along j, so whole groups of four are multiplied and summed at once. The first of
//      two directions puts its share down, the second adds to it: which is which does not change a bit of the sum.

@group(0) @binding(2) var<storage, read> d_pre: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;

const INVOCATIONS_N = TILE_N / N_PER_INVOCATION;
const INVOCATIONS = INVOCATIONS_N * (TILE_M / M_PER_INVOCATION);

var<workgroup> d_tile: array<vec4<f32>, TILE_M * TILE_K>;
var<workgroup> w_tile: array<vec4<f32>, TILE_N * TILE_K>;

// What the product fragments know: the tiles. A group of four elements is a quad of k.
const ROWS = M_PER_INVOCATION;
alias Tile = array<f32, N_PER_INVOCATION * ROWS>;
alias Matrix = u32; // where it begins in w_tile
alias Column = u32; // likewise

fn operand_quad(at: u32, row: u32, quad: u32) -> vec4<f32> {
    return d_tile[at + row * TILE_K + quad];
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    return matrix + (first + u * INVOCATIONS_N) * TILE_K;
}

fn load_quad(column: Column, quad: u32) -> Quad {
    return w_tile[column + quad];
}

// Whether the other direction has left its share at the time of a step. Each goes through chunks of its own steps, the
// last chunk first, and of a chunk direction 0 first.
fn other_was_here(step: u32, row: u32) -> bool {
    let length = length_of(row);
    let own_chunk = step / params.chunk;
    let other_chunk = select(step, length - 1u - step, step < length) / params.chunk;
    return params.num_slices == 2u
        && (other_chunk > own_chunk || (other_chunk == own_chunk && params.slice == 1u));
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = params.slice;
    let first_m = group.y * TILE_M;
    let first_n = group.x * TILE_N;
    let local_n = local % INVOCATIONS_N; // its features lie INVOCATIONS_N apart
    let local_m = (local / INVOCATIONS_N) * M_PER_INVOCATION;
    let first_weight = params.weights + z * params.weights_stride;

    let columns = columns_of(0u, local_n);
    var sums: Sums;
    for (var k0 = 0u; k0 < params.columns; k0 += TILE_K) {
        for (var at = local; at < TILE_M * TILE_K; at += INVOCATIONS) {
            let m = min(first_m + at / TILE_K, params.rows - 1u);
            let k = k0 + at % TILE_K;
            var d = vec4<f32>();
            if (k < params.columns) {
                d = d_pre[d_pre_at(m, z) + k];
            }
            d_tile[at] = d;
        }
        for (var at = local; at < TILE_N * TILE_K; at += INVOCATIONS) {
            let n = min(first_n + at / TILE_K, params.inner - 1u);
            let k = k0 + at % TILE_K;
            var w = vec4<f32>();
            if (k < params.columns) {
                w = load_full(first_weight + n * params.columns, k);
            }
            w_tile[at] = w;
        }
        workgroupBarrier();
        accumulate(&sums, columns, local_m * TILE_K, Quads(0u, TILE_K, 1u));
        workgroupBarrier();
    }
    var acc: Tile;
    add_sums(&acc, sums);

    for (var i = 0u; i < M_PER_INVOCATION; i++) {
        let m = first_m + local_m + i;
        let row = m % params.batch;
        let step = params.first_step + m / params.batch;
        // Where the words of a row are padded, d_pre may be anything in the padding beyond a row's length.
        let is_active = step < length_of(row);
        let has_other = other_was_here(step, row);
        let t = time_of(step, row, z);
        let start = t * params.stride_t + row * params.stride_b;
        for (var j = 0u; j < N_PER_INVOCATION; j++) {
            let n = first_n + local_n + j * INVOCATIONS_N;
            if (m < params.rows && n < params.inner) {
                let before = select(0.0, d_x[start + n], has_other);
                d_x[start + n] = before + select(0.0, acc[j * ROWS + i], is_active);
            }
        }
    }
}
