// activation/tanh.wgsl: the activation of an RNN with tanh.

fn activate_f(x: f32, slice: u32) -> f32 {
    return tanh_stable(x);
}
