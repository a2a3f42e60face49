//! The CPU truth that every kernel is checked against: naive loops that read like the equations, f64 throughout.
//!
//! It knows the canonical weights and nothing else: no packing, no plan, no kernel.

mod backward;
mod cell;
mod cell_backward;
mod stages;

pub use backward::{Cotangents, Gradients, WeightGradients, backward};
use cell::{Step, cell};
use ndarray::{Array1, Array3, ArrayView2, ArrayView3, s};
pub use stages::{embedding, function, last_states, last_step, linear};

use crate::weights::Weights;

/// What goes into a run, `seq_len` first; shapes as in [`Layer`](crate::Layer).
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `[T, B, I]`.
    pub x: ArrayView3<'a, f32>,
    /// `[L*D, B, R]`, R the size of h; none is zero.
    pub h0: Option<ArrayView3<'a, f32>>,
    /// `[L*D, B, H]`; none is zero.
    pub c0: Option<ArrayView3<'a, f32>>,
    /// The length of each row; none is T for all.
    pub lengths: Option<&'a [usize]>,
}

impl<'a> Inputs<'a> {
    /// From zero states, all rows of full length.
    pub fn new(x: ArrayView3<'a, f32>) -> Self {
        Inputs { x, h0: None, c0: None, lengths: None }
    }
}

/// What comes out of a run, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// `[T, B, D*R]`, R the size of h.
    pub y: Array3<f64>,
    /// `[L*D, B, R]`.
    pub h_n: Array3<f64>,
    /// `[L*D, B, H]`; stays zero for a cell without c.
    pub c_n: Array3<f64>,
}

/// A stack of layers over a sequence.
///
/// # Panics
/// Where shapes do not fit: this is for tests and comparisons, with shapes that a layer has accepted.
pub fn forward(weights: &Weights, inputs: &Inputs<'_>) -> Outputs {
    run(weights, inputs, |_, _| ())
}

/// Which step of a run.
struct Place {
    l: usize,
    d: usize,
    b: usize,
    t: usize,
}

/// Shows each step to `keep`, in the order in which they depend on each other.
fn run(weights: &Weights, inputs: &Inputs<'_>, mut keep: impl FnMut(Place, Step)) -> Outputs {
    let sizes = weights.sizes();
    let (seq_len, batch, _) = inputs.x.dim();
    let (h, directions) = (sizes.recurrent_size(), sizes.num_directions());
    let mut h_n = or_zeros(inputs.h0, (sizes.num_states(), batch, h));
    let mut c_n = or_zeros(inputs.c0, (sizes.num_states(), batch, sizes.hidden_size));
    let mut input = inputs.x.mapv(f64::from);
    for l in 0..sizes.num_layers {
        let mut y = Array3::zeros((seq_len, batch, directions * h));
        for d in 0..directions {
            let Some(layer) = weights.layer(l, d) else { continue };
            let activations = weights.options().activations_of(sizes.cell, d);
            let state = l * directions + d;
            for b in 0..batch {
                let mut h_t = h_n.slice(s![state, b, ..]).to_owned();
                let mut c_t = c_n.slice(s![state, b, ..]).to_owned();
                let length = inputs.lengths.map_or(seq_len, |lengths| lengths[b]);
                for step in 0..length {
                    let t = if sizes.is_reverse(d) { length - 1 - step } else { step };
                    let x_t = input.slice(s![t, b, ..]).to_owned();
                    let taken;
                    ((h_t, c_t), taken) = cell(weights, layer, &activations, x_t, h_t, c_t);
                    keep(Place { l, d, b, t }, taken);
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

fn or_zeros(given: Option<ArrayView3<'_, f32>>, shape: (usize, usize, usize)) -> Array3<f64> {
    given.map_or_else(|| Array3::zeros(shape), |given| given.mapv(f64::from))
}

fn product(w: ArrayView2<'_, f32>, x: &Array1<f64>) -> Array1<f64> {
    let row = |row: ndarray::ArrayView1<'_, f32>| {
        row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
    };
    w.outer_iter().map(row).collect()
}
