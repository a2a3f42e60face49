// ceilings/fma.wgsl: how many floating-point operations per second the device does on numbers in registers.
// Math:  a = a·scale + shift, over and over, on 16 numbers that do not wait for each other
// Grid:  x: workgroups of SIZE invocations
// Binds: 0 params · 1 sums [workgroups·SIZE] write, so that nothing is computed in vain
// Needs: WebGPU defaults
// Floor: 256 flops per round and invocation

const SIZE = 64u;

struct Params {
    rounds: u32,  // below 65535
    scale: f32,
    shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

fn chain(a: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>) -> vec4<f32> {
    let b = fma(fma(a, scale, shift), scale, shift);
    let c = fma(fma(b, scale, shift), scale, shift);
    let d = fma(fma(c, scale, shift), scale, shift);
    return fma(fma(d, scale, shift), scale, shift);
}

@compute @workgroup_size(SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let scale = vec4(params.scale);
    let shift = vec4(params.shift);
    var a = vec4<f32>(vec4(id.x) + vec4(0u, 1u, 2u, 3u));
    var b = a + 4.0;
    var c = a + 8.0;
    var d = a + 12.0;
    for (var round = 0u; round < params.rounds; round++) {
        a = chain(a, scale, shift);
        b = chain(b, scale, shift);
        c = chain(c, scale, shift);
        d = chain(d, scale, shift);
    }
    sums[id.x] = dot(a + b + c + d, vec4(1.0));
}
