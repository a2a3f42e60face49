// activation/sigmoid.wgsl: sigmoid, a stage of its own.

fn activate_f(x: f32, slice: u32) -> f32 {
    return sigmoid(x);
}
