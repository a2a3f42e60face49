// activation/chosen.wgsl: the activations that the parameters name, alpha and beta as in ONNX.
// The numbers are those of Activation::encode (cell.rs). NaN stays NaN.

fn activate(which: u32, alpha: f32, beta: f32, x: f32) -> f32 {
    switch which {
        case 0u: { return sigmoid(x); }
        case 1u: { return tanh_stable(x); }
        case 2u: { return keep_nan(x, max(x, 0.0)); }
        case 3u: { return select(x, alpha * x, x < 0.0); }
        case 4u: { return select(x, 0.0, x < alpha); }
        case 5u: { return alpha * tanh_stable(beta * x); }
        case 6u: {
            let line = alpha * x + beta;
            return keep_nan(line, clamp(line, 0.0, 1.0));
        }
        case 7u: { return select(x, alpha * (exp(min(x, 0.0)) - 1.0), x < 0.0); }
        case 8u: { return x / (1.0 + abs(x)); }
        case 9u: { return select(0.0, x, x > 0.0) + log(1.0 + exp(-abs(x))); }
        default: { return alpha * x + beta; }
    }
}

fn activate_f(x: f32, slice: u32) -> f32 {
    let choice = params.slices[slice].choice;
    return activate(choice.f, choice.f_alpha, choice.f_beta, x);
}

fn activate_g(x: f32, slice: u32) -> f32 {
    let choice = params.slices[slice].choice;
    return activate(choice.g, choice.g_alpha, choice.g_beta, x);
}

fn activate_h(x: f32, slice: u32) -> f32 {
    let choice = params.slices[slice].choice;
    return activate(choice.h, choice.h_alpha, choice.h_beta, x);
}
