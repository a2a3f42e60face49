// weight_gradient.wgsl: the gradient of a layer's weights over some time steps, laid out as the packed weights.
// Math:  d_W[m, n] += sum over steps and rows k of a[k, m] * d_pre[k, n]     n counts groups of four elements of a row
//        a: 1 and x, for the bias and w_ih; h before the step, for w_hh; or what a second product of the step had. For
//        w_hr, d_pre is d_h.
// Grid:  x: columns / TILE_N, y: rows of the weights / TILE_M, z: slices (directions)
//        one invocation owns M_PER_INVOCATION rows of N_PER_INVOCATION groups of columns
// Binds: 0 params (gradient.wgsl) · 1 d_pre [steps of the chunk, B, slices, columns] read · 2 a read (operand.wgsl)
//        3 d_weights rw · 5 lengths (lengths/*.wgsl)
// Consts: TILE_M, TILE_N, TILE_K, M_PER_INVOCATION, N_PER_INVOCATION (kernels/gradient.rs)
// Needs: WebGPU defaults
// Floor: 8·M·N·K flops (N in groups)
// Why this shape:
//   1. Each step is summed for itself and added to what is there, from the last step to the first. So neither chunks, which
//      end where steps do, nor a rerun change a bit of the sum, and a sum of sums loses far less than one long sum.
//   2. a is staged as quads of rows of the weights: where a row of a begins takes two divisions, and serves four.

@group(0) @binding(1) var<storage, read> d_pre: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> d_weights: array<vec4<f32>>;

const QUADS_M = TILE_M / 4u;
const INVOCATIONS_N = TILE_N / N_PER_INVOCATION;
const INVOCATIONS = INVOCATIONS_N * (TILE_M / M_PER_INVOCATION);

var<workgroup> a_tile: array<vec4<f32>, TILE_K * QUADS_M>;
var<workgroup> d_tile: array<vec4<f32>, TILE_K * TILE_N>;

// Element m of the row of a that begins at start.
fn element(start: u32, m: u32) -> f32 {
    if (m < params.ones) {
        return 1.0;
    }
    if (m - params.ones < params.inner) {
        return a[start + m - params.ones];
    }
    return 0.0;
}

// What the product fragments know: the tiles. Its quads are of rows, and k goes one by one (product/outer.wgsl).
const ROWS = M_PER_INVOCATION;
alias Tile = array<vec4<f32>, N_PER_INVOCATION * ROWS>;
alias Matrix = u32; // where it begins in d_tile
alias Column = u32; // likewise

fn operand_quad(at: u32, row: u32, k: u32) -> vec4<f32> {
    return a_tile[k * QUADS_M + at + row / 4u];
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    return matrix + first + u * INVOCATIONS_N;
}

fn load_quad(column: Column, k: u32) -> Quad {
    return d_tile[k * TILE_N + column];
}

// Four elements of row k of a, from m on; 0 beyond a batch row's length, where a may hold anything.
fn load_a_quad(k: u32, z: u32, m: u32) -> vec4<f32> {
    if (params.first_step + k / params.batch >= length_of(k % params.batch)) {
        return vec4<f32>();
    }
    let start = row_start(k, z);
    return vec4(element(start, m), element(start, m + 1u), element(start, m + 2u), element(start, m + 3u));
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.z;
    let first_m = group.y * TILE_M;
    let first_n = group.x * TILE_N;
    let local_n = local % INVOCATIONS_N; // its groups of columns lie INVOCATIONS_N apart
    let local_m = (local / INVOCATIONS_N) * M_PER_INVOCATION;
    let num_rows = params.ones + params.inner;
    let first_weight = params.weights + z * params.weights_stride;

    var done: Tile; // the sums of whole steps
    for (var j = 0u; j < N_PER_INVOCATION; j++) {
        let n = min(first_n + local_n + j * INVOCATIONS_N, params.columns - 1u);
        for (var i = 0u; i < M_PER_INVOCATION; i++) {
            let m = min(first_m + local_m + i, num_rows - 1u);
            if (params.accumulate == 1u) {
                done[j * ROWS + i] = d_weights[first_weight + m * params.columns + n];
            }
        }
    }
    let columns = columns_of(0u, local_n);
    var sums: Sums; // of one step
    for (var k0 = 0u; k0 < params.rows; k0 += TILE_K) {
        for (var at = local; at < TILE_K * QUADS_M; at += INVOCATIONS) {
            let k = k0 + at / QUADS_M;
            var quad = vec4<f32>();
            if (k < params.rows) {
                quad = load_a_quad(params.rows - 1u - k, z, first_m + 4u * (at % QUADS_M));
            }
            a_tile[at] = quad;
        }
        for (var at = local; at < TILE_K * TILE_N; at += INVOCATIONS) {
            let k = k0 + at / TILE_N;
            let n = min(first_n + at % TILE_N, params.columns - 1u);
            var d = vec4<f32>();
            if (k < params.rows) {
                d = d_pre[d_pre_at(params.rows - 1u - k, z) + n];
            }
            d_tile[at] = d;
        }
        workgroupBarrier();
        let num_k = min(TILE_K, params.rows - k0);
        for (var k = 0u; k < num_k; ) {
            let left = params.batch - (k0 + k) % params.batch; // of this step
            let end = min(k + left, num_k);
            accumulate(&sums, columns, local_m / 4u, Quads(k, end, 1u));
            if (end == k + left) {
                add_sums(&done, sums);
                sums = Sums();
            }
            k = end;
        }
        workgroupBarrier();
    }

    for (var j = 0u; j < N_PER_INVOCATION; j++) {
        let n = first_n + local_n + j * INVOCATIONS_N;
        for (var i = 0u; i < M_PER_INVOCATION; i++) {
            let m = first_m + local_m + i;
            if (m < num_rows && n < params.columns) {
                let at = first_weight + m * params.columns + n;
                var sum = done[j * ROWS + i];
                if (params.kept_lanes != 0u) {
                    sum = keep_lanes(params.kept_lanes, d_weights[at], sum);
                }
                d_weights[at] = sum;
            }
        }
    }
}
