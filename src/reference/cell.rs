//! One time step of one row.

use ndarray::{Array1, ArrayView2, s};

use super::product;
use crate::cell::{Activation, Activations, Cell};
use crate::weights::{LayerWeights, Weights};

type State = (Array1<f64>, Array1<f64>);

/// What a step took in and what its gates were.
pub(super) struct Step {
    pub x: Array1<f64>,
    pub h: Array1<f64>,
    pub c: Array1<f64>,
    pub gates: Gates,
}

#[expect(clippy::large_enum_variant, reason = "all steps of a run are of one cell")]
pub(super) enum Gates {
    Lstm(LstmGates),
    Gru(GruGates),
    Rnn(Gate),
}

pub(super) struct LstmGates {
    pub i: Gate,
    pub f: Gate,
    pub g: Gate,
    /// c', clipped.
    pub c: Gate,
    pub o: Gate,
    /// h(c').
    pub h: Gate,
}

pub(super) struct GruGates {
    pub r: Gate,
    pub z: Gate,
    pub n: Gate,
    /// W_hn h + b_hn.
    pub n_h: Array1<f64>,
}

/// Values, and their derivatives by what they are functions of.
pub(super) struct Gate {
    pub value: Array1<f64>,
    pub slope: Array1<f64>,
}

pub(super) fn cell(
    weights: &Weights,
    layer: &LayerWeights,
    activations: &Activations,
    x: Array1<f64>,
    h: Array1<f64>,
    c: Array1<f64>,
) -> (State, Step) {
    let (state, gates) = match weights.sizes().cell {
        Cell::Lstm => lstm(weights, layer, activations, &x, &h, &c),
        Cell::Gru { reset_after } => {
            let (h, gates) = gru(weights, layer, activations, &x, &h, reset_after);
            ((h, c.clone()), gates)
        }
        Cell::Rnn => {
            let pre = input_part(layer, &x) + recurrent_part(layer, &h);
            let gate = activated(pre, activations.f, weights.options().preact_clip);
            ((gate.value.clone(), c.clone()), Gates::Rnn(gate))
        }
    };
    (state, Step { x, h, c, gates })
}

/// `i, f, o = f(pre)`, `g = g(pre)`, `c' = f * c + i * g`, `h' = o * h(c')`, times `W_hr` with a projection.
fn lstm(
    weights: &Weights,
    layer: &LayerWeights,
    activations: &Activations,
    x: &Array1<f64>,
    h: &Array1<f64>,
    c: &Array1<f64>,
) -> (State, Gates) {
    let options = weights.options();
    let pre = input_part(layer, x) + recurrent_part(layer, h);
    let part = |n: usize| pre.slice(s![n * c.len()..(n + 1) * c.len()]).to_owned();
    let peephole = |row: usize, c: &Array1<f64>| match &layer.peepholes {
        Some(peepholes) => peepholes.row(row).mapv(f64::from) * c,
        None => Array1::zeros(c.len()),
    };
    let sigma = |pre| activated(pre, activations.f, options.preact_clip);
    let i = sigma(part(0) + peephole(0, c));
    let f = if options.coupled {
        Gate { value: 1.0 - &i.value, slope: -&i.slope }
    } else {
        sigma(part(1) + peephole(1, c))
    };
    let g = activated(part(2), activations.g, options.preact_clip);
    let c = clip(&f.value * c + &i.value * &g.value, options.cell_clip);
    let o = sigma(part(3) + peephole(2, &c.value));
    let h = activated(c.value.clone(), activations.h, None);
    let unprojected = &o.value * &h.value;
    let projected = match &layer.w_hr {
        Some(w_hr) => product(w_hr.view(), &unprojected),
        None => unprojected,
    };
    ((projected, c.value.clone()), Gates::Lstm(LstmGates { i, f, g, c, o, h }))
}

