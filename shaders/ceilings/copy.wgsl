// ceilings/copy.wgsl: how many bytes per second the device moves.
// Math:  copied[i] = source[i]
// Grid:  x: vec4s / (SIZE * EACH); one invocation copies EACH of them, so that several loads are under way at once
// Binds: 0 source [N]vec4 read · 1 copied [N]vec4 write       N: a multiple of SIZE * EACH
// Needs: WebGPU defaults
// Floor: 32·N bytes

const SIZE = 256u;
const EACH = 4u;

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4<f32>>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let first = group.x * SIZE * EACH + local;
    for (var i = 0u; i < EACH; i++) {
        copied[first + i * SIZE] = source[first + i * SIZE];
    }
}
