// derivative/chosen.wgsl: the derivatives of activation/chosen.wgsl, from x and the activation y of it.
// At a kink the side is that of PyTorch.

fn d_activate(which: u32, alpha: f32, beta: f32, x: f32, y: f32) -> f32 {
    switch which {
        case 0u: { return y * (1.0 - y); }
        case 1u: { return 1.0 - y * y; }
        case 2u: { return select(0.0, 1.0, x > 0.0); }
        case 3u: { return select(alpha, 1.0, x > 0.0); }
        case 4u: { return select(0.0, 1.0, x >= alpha); }
        case 5u: {
            let t = tanh_stable(beta * x);
            return alpha * beta * (1.0 - t * t);
        }
        case 6u: {
            let line = alpha * x + beta;
            return select(0.0, alpha, line > 0.0 && line < 1.0);
        }
        case 7u: { return select(y + alpha, 1.0, x > 0.0); }
        case 8u: {
            let d = 1.0 + abs(x);
            return 1.0 / (d * d);
        }
        case 9u: { return sigmoid(x); }
        default: { return alpha; }
    }
}

fn d_activate_f(x: f32, y: f32, slice: u32) -> f32 {
    let choice = params.slices[slice].choice;
    return d_activate(choice.f, choice.f_alpha, choice.f_beta, x, y);
}

fn d_activate_g(x: f32, y: f32, slice: u32) -> f32 {
    let choice = params.slices[slice].choice;
    return d_activate(choice.g, choice.g_alpha, choice.g_beta, x, y);
}

fn d_activate_h(x: f32, y: f32, slice: u32) -> f32 {
    let choice = params.slices[slice].choice;
    return d_activate(choice.h, choice.h_alpha, choice.h_beta, x, y);
}
