// ceilings/chain.wgsl: how long it takes to hand h on: among the invocations of a workgroup, or from dispatch to dispatch.
// Math:  h[i] = (h[i] + h[i+1]) / 2, over and over, through workgroup memory
// Grid:  one workgroup of SIZE invocations
// Binds: 0 params · 1 h [SIZE] read and write, so that one dispatch waits for the other
// Needs: WebGPU defaults
// Floor: one barrier per round

const SIZE = 64u;

struct Params {
    rounds: u32,  // below 65535
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> h: array<f32>;

// One half is read, one written, as in sequence.wgsl: one barrier per round.
var<workgroup> halves: array<f32, 2 * SIZE>;

@compute @workgroup_size(SIZE)
fn main(@builtin(local_invocation_index) local: u32) {
    var value = h[local];
    for (var round = 0u; round < params.rounds; round++) {
        let half = (round % 2u) * SIZE;
        halves[half + local] = value;
        workgroupBarrier();
        value = 0.5 * (value + halves[half + (local + 1u) % SIZE]);
    }
    h[local] = value;
}
