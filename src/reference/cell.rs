//! One time step of one row.

use ndarray::{Array1, ArrayView2, s};

use super::product;
use crate::cell::{Activation, Activations, Cell};
use crate::weights::{LayerWeights, Weights};

type State = (Array1<f64>, Array1<f64>);

pub(super) fn cell(
    weights: &Weights,
    layer: &LayerWeights,
    activations: &Activations,
    x: &Array1<f64>,
    h: &Array1<f64>,
    c: &Array1<f64>,
) -> State {
    match weights.sizes().cell {
        Cell::Lstm => lstm(weights, layer, activations, x, h, c),
        Cell::Gru { reset_after } => {
            (gru(weights, layer, activations, x, h, reset_after), c.clone())
        }
        Cell::Rnn => {
            let pre = input_part(layer, x) + recurrent_part(layer, h);
            let pre = clip(pre, weights.options().preact_clip);
            (pre.mapv(|x| activate(activations.f, x)), c.clone())
        }
    }
}

/// `i, f, o = f(pre)`, `g = g(pre)`, `c' = f * c + i * g`, `h' = o * h(c')`, times `W_hr` with a projection.
fn lstm(
    weights: &Weights,
    layer: &LayerWeights,
    activations: &Activations,
    x: &Array1<f64>,
    h: &Array1<f64>,
    c: &Array1<f64>,
) -> State {
    let options = weights.options();
    let pre = input_part(layer, x) + recurrent_part(layer, h);
    let gate = |n: usize| pre.slice(s![n * c.len()..(n + 1) * c.len()]).to_owned();
    let peephole = |row: usize, c: &Array1<f64>| match &layer.peepholes {
        Some(peepholes) => peepholes.row(row).mapv(f64::from) * c,
        None => Array1::zeros(c.len()),
    };
    let sigma = |pre| clip(pre, options.preact_clip).mapv(|x| activate(activations.f, x));
    let i = sigma(gate(0) + peephole(0, c));
    let f = if options.coupled { 1.0 - &i } else { sigma(gate(1) + peephole(1, c)) };
    let g = clip(gate(2), options.preact_clip).mapv(|x| activate(activations.g, x));
    let c = clip(f * c + i * g, options.cell_clip);
    let o = sigma(gate(3) + peephole(2, &c));
    let h = o * c.mapv(|x| activate(activations.h, x));
    match &layer.w_hr {
        Some(w_hr) => (product(w_hr.view(), &h), c),
        None => (h, c),
    }
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
) -> Array1<f64> {
    let bound = weights.options().preact_clip;
    let size = h.len();
    let (from_x, from_h) = (input_part(layer, x), recurrent_part(layer, h));
    let part = |array: &Array1<f64>, n: usize| array.slice(s![n * size..(n + 1) * size]).to_owned();
    let sigma =
        |n| clip(part(&from_x, n) + part(&from_h, n), bound).mapv(|x| activate(activations.f, x));
    let (r, z) = (sigma(0), sigma(1));
    let n_h =
        if reset_after { r * part(&from_h, 2) } else { part(&recurrent_part(layer, &(r * h)), 2) };
    let n = clip(part(&from_x, 2) + n_h, bound).mapv(|x| activate(activations.g, x));
    (1.0 - &z) * n + z * h
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

/// NaN stays NaN.
fn clip(values: Array1<f64>, bound: Option<f32>) -> Array1<f64> {
    let bound = bound.map_or(f64::INFINITY, f64::from);
    values.mapv(|value| value.clamp(-bound, bound))
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
