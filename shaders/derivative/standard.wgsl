// derivative/standard.wgsl: the derivatives of activation/standard.wgsl, from x and the activation y of it.

fn d_activate_f(x: f32, y: f32, slice: u32) -> f32 {
    return y * (1.0 - y);
}

fn d_activate_g(x: f32, y: f32, slice: u32) -> f32 {
    return 1.0 - y * y;
}

fn d_activate_h(x: f32, y: f32, slice: u32) -> f32 {
    return 1.0 - y * y;
}
