// cell/rnn_backward.wgsl: the gradient of the vanilla RNN.
// Math:  d_pre = d_h * activate_f'(pre)                  0 where pre was clipped

fn cell_backward(pre: Gates, prev: CellState, d_h: f32, d_c_next: f32, slice: u32, unit: u32) -> CellGradient {
    if (IS_CHOSEN == 1u) {
        let bound = params.slices[slice].choice.preact_clip;
        let x = clip(pre, bound);
        return CellGradient(d_h * d_activate_f(x, activate_f(x, slice), slice) * inside(pre, bound), 0.0, 0.0);
    }
    return CellGradient(d_h * d_activate_f(pre, activate_f(pre, slice), slice), 0.0, 0.0);
}