/// `r, z = f(pre)`, `n = g(x part + r * (W_hn h + b_hn))` or `g(x part + W_hn (r * h) + b_hn)`,
/// `h' = (1 - z) * n + z * h`.
fn gru(
    weights: &Weights,
    layer: &LayerWeights,
    activations: &Activations,
    x: &Array1<f64>,
    h: &Array1<f64>,
    reset_after: bool,
) -> (Array1<f64>, Gates) {
    let bound = weights.options().preact_clip;
    let size = h.len();
    let (from_x, from_h) = (input_part(layer, x), recurrent_part(layer, h));
    let part = |array: &Array1<f64>, n: usize| array.slice(s![n * size..(n + 1) * size]).to_owned();
    let sigma = |n| activated(part(&from_x, n) + part(&from_h, n), activations.f, bound);
    let (r, z) = (sigma(0), sigma(1));
    let n_h = part(&from_h, 2);
    let reset = if reset_after {
        &r.value * &n_h
    } else {
        part(&recurrent_part(layer, &(&r.value * h)), 2)
    };
    let n = activated(part(&from_x, 2) + reset, activations.g, bound);
    ((1.0 - &z.value) * &n.value + &z.value * h, Gates::Gru(GruGates { r, z, n, n_h }))
}

fn input_part(layer: &LayerWeights, x: &Array1<f64>) -> Array1<f64> {
    biased(layer.w_ih.view(), layer.b_ih.as_ref(), x)
}

fn recurrent_part(layer: &LayerWeights, h: &Array1<f64>) -> Array1<f64> {
    biased(layer.w_hh.view(), layer.b_hh.as_ref(), h)
}

fn biased(w: ArrayView2<'_, f32>, bias: Option<&Array1<f32>>, x: &Array1<f64>) -> Array1<f64> {
    let product = product(w, x);
    match bias {
        Some(bias) => product + bias.mapv(f64::from),
        None => product,
    }
}

fn activated(pre: Array1<f64>, activation: Activation, bound: Option<f32>) -> Gate {
    let clipped = clip(pre, bound);
    let value = clipped.value.mapv(|x| activate(activation, x));
    let slope = clipped.value.mapv(|x| slope(activation, x)) * clipped.slope;
    Gate { value, slope }
}

/// NaN stays NaN. The derivative is 1 at the bound, too, as in PyTorch.
fn clip(values: Array1<f64>, bound: Option<f32>) -> Gate {
    let bound = bound.map_or(f64::INFINITY, f64::from);
    let slope = values.mapv(|value| if value.abs() > bound { 0.0 } else { 1.0 });
    Gate { value: values.mapv(|value| value.clamp(-bound, bound)), slope }
}

/// As ONNX defines them.
fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::LeakyRelu { alpha } => {
            if x < 0.0 {
                f64::from(alpha) * x
            } else {
                x
            }
        }
        Activation::ThresholdedRelu { alpha } => {
            if x < f64::from(alpha) {
                0.0
            } else {
                x
            }
        }
        Activation::ScaledTanh { alpha, beta } => f64::from(alpha) * (f64::from(beta) * x).tanh(),
        Activation::HardSigmoid { alpha, beta } => {
            (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0)
        }
        Activation::Elu { alpha } => {
            if x < 0.0 {
                f64::from(alpha) * x.exp_m1()
            } else {
                x
            }
        }
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Softplus => (if x > 0.0 { x } else { 0.0 }) + (-x.abs()).exp().ln_1p(),
        Activation::Affine { alpha, beta } => f64::from(alpha) * x + f64::from(beta),
    }
}

/// The derivative of [`activate`]; at a kink that of the lower side, as in PyTorch, and 0 at both ends of HardSigmoid.
fn slope(activation: Activation, x: f64) -> f64 {
    let y = activate(activation, x);
    match activation {
        Activation::Sigmoid => y * (1.0 - y),
        Activation::Tanh => 1.0 - y * y,
        Activation::Relu => f64::from(u8::from(x > 0.0)),
        Activation::LeakyRelu { alpha } => {
            if x > 0.0 {
                1.0
            } else {
                f64::from(alpha)
            }
        }
        Activation::ThresholdedRelu { alpha } => f64::from(u8::from(x > f64::from(alpha))),
        Activation::ScaledTanh { alpha, beta } => {
            let tanh = (f64::from(beta) * x).tanh();
            f64::from(alpha) * f64::from(beta) * (1.0 - tanh * tanh)
        }
        Activation::HardSigmoid { alpha, .. } => {
            if y > 0.0 && y < 1.0 {
                f64::from(alpha)
            } else {
                0.0
            }
        }
        Activation::Elu { alpha } => {
            if x > 0.0 {
                1.0
            } else {
                f64::from(alpha) * x.exp()
            }
        }
        Activation::Softsign => (1.0 + x.abs()).powi(-2),
        Activation::Softplus => activate(Activation::Sigmoid, x),
        Activation::Affine { alpha, .. } => f64::from(alpha),
    }
}
