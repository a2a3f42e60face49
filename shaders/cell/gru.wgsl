// cell/gru.wgsl: the GRU equations, once, where the reset gate scales the product with h (reset_after).
// Math:  r, z = activate_f(pre.r, pre.z)               n = activate_g(pre.n_x + r * pre.n_h)
//        h' = (1 - z) * n + z * h
// Where it scales h before the product, r is 1 here, and n_h that product (phase/reset_*.wgsl).

// Pre-activations, or the weights, of one hidden unit: (r, z, n_x, n_h). The candidate's input and recurrent parts
// stay apart: a row of w_ih has 0 for n_h, one of w_hh has 0 for n_x.
alias Gates = vec4<f32>;

// A pre-activation as its activation sees it.
fn clipped(pre: f32, slice: u32) -> f32 {
    if (IS_CHOSEN == 1u) {
        return clip(pre, params.slices[slice].choice.preact_clip);
    }
    return pre;
}

fn gate(pre: f32, slice: u32) -> f32 {
    return activate_f(clipped(pre, slice), slice);
}

fn candidate(pre: f32, slice: u32) -> f32 {
    return activate_g(clipped(pre, slice), slice);
}

fn cell_update(pre: Gates, prev: CellState, slice: u32, unit: u32) -> CellState {
    let r = gate(pre.x, slice);
    let z = gate(pre.y, slice);
    let n = candidate(pre.z + r * pre.w, slice);
    return CellState((1.0 - z) * n + z * prev.h, 0.0);
}
