// activation/functions.wgsl: sigmoid, tanh and clip. NaN stays NaN.
// The first two work on exp(-|x|), which cannot overflow: +-1e4 and +-inf saturate (the tanh of some drivers gives NaN
// for large arguments).

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

// y, but NaN where x is. Only its bits tell: Mesa's GL makes min and max, which drop NaN, even of comparisons.
fn keep_nan(x: f32, y: f32) -> f32 {
    let is_nan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
    return select(y, x, is_nan);
}

fn clip(x: f32, bound: f32) -> f32 {
    return keep_nan(x, clamp(x, -bound, bound));
}
