// activation/relu.wgsl: the activation of an RNN with relu, or of a stage of its own; NaN stays NaN.

fn activate_f(x: f32, slice: u32) -> f32 {
    return keep_nan(x, max(x, 0.0));
}
