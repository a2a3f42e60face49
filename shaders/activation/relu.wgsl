// activation/relu.wgsl: the activation of an RNN with relu; NaN stays NaN.

fn activate_f(x: f32, slice: u32) -> f32 {
    return select(x, 0.0, x < 0.0);
}
