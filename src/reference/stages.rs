//! The stages around the recurrent ones.

use ndarray::{Array1, Array3, ArrayD, ArrayView2, Axis, s};

use super::product;
use crate::chain::Function;

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

/// The rows of a table that token ids pick: `[..]` to `[.., embedding_dim]`.
pub fn embedding(weight: ArrayView2<'_, f32>, ids: &ArrayD<u32>) -> ArrayD<f64> {
    let shape = [ids.shape(), &[weight.ncols()]].concat();
    let mut y = ArrayD::zeros(shape);
    let rows = y.lanes_mut(Axis(ids.ndim()));
    for (mut y, id) in rows.into_iter().zip(ids) {
        y.assign(&weight.row(*id as usize).mapv(f64::from));
    }
    y
}

/// A function over the last axis of x.
pub fn function(function: Function, x: &ArrayD<f64>) -> ArrayD<f64> {
    match function {
        Function::Relu => x.mapv(|x| if x < 0.0 { 0.0 } else { x }),
        Function::Tanh => x.mapv(f64::tanh),
        Function::Sigmoid => x.mapv(|x| 1.0 / (1.0 + (-x).exp())),
        Function::Softmax => log_softmax(x).mapv(f64::exp),
        Function::LogSoftmax => log_softmax(x),
    }
}

fn log_softmax(x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = x.clone();
    for mut row in y.lanes_mut(Axis(x.ndim() - 1)) {
        let largest = row.fold(f64::NEG_INFINITY, |largest, x| largest.max(*x));
        let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
        row.mapv_inplace(|x| x - largest - sum.ln());
    }
    y
}

/// The last time step of each row, `[T, B, F]` to `[1, B, F]`; of a row of length 0 the first.
pub fn last_step(x: &Array3<f64>, lengths: Option<&[usize]>) -> Array3<f64> {
    let (seq_len, batch, features) = x.dim();
    Array3::from_shape_fn((1, batch, features), |(_, b, f)| {
        let length = lengths.map_or(seq_len, |lengths| lengths[b]);
        x[[length.max(1) - 1, b, f]]
    })
}

/// The final states of a stack's last layer, its directions side by side: `[L*D, B, R]` to `[1, B, D*R]`.
pub fn last_states(h_n: &Array3<f64>, num_directions: usize) -> Array3<f64> {
    let (states, batch, size) = h_n.dim();
    let mut y = Array3::zeros((1, batch, num_directions * size));
    for direction in 0..num_directions {
        let h = h_n.index_axis(Axis(0), states - num_directions + direction);
        let part = s![0, .., direction * size..(direction + 1) * size];
        y.slice_mut(part).assign(&h);
    }
    y
}
