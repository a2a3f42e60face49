// weight_gradient.wgsl: the gradient of a layer's weights over a chunk of time steps, laid out as the packed weights.
// Math:  d_W[k, j] += sum over steps and rows m of a[m, k] * d_pre[m, j]     j counts groups of four elements of a row
//        a: 1 and x, for the bias and w_ih; h before the step, for w_hh; or what a second product of the step had
//        (operand/*.wgsl). For w_hr, d_pre is d_h.
// Grid:  x: columns / TILE_N, y: rows of the weights / TILE_M, z: slices (directions)
//        one invocation owns M_PER rows of N_PER groups of columns
// Binds: 0 params (gradient.wgsl) · 1 d_pre [steps of the chunk, B, slices, columns] read · 2 a read (operand/*.wgsl)
//        3 d_weights rw · 4 h0 (operand/h.wgsl) · 5 lengths (lengths/*.wgsl)
// Consts: TILE_M, TILE_N, TILE_K, M_PER, N_PER (kernels/gradient.rs)     Needs: WebGPU defaults
// Floor: 8·M·N·K flops (N in groups)
// Why this shape: one element after the other is added to what is there, from the last step to the first. So neither
//      chunks nor a rerun change a bit of the sum.

@group(0) @binding(1) var<storage, read> d_pre: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> d_weights: array<vec4<f32>>;

const INVOCATIONS_N = TILE_N / N_PER;
const INVOCATIONS = INVOCATIONS_N * (TILE_M / M_PER);

var<workgroup> a_tile: array<f32, TILE_K * TILE_M>;
var<workgroup> d_tile: array<vec4<f32>, TILE_K * TILE_N>;

// 0 beyond a row's length, where a may hold anything.
fn operand(m: u32, z: u32, k: u32) -> f32 {
    if (params.first_step + m / params.batch >= length_of(m % params.batch)) {
        return 0.0;
    }
    if (k < params.ones) {
        return 1.0;
    }
    return load_a(row_start(m, z), k - params.ones);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.z;
    let first_m = group.y * TILE_M;
    let first_n = group.x * TILE_N;
    let local_n = local % INVOCATIONS_N; // its groups of columns lie INVOCATIONS_N apart
    let local_m = (local / INVOCATIONS_N) * M_PER;
    let num_rows = params.ones + params.inner;
    let first_weight = params.weights + z * params.weights_stride;

    var acc: array<vec4<f32>, M_PER * N_PER>;
    for (var i = 0u; i < M_PER; i++) {
        for (var j = 0u; j < N_PER; j++) {
            let m = min(first_m + local_m + i, num_rows - 1u);
            let n = min(first_n + local_n + j * INVOCATIONS_N, params.columns - 1u);
            if (params.accumulate == 1u) {
                acc[i * N_PER + j] = d_weights[first_weight + m * params.columns + n];
            }
        }
    }
    for (var k0 = 0u; k0 < params.rows; k0 += TILE_K) {
        for (var at = local; at < TILE_K * TILE_M; at += INVOCATIONS) {
            let k = k0 + at / TILE_M;
            let m = min(first_m + at % TILE_M, num_rows - 1u);
            var value = 0.0;
            if (k < params.rows) {
                value = operand(params.rows - 1u - k, z, m);
            }
            a_tile[at] = value;
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
        for (var k = 0u; k < TILE_K; k++) {
            var d: array<vec4<f32>, N_PER>;
            for (var j = 0u; j < N_PER; j++) {
                d[j] = d_tile[k * TILE_N + local_n + j * INVOCATIONS_N];
            }
            for (var i = 0u; i < M_PER; i++) {
                let value = a_tile[k * TILE_M + local_m + i];
                for (var j = 0u; j < N_PER; j++) {
                    acc[i * N_PER + j] += value * d[j];
                }
            }
        }
        workgroupBarrier();
    }

    for (var i = 0u; i < M_PER; i++) {
        let m = first_m + local_m + i;
        for (var j = 0u; j < N_PER; j++) {
            let n = first_n + local_n + j * INVOCATIONS_N;
            if (m < num_rows && n < params.columns) {
                let at = first_weight + m * params.columns + n;
                var sum = acc[i * N_PER + j];
                if (params.kept_lanes != 0u) {
                    sum = keep_lanes(params.kept_lanes, d_weights[at], sum);
                }
                d_weights[at] = sum;
            }
        }
    }
}
