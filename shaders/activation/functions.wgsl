// activation/functions.wgsl: sigmoid and tanh.
// Both work on exp(-|x|), which cannot overflow: +-1e4 and +-inf saturate, NaN stays NaN
// (the tanh of some drivers gives NaN for large arguments).

fn sigmoid(x: f32) -> f32 {
    let e = exp(-abs(x));
    let r = 1.0 / (1.0 + e);
    return select(e * r, r, x >= 0.0);
}

fn tanh_stable(x: f32) -> f32 {
    let e = exp(-2.0 * abs(x));
    let saturating = sign(x) * (1.0 - e) / (1.0 + e);
    // 1 - e cancels near zero; three Taylor terms are exact to f32 there.
    let x2 = x * x;
    let small = x * (1.0 + x2 * (-1.0 / 3.0 + x2 * (2.0 / 15.0)));
    return select(saturating, small, abs(x) < 0.1);
}
