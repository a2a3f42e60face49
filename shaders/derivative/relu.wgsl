// derivative/relu.wgsl: the derivative of activation/relu.wgsl; 0 at 0, as in PyTorch.

fn d_activate_f(x: f32, y: f32, slice: u32) -> f32 {
    return select(0.0, 1.0, x > 0.0);
}
