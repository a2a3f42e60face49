// activation/standard.wgsl: the activations of PyTorch's LSTM and GRU. They cost nothing for the choice.

fn activate_f(x: f32, slice: u32) -> f32 {
    return sigmoid(x);
}

fn activate_g(x: f32, slice: u32) -> f32 {
    return tanh_stable(x);
}

fn activate_h(x: f32, slice: u32) -> f32 {
    return tanh_stable(x);
}
