//! One time step of one row, backwards.

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, concatenate, s};

use super::backward::WeightGradients;
use super::cell::{Gates, GruGates, LstmGates, Step};
use crate::cell::Cell;
use crate::weights::{LayerWeights, Weights};

/// `d_x`, `d_h` and `d_c` of what the step took in.
type Taken = (Array1<f64>, Array1<f64>, Array1<f64>);

/// From `d_h` and `d_c` of what the step gave; gradients of weights are added to those of other steps.
pub(super) fn cell_backward(
    weights: &Weights,
    layer: &LayerWeights,
    step: &Step,
    d_h: Array1<f64>,
    d_c: Array1<f64>,
    gradients: &mut WeightGradients,
) -> Taken {
    match (&step.gates, weights.sizes().cell) {
        (Gates::Lstm(gates), _) => {
            lstm(layer, step, gates, d_h, d_c, weights.options().coupled, gradients)
        }
        (Gates::Gru(gates), cell) => {
            let reset_after = cell == Cell::Gru { reset_after: true };
            let (d_x, d_h) = gru(layer, step, gates, d_h, reset_after, gradients);
            (d_x, d_h, d_c)
        }
        (Gates::Rnn(gate), _) => {
            let d_pre = d_h * &gate.slope;
            let d_x = input_part(layer, &d_pre, &step.x, gradients);
            (d_x, recurrent_part(layer, 0, &d_pre, &step.h, gradients), d_c)
        }
    }
}

fn lstm(
    layer: &LayerWeights,
    step: &Step,
    LstmGates { i, f, g, c, o, h }: &LstmGates,
    d_h: Array1<f64>,
    d_c: Array1<f64>,
    coupled: bool,
    gradients: &mut WeightGradients,
) -> Taken {
    // h' = o * h(c'), times W_hr.
    let d_unprojected = match (&layer.w_hr, &mut gradients.d_w_hr) {
        (Some(w_hr), Some(d_w_hr)) => {
            product(w_hr.view(), &d_h, &(&o.value * &h.value), d_w_hr.view_mut(), None)
        }
        _ => d_h,
    };
    let mut peephole = |row: usize, d_pre: &Array1<f64>, c: &Array1<f64>| {
        let (Some(peepholes), Some(d_peepholes)) = (&layer.peepholes, &mut gradients.d_peepholes)
        else {
            return Array1::zeros(c.len());
        };
        let mut d_peepholes = d_peepholes.row_mut(row);
        d_peepholes += &(d_pre * c);
        d_pre * &peepholes.row(row).mapv(f64::from)
    };
    let d_pre_o = &d_unprojected * &h.value * &o.slope;
    let d_c = d_c + d_unprojected * &o.value * &h.slope + peephole(2, &d_pre_o, &c.value);
    // c' = clip(f * c + i * g).
    let d_c = d_c * &c.slope;
    let mut d_pre_i = &d_c * &g.value * &i.slope;
    let mut d_pre_f = &d_c * &step.c * &f.slope;
    let d_pre_g = &d_c * &i.value * &g.slope;
    if coupled {
        // f = 1 - i is a function of i's pre-activation.
        d_pre_i += &d_pre_f;
        d_pre_f.fill(0.0);
    }
    let d_c = d_c * &f.value + peephole(0, &d_pre_i, &step.c) + peephole(1, &d_pre_f, &step.c);
    let d_pre = stacked(&[d_pre_i, d_pre_f, d_pre_g, d_pre_o]);
    let d_x = input_part(layer, &d_pre, &step.x, gradients);
    (d_x, recurrent_part(layer, 0, &d_pre, &step.h, gradients), d_c)
}

fn gru(
    layer: &LayerWeights,
    step: &Step,
    GruGates { r, z, n, n_h }: &GruGates,
    d_h: Array1<f64>,
    reset_after: bool,
    gradients: &mut WeightGradients,
) -> (Array1<f64>, Array1<f64>) {
    let size = step.h.len();
    // h' = (1 - z) * n + z * h.
    let d_pre_z = &d_h * (&step.h - &n.value) * &z.slope;
    let d_pre_n = &d_h * (1.0 - &z.value) * &n.slope;
    let d_h = d_h * &z.value;
    let (d_r, d_h) = if reset_after {
        // n = g(x part + r * n_h), n_h = W_hn h + b_hn.
        let d_n_h = &d_pre_n * &r.value;
        (&d_pre_n * n_h, d_h + recurrent_part(layer, 2 * size, &d_n_h, &step.h, gradients))
    } else {
        // n = g(x part + W_hn (r * h) + b_hn).
        let d_reset = recurrent_part(layer, 2 * size, &d_pre_n, &(&r.value * &step.h), gradients);
        (&d_reset * &step.h, d_h + d_reset * &r.value)
    };
    let d_pre_r = d_r * &r.slope;
    let d_pre = stacked(&[d_pre_r, d_pre_z, d_pre_n]);
    let d_x = input_part(layer, &d_pre, &step.x, gradients);
    let d_pre_rz = d_pre.slice(s![..2 * size]).to_owned();
    (d_x, d_h + recurrent_part(layer, 0, &d_pre_rz, &step.h, gradients))
}

fn stacked(parts: &[Array1<f64>]) -> Array1<f64> {
    let views: Vec<ArrayView1<'_, f64>> = parts.iter().map(|part| part.view()).collect();
    concatenate(Axis(0), &views).expect("one axis each")
}

fn input_part(
    layer: &LayerWeights,
    d_pre: &Array1<f64>,
    x: &Array1<f64>,
    gradients: &mut WeightGradients,
) -> Array1<f64> {
    let d_b_ih = gradients.d_b_ih.as_mut().map(|d_b| d_b.view_mut());
    product(layer.w_ih.view(), d_pre, x, gradients.d_w_ih.view_mut(), d_b_ih)
}

/// Of the rows from `first` on, as many as `d_pre` has.
fn recurrent_part(
    layer: &LayerWeights,
    first: usize,
    d_pre: &Array1<f64>,
    h: &Array1<f64>,
    gradients: &mut WeightGradients,
) -> Array1<f64> {
    let end = first + d_pre.len();
    let d_b_hh = gradients.d_b_hh.as_mut().map(|d_b| d_b.slice_mut(s![first..end]));
    let d_w_hh = gradients.d_w_hh.slice_mut(s![first..end, ..]);
    product(layer.w_hh.slice(s![first..end, ..]), d_pre, h, d_w_hh, d_b_hh)
}

/// `d_x` of `w x + b`, from the gradient of the sum.
fn product(
    w: ArrayView2<'_, f32>,
    d_sum: &Array1<f64>,
    x: &Array1<f64>,
    mut d_w: ArrayViewMut2<'_, f64>,
    d_b: Option<ArrayViewMut1<'_, f64>>,
) -> Array1<f64> {
    let mut d_x = Array1::zeros(x.len());
    for (row, d_sum) in d_sum.iter().enumerate() {
        for k in 0..x.len() {
            d_w[[row, k]] += d_sum * x[k];
            d_x[k] += f64::from(w[[row, k]]) * d_sum;
        }
    }
    if let Some(mut d_b) = d_b {
        d_b += d_sum;
    }
    d_x
}
