// cell/lstm_backward.wgsl: the LSTM's gradients, once. Names as in cell/lstm.wgsl; d_ is a gradient.
// Math:  d_o = d_h * activate_h(c')                     d_c' += d_h * o * activate_h'(c') + p_o * d_pre.o
//        d_i, d_f, d_g = d_c' * (g, c, i)               d_c = f * d_c' + p_i * d_pre.i + p_f * d_pre.f
//        d_pre = d_gate * activate'(pre)                 0 where pre was clipped; d_c' is 0 where c' was clipped

fn cell_backward(pre: Gates, prev: CellState, d_h: f32, d_c_next: f32, slice: u32, unit: u32) -> CellGradient {
    if (IS_CHOSEN == 1u) {
        let choice = params.slices[slice].choice;
        let bound = choice.preact_clip;
        let peephole = load_full(choice.peepholes, unit);
        let pre_i = pre.x + peephole.x * prev.c;
        let pre_f = pre.y + peephole.y * prev.c;
        let i = activate_f(clip(pre_i, bound), slice);
        let f_own = activate_f(clip(pre_f, bound), slice);
        let f = select(f_own, 1.0 - i, choice.coupled != 0u);
        let g = activate_g(clip(pre.z, bound), slice);
        let c_raw = f * prev.c + i * g;
        let c = clip(c_raw, choice.cell_clip);
        let pre_o = pre.w + peephole.w * c;
        let o = activate_f(clip(pre_o, bound), slice);
        let h_c = activate_h(c, slice);

        let d_o = d_h * h_c * d_activate_f(clip(pre_o, bound), o, slice) * inside(pre_o, bound);
        var d_c = d_c_next + d_h * o * d_activate_h(c, h_c, slice) + peephole.w * d_o;
        d_c *= inside(c_raw, choice.cell_clip);
        let d_f_gate = d_c * prev.c;
        var d_i_gate = d_c * g;
        var d_f = 0.0;
        if (choice.coupled != 0u) {
            d_i_gate -= d_f_gate;
        } else {
            d_f = d_f_gate * d_activate_f(clip(pre_f, bound), f, slice) * inside(pre_f, bound);
        }
        let d_i = d_i_gate * d_activate_f(clip(pre_i, bound), i, slice) * inside(pre_i, bound);
        let d_g = d_c * i * d_activate_g(clip(pre.z, bound), g, slice) * inside(pre.z, bound);
        return CellGradient(Gates(d_i, d_f, d_g, d_o), 0.0, f * d_c + peephole.x * d_i + peephole.y * d_f);
    }
    let i = activate_f(pre.x, slice);
    let f = activate_f(pre.y, slice);
    let g = activate_g(pre.z, slice);
    let o = activate_f(pre.w, slice);
    let c = f * prev.c + i * g;
    let h_c = activate_h(c, slice);
    let d_o = d_h * h_c * d_activate_f(pre.w, o, slice);
    let d_c = d_c_next + d_h * o * d_activate_h(c, h_c, slice);
    let d_i = d_c * g * d_activate_f(pre.x, i, slice);
    let d_f = d_c * prev.c * d_activate_f(pre.y, f, slice);
    let d_g = d_c * i * d_activate_g(pre.z, g, slice);
    return CellGradient(Gates(d_i, d_f, d_g, d_o), 0.0, f * d_c);
}
