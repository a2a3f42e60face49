//! The gradients of a run: its steps once more, from the last to the first.

use ndarray::{Array1, Array2, Array3, ArrayView3, s};

use super::cell_backward::cell_backward;
use super::{Inputs, or_zeros, run};
use crate::weights::{LayerWeights, Weights};

/// The gradients of what came out of a run, shaped as [`Outputs`](super::Outputs).
#[derive(Clone, Copy, Debug)]
pub struct Cotangents<'a> {
    /// `[T, B, D*R]`; nothing beyond a row's length has an effect.
    pub d_y: ArrayView3<'a, f32>,
    /// `[L*D, B, R]`; none is zero.
    pub d_h_n: Option<ArrayView3<'a, f32>>,
    /// `[L*D, B, H]`; none is zero.
    pub d_c_n: Option<ArrayView3<'a, f32>>,
}

/// The gradients of what went into a run, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// `[T, B, I]`; zero beyond a row's length.
    pub d_x: Array3<f64>,
    /// `[L*D, B, R]`, also of a state that was not given.
    pub d_h0: Array3<f64>,
    /// `[L*D, B, H]`, also of a state that was not given; a cell without c hands on `d_c_n`.
    pub d_c0: Array3<f64>,
    /// By layer and direction.
    pub weights: Vec<Vec<WeightGradients>>,
}

/// The gradients of [`LayerWeights`], shaped as they are; none where they have none.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightGradients {
    /// `[G*H, I]`.
    pub d_w_ih: Array2<f64>,
    /// `[G*H, R]`.
    pub d_w_hh: Array2<f64>,
    /// `[G*H]`.
    pub d_b_ih: Option<Array1<f64>>,
    /// `[G*H]`.
    pub d_b_hh: Option<Array1<f64>>,
    /// `[P, H]`.
    pub d_w_hr: Option<Array2<f64>>,
    /// `[3, H]`.
    pub d_peepholes: Option<Array2<f64>>,
}

impl WeightGradients {
    fn zeros(layer: &LayerWeights) -> Self {
        let matrix = |w: &Array2<f32>| Array2::zeros(w.dim());
        let bias = |b: &Array1<f32>| Array1::zeros(b.len());
        WeightGradients {
            d_w_ih: matrix(&layer.w_ih),
            d_w_hh: matrix(&layer.w_hh),
            d_b_ih: layer.b_ih.as_ref().map(bias),
            d_b_hh: layer.b_hh.as_ref().map(bias),
            d_w_hr: layer.w_hr.as_ref().map(matrix),
            d_peepholes: layer.peepholes.as_ref().map(matrix),
        }
    }
}

/// The gradients of `sum(y * d_y) + sum(h_n * d_h_n) + sum(c_n * d_c_n)`, where y, h_n and c_n are what
/// [`forward`](super::forward) gives for the same weights and inputs.
///
/// # Panics
/// Where shapes do not fit, as [`forward`](super::forward).
pub fn backward(weights: &Weights, inputs: &Inputs<'_>, cotangents: &Cotangents<'_>) -> Gradients {
    let sizes = weights.sizes();
    let (seq_len, batch, _) = inputs.x.dim();
    let (h, directions) = (sizes.recurrent_size(), sizes.num_directions());
    let layers = 0..sizes.num_layers;

    let mut steps = Vec::new();
    let outputs = run(weights, inputs, |place, step| steps.push((place, step)));
    assert_eq!(cotangents.d_y.dim(), outputs.y.dim(), "d_y");

    // Of the states that the step before left behind.
    let mut d_h = or_zeros(cotangents.d_h_n, outputs.h_n.dim());
    let mut d_c = or_zeros(cotangents.d_c_n, outputs.c_n.dim());
    // Of the input of each layer, and at the end of y.
    let input = |l| Array3::zeros((seq_len, batch, sizes.layer_input_size(l)));
    let mut d_inputs: Vec<Array3<f64>> = layers.clone().map(input).collect();
    d_inputs.push(cotangents.d_y.mapv(f64::from));
    let directions_of = |l| (0..directions).filter_map(move |d| weights.layer(l, d));
    let mut d_weights: Vec<Vec<WeightGradients>> =
        layers.map(|l| directions_of(l).map(WeightGradients::zeros).collect()).collect();

    for (place, step) in steps.into_iter().rev() {
        let super::Place { l, d, b, t } = place;
        let Some(layer) = weights.layer(l, d) else { continue };
        let state = s![l * directions + d, b, ..];
        let d_y_t = d_inputs[l + 1].slice(s![t, b, d * h..(d + 1) * h]);
        let (d_x_t, d_h_t, d_c_t) = cell_backward(
            weights,
            layer,
            &step,
            &d_h.slice(state) + &d_y_t,
            d_c.slice(state).to_owned(),
            &mut d_weights[l][d],
        );
        let mut d_input = d_inputs[l].slice_mut(s![t, b, ..]);
        d_input += &d_x_t;
        d_h.slice_mut(state).assign(&d_h_t);
        d_c.slice_mut(state).assign(&d_c_t);
    }
    Gradients { d_x: d_inputs.swap_remove(0), d_h0: d_h, d_c0: d_c, weights: d_weights }
}
