// cell/lstm.wgsl: the LSTM equations, once.
// Math:  i, f, o = activate_f(pre.i, pre.f, pre.o)     g = activate_g(pre.g)      (sigmoid and tanh: activation/*.wgsl)
//        c' = f * c + i * g                            h' = o * activate_h(c')
// Chosen: peepholes add p_i * c, p_f * c and p_o * c' to pre; pre and c' are clipped; f = 1 - i where coupled.

// Pre-activations, or the weights, of one hidden unit: (i, f, g, o), PyTorch's gate order.
alias Gates = vec4<f32>;

fn cell_update(pre: Gates, prev: CellState, slice: u32, unit: u32) -> CellState {
    if (IS_CHOSEN == 1u) {
        let choice = params.slices[slice].choice;
        let peephole = load_full(choice.peepholes, unit);
        let i = activate_f(clip(pre.x + peephole.x * prev.c, choice.preact_clip), slice);
        var f = activate_f(clip(pre.y + peephole.y * prev.c, choice.preact_clip), slice);
        if (choice.coupled != 0u) {
            f = 1.0 - i;
        }
        let g = activate_g(clip(pre.z, choice.preact_clip), slice);
        let c = clip(f * prev.c + i * g, choice.cell_clip);
        let o = activate_f(clip(pre.w + peephole.w * c, choice.preact_clip), slice);
        return CellState(o * activate_h(c, slice), c);
    }
    let i = activate_f(pre.x, slice);
    let f = activate_f(pre.y, slice);
    let g = activate_g(pre.z, slice);
    let o = activate_f(pre.w, slice);
    let c = f * prev.c + i * g;
    return CellState(o * activate_h(c, slice), c);
}
