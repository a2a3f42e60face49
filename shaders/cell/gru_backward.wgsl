// cell/gru_backward.wgsl: the gradients of a GRU whose reset gate scales the product with h. Names as in cell/gru.wgsl.
// Math:  d_z = d_h * (h - n)      d_n = d_h * (1 - z) * activate_g'      d_r = d_n * pre.n_h      d_h_prev = z * d_h
//        d_pre = (d_r, d_z, d_n, r * d_n), gates times activate_f', 0 where pre was clipped
// Where it scales h before the product, r is 1 here, and d_r comes from elsewhere (unit_backward/reset.wgsl).

// 0 where a pre-activation was clipped.
fn passes(pre: f32, slice: u32) -> f32 {
    if (IS_CHOSEN == 1u) {
        return inside(pre, params.slices[slice].choice.preact_clip);
    }
    return 1.0;
}

fn d_gate(pre: f32, y: f32, slice: u32) -> f32 {
    return d_activate_f(clipped(pre, slice), y, slice) * passes(pre, slice);
}

fn d_candidate(pre: f32, y: f32, slice: u32) -> f32 {
    return d_activate_g(clipped(pre, slice), y, slice) * passes(pre, slice);
}

// All but d_r, in whose place pre.r stays.
fn update_backward(pre: Gates, r: f32, prev_h: f32, d_h: f32, slice: u32) -> CellGradient {
    let z = gate(pre.y, slice);
    let pre_n = pre.z + r * pre.w;
    let n = candidate(pre_n, slice);
    let d_n = d_h * (1.0 - z) * d_candidate(pre_n, n, slice);
    let d_z = d_h * (prev_h - n) * d_gate(pre.y, z, slice);
    return CellGradient(Gates(pre.x, d_z, d_n, r * d_n), z * d_h, 0.0);
}

fn cell_backward(pre: Gates, prev: CellState, d_h: f32, d_c_next: f32, slice: u32, unit: u32) -> CellGradient {
    let r = gate(pre.x, slice);
    var given = update_backward(pre, r, prev.h, d_h, slice);
    given.pre.x = given.pre.z * pre.w * d_gate(pre.x, r, slice);
    return given;
}
