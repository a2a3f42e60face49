//! Runs with gradients of what comes out of them, and gradients by name.

use std::collections::BTreeMap;

use wgpu_rnn::Weights;
use wgpu_rnn::ndarray::{Array3, ArrayD, Ix3};
use wgpu_rnn::reference::{self, Cotangents, Gradients, Inputs};

use super::Random;
use super::case::Case;
use super::compare::compare;

/// What a backward pass starts from; shapes as in the reference.
#[derive(Clone, Debug)]
pub struct Run {
    pub weights: Weights,
    pub x: Array3<f32>,
    pub h0: Option<Array3<f32>>,
    pub c0: Option<Array3<f32>>,
    pub lengths: Option<Vec<usize>>,
    pub d_y: Array3<f32>,
    pub d_h_n: Option<Array3<f32>>,
    pub d_c_n: Option<Array3<f32>>,
}

impl Run {
    /// With seeded gradients of all that comes out.
    pub fn new(seed: u64, case: &Case) -> Self {
        let mut random = Random::new(seed);
        let outputs = case.expected();
        let [d_y, d_h_n, d_c_n] = [&outputs.y, &outputs.h_n, &outputs.c_n]
            .map(|output| random.array3(output.dim().into()));
        let part = |array: &ArrayD<f32>| array.clone().into_dimensionality::<Ix3>().unwrap();
        let has_c = case.weights.sizes().cell.has_c();
        Run {
            weights: case.weights.clone(),
            x: case.x.clone(),
            h0: case.state.as_ref().map(|state| part(&state.h)),
            c0: case.state.as_ref().filter(|_| has_c).map(|state| part(&state.c)),
            lengths: case.lengths.clone(),
            d_y,
            d_h_n: Some(d_h_n),
            d_c_n: has_c.then_some(d_c_n),
        }
    }

    /// The same but for what `edit` changes.
    pub fn but(&self, edit: impl FnOnce(&mut Run)) -> Self {
        let mut run = self.clone();
        edit(&mut run);
        run
    }

    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            x: self.x.view(),
            h0: self.h0.as_ref().map(|h0| h0.view()),
            c0: self.c0.as_ref().map(|c0| c0.view()),
            lengths: self.lengths.as_deref(),
        }
    }

    /// What the reference says.
    pub fn gradients(&self) -> Named {
        let cotangents = Cotangents {
            d_y: self.d_y.view(),
            d_h_n: self.d_h_n.as_ref().map(|d_h_n| d_h_n.view()),
            d_c_n: self.d_c_n.as_ref().map(|d_c_n| d_c_n.view()),
        };
        let gradients = reference::backward(&self.weights, &self.inputs(), &cotangents);
        named(gradients, self.weights.sizes().cell.has_c())
    }
}

/// The names of the fixtures: `d_input`, `d_h0`, `d_c0`, `grad.weight_ih_l0`.
pub type Named = BTreeMap<String, ArrayD<f64>>;

/// Without `d_c0` where the cell has no c.
pub fn named(gradients: Gradients, has_c: bool) -> Named {
    let Gradients { d_x, d_h0, d_c0, weights } = gradients;
    let mut named = Named::new();
    let inputs = [("d_input", Some(d_x)), ("d_h0", Some(d_h0)), ("d_c0", has_c.then_some(d_c0))];
    for (name, gradient) in inputs {
        named.extend(gradient.map(|gradient| (name.to_string(), gradient.into_dyn())));
    }
    for (l, directions) in weights.into_iter().enumerate() {
        for (d, layer) in directions.into_iter().enumerate() {
            let parts = [
                ("weight_ih", Some(layer.d_w_ih.into_dyn())),
                ("weight_hh", Some(layer.d_w_hh.into_dyn())),
                ("bias_ih", layer.d_b_ih.map(|d_b| d_b.into_dyn())),
                ("bias_hh", layer.d_b_hh.map(|d_b| d_b.into_dyn())),
                ("weight_hr", layer.d_w_hr.map(|d_w| d_w.into_dyn())),
                ("peepholes", layer.d_peepholes.map(|d_p| d_p.into_dyn())),
            ];
            for (tensor, gradient) in parts {
                named.extend(gradient.map(|gradient| (name_of(tensor, l, d), gradient)));
            }
        }
    }
    named
}

pub fn name_of(tensor: &str, layer: usize, direction: usize) -> String {
    format!("grad.{tensor}_l{layer}{}", if direction == 0 { "" } else { "_reverse" })
}

/// # Errors
/// What is wrong; also where one has a gradient that the other has not.
pub fn verdict(given: &Named, expected: &Named, allowed: f64) -> Result<(), String> {
    let [names, expected_names] = [given, expected].map(|named| Vec::from_iter(named.keys()));
    if names != expected_names {
        return Err(format!("gradients of {names:?}, expected {expected_names:?}"));
    }
    let mut pairs = given.iter().zip(expected.values());
    pairs
        .try_for_each(|((name, given), expected)| compare(name, given, expected, allowed).verdict())
}
