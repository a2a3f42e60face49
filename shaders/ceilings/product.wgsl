// ceilings/product.wgsl: the inner product of a step and nothing around it: how fast words of cached weights are gone through.
// Math:  product.wgsl, k below 4 * QUADS, ROUNDS times
// Grid:  x: workgroups of WIDTH invocations, which share [4 * QUADS][WORDS] words of weights
// Binds: 0 w [4 * QUADS][WORDS]vec4 read · 1 sums [workgroups * WIDTH] write, so that nothing is computed in vain
// Consts: ROWS, COLUMNS, WIDTH (gpu/ceilings/mod.rs)     Needs: WebGPU defaults
// Floor: ROUNDS * 4 * QUADS words per column of an invocation, each times ROWS rows

const QUADS = 128u;
const WORDS = 256u;
// All loops together stay below 65535 iterations where nothing is unrolled.
const ROUNDS = 4u;

alias Tile = array<vec4<f32>, COLUMNS * ROWS>;
alias Matrix = u32; // where it begins in w
alias Column = u32; // likewise

@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

var<workgroup> rows: array<vec4<f32>, ROWS * QUADS>;

fn operand_quad(at: u32, row: u32, quad: u32) -> vec4<f32> {
    return rows[at + row * QUADS + quad];
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    return matrix + (first + u * WIDTH) % WORDS;
}

fn load_quad(column: Column, quad: u32) -> Quad {
    let at = column + 4u * quad * WORDS;
    return Quad(w[at], w[at + WORDS], w[at + 2u * WORDS], w[at + 3u * WORDS]);
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    for (var i = local; i < ROWS * QUADS; i += WIDTH) {
        rows[i] = vec4<f32>(1.0 / f32(1u + i));
    }
    workgroupBarrier();
    let columns = columns_of(0u, group.x * WIDTH * COLUMNS + local);
    var parts: Sums;
    for (var round = 0u; round < ROUNDS; round++) {
        accumulate(&parts, columns, 0u, Quads(0u, QUADS, 1u));
    }
    var acc: Tile;
    add_sums(&acc, parts);
    var sum = vec4<f32>();
    for (var i = 0u; i < COLUMNS * ROWS; i++) {
        sum += acc[i];
    }
    sums[group.x * WIDTH + local] = dot(sum, vec4<f32>(1.0));
}
