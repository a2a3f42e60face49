// lanes.wgsl: words of which a product changes only some gates.

// before in the lanes of the bits of kept, value in the others.
fn keep_lanes(kept: u32, before: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    return select(value, before, (vec4<u32>(kept) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>());
}
