// ceilings/product.wgsl: the inner product of a step and nothing around it: how fast words of cached weights are gone through.
// Math:  acc[r] += operand[r][k] * w[k][column], k below 4 * QUADS, ROUNDS times
// Grid:  x: workgroups of WIDTH invocations, which share [4 * QUADS][COLUMNS] words of weights
// Binds: 0 w [4 * QUADS][COLUMNS]vec4 read · 1 sums [workgroups * WIDTH] write, so that nothing is computed in vain
// Consts: ROWS, WIDTH (gpu/ceilings/mod.rs)     Needs: WebGPU defaults
// Floor: ROUNDS * 4 * QUADS words per invocation, each times ROWS rows

const QUADS = 128u;
const COLUMNS = 256u;
// All loops together stay below 65535 iterations where nothing is unrolled.
const ROUNDS = 4u;

@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

var<workgroup> operand: array<vec4<f32>, ROWS * QUADS>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    for (var i = local; i < ROWS * QUADS; i += WIDTH) {
        operand[i] = vec4<f32>(1.0 / f32(1u + i));
    }
    workgroupBarrier();
    let column = (group.x * WIDTH + local) % COLUMNS;
    var acc: array<vec4<f32>, ROWS>;
    for (var round = 0u; round < ROUNDS; round++) {
        for (var q = 0u; q < QUADS; q++) {
            let at = 4u * q * COLUMNS + column;
            let w0 = w[at];
            let w1 = w[at + COLUMNS];
            let w2 = w[at + 2u * COLUMNS];
            let w3 = w[at + 3u * COLUMNS];
            for (var r = 0u; r < ROWS; r++) {
                let v = operand[r * QUADS + q];
                acc[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
        }
    }
    var sum = vec4<f32>();
    for (var r = 0u; r < ROWS; r++) {
        sum += acc[r];
    }
    sums[group.x * WIDTH + local] = dot(sum, vec4<f32>(1.0));
}
