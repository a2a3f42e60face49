//! The CPU truth that every kernel is checked against: naive loops that read like the equations, f64 throughout.
//!
//! It knows the canonical weights and nothing else: no packing, no plan, no kernel.

use ndarray::{Array1, Array3, ArrayD, ArrayView2, ArrayView3, Axis, s};

use crate::weights::{LayerWeights, Weights};

/// The results of a run, in f64: y, h_n and c_n, shaped as [`Lstm`](crate::Lstm) says, `seq_len` first.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// `[T, B, D*H]`.
    pub y: Array3<f64>,
    /// `[L*D, B, H]`.
    pub h_n: Array3<f64>,
    /// `[L*D, B, H]`.
    pub c_n: Array3<f64>,
}

/// An LSTM over x `[T, B, I]`; h0 and c0 `[L*D, B, H]`, none is zero.
///
/// # Panics
/// Where shapes do not fit: this is for tests and comparisons, with shapes that a layer has accepted.
pub fn lstm(
    weights: &Weights,
    x: ArrayView3<'_, f32>,
    h0: Option<ArrayView3<'_, f32>>,
    c0: Option<ArrayView3<'_, f32>>,
) -> Outputs {
    let sizes = weights.sizes();
    let (seq_len, batch, _) = x.dim();
    let (h, directions) = (sizes.hidden_size, sizes.num_directions());
    let zeros = Array3::zeros((sizes.num_states(), batch, h));
    let mut h_n = h0.map_or(zeros.clone(), |h0| h0.mapv(f64::from));
    let mut c_n = c0.map_or(zeros, |c0| c0.mapv(f64::from));
    let mut input = x.mapv(f64::from);
    for l in 0..sizes.num_layers {
        let mut y = Array3::zeros((seq_len, batch, directions * h));
        for d in 0..directions {
            let Some(layer) = weights.layer(l, d) else { continue };
            let state = l * directions + d;
            for b in 0..batch {
                let mut h_t = h_n.slice(s![state, b, ..]).to_owned();
                let mut c_t = c_n.slice(s![state, b, ..]).to_owned();
                for step in 0..seq_len {
                    let t = if d == 0 { step } else { seq_len - 1 - step };
                    let x_t = input.slice(s![t, b, ..]).to_owned();
                    (h_t, c_t) = lstm_cell(layer, &x_t, &h_t, &c_t);
                    y.slice_mut(s![t, b, d * h..(d + 1) * h]).assign(&h_t);
                }
                h_n.slice_mut(s![state, b, ..]).assign(&h_t);
                c_n.slice_mut(s![state, b, ..]).assign(&c_t);
            }
        }
        input = y;
    }
    Outputs { y: input, h_n, c_n }
}

/// `i, f, o = sigmoid(pre)`, `g = tanh(pre)`, `c' = f * c + i * g`, `h' = o * tanh(c')`.
fn lstm_cell(
    layer: &LayerWeights,
    x: &Array1<f64>,
    h: &Array1<f64>,
    c: &Array1<f64>,
) -> (Array1<f64>, Array1<f64>) {
    let hidden_size = h.len();
    let mut pre = product(layer.w_ih.view(), x) + product(layer.w_hh.view(), h);
    for bias in [&layer.b_ih, &layer.b_hh].into_iter().flatten() {
        pre += &bias.mapv(f64::from);
    }
    let gate = |n: usize| pre.slice(s![n * hidden_size..(n + 1) * hidden_size]);
    let (i, f, o) = (gate(0).mapv(sigmoid), gate(1).mapv(sigmoid), gate(3).mapv(sigmoid));
    let g = gate(2).mapv(f64::tanh);
    let c = f * c + i * g;
    (o * c.mapv(f64::tanh), c)
}

/// A linear layer over the last axis of x: `weight` `[out, in]`, `bias` `[out]`.
pub fn linear(
    weight: ArrayView2<'_, f32>,
    bias: Option<&Array1<f32>>,
    x: &ArrayD<f64>,
) -> ArrayD<f64> {
    let last = Axis(x.ndim() - 1);
    let mut shape = x.shape().to_vec();
    shape[last.0] = weight.nrows();
    let mut y = ArrayD::zeros(shape);
    for (mut y, x) in y.lanes_mut(last).into_iter().zip(x.lanes(last)) {
        y.assign(&product(weight, &x.to_owned()));
        if let Some(bias) = bias {
            y += &bias.mapv(f64::from);
        }
    }
    y
}

fn product(w: ArrayView2<'_, f32>, x: &Array1<f64>) -> Array1<f64> {
    let row = |row: ndarray::ArrayView1<'_, f32>| {
        row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
    };
    w.outer_iter().map(row).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
