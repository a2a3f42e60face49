// softmax.wgsl: softmax over the features of each row, or its logarithm.
// Math:  m = max x     s = sum exp(x - m)     y = exp(x - m) / s     or (x - m) - log(s)
// Grid:  x and y: rows / ROWS, x first; LANES invocations share a row, each has every LANES-th feature
// Binds: 0 params · 1 x [rows, features] read · 2 y [rows, features] rw
// Consts: ROWS, LANES (powers of two), IS_LOG (kernels/function.rs)     Needs: WebGPU defaults
// Floor: reads x and writes y once; here x is read three times, and what fits a cache is read from there
// Why this shape: 1. without its maximum a row's exponentials are at most 1: +-1e4 saturates. A NaN makes the sum NaN,
//      and so the row; a row of -inf alone has no maximum that it could lose, and is NaN as in PyTorch.
//      2. each lane adds in the order of the features, and the lanes are added as a tree: the same bits on every run.
//      3. no workgroup leaves early, so that all its invocations meet at the barriers.

struct SoftmaxParams {
    rows: u32,
    features: u32,
    groups: u32,  // workgroups along x
}

@group(0) @binding(0) var<storage, read> params: SoftmaxParams;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Below every number, and finite: WGSL has no word for -inf.
const LOWEST = -3.4028234663852886e38;

var<workgroup> partial: array<f32, ROWS * LANES>;

@compute @workgroup_size(ROWS * LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = (group.y * params.groups + group.x) * ROWS + local / LANES;
    let lane = local % LANES;
    let row_start = row * params.features;
    let begin = row_start + lane;
    let end = select(begin, row_start + params.features, row < params.rows);

    var largest = LOWEST;
    for (var at = begin; at < end; at += LANES) {
        largest = max(largest, x[at]);
    }
    partial[local] = largest;
    workgroupBarrier();
    for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
        if (lane < stride) {
            partial[local] = max(partial[local], partial[local + stride]);
        }
        workgroupBarrier();
    }
    largest = partial[local - lane];
    workgroupBarrier();

    var sum = 0.0;
    for (var at = begin; at < end; at += LANES) {
        sum += exp(x[at] - largest);
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
        if (lane < stride) {
            partial[local] += partial[local + stride];
        }
        workgroupBarrier();
    }
    sum = partial[local - lane];

    for (var at = begin; at < end; at += LANES) {
        let shifted = x[at] - largest;
        if (IS_LOG == 1u) {
            y[at] = shifted - log(sum);
        } else {
            y[at] = exp(shifted) / sum;
        }
    }
}
