// derivative/tanh.wgsl: the derivative of activation/tanh.wgsl, from the activation y.

fn d_activate_f(x: f32, y: f32, slice: u32) -> f32 {
    return 1.0 - y * y;
}
