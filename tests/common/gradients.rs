//! Gradients by name, and what they are compared with.

use std::collections::BTreeMap;

use wgpu_rnn::ndarray::ArrayD;
use wgpu_rnn::reference::Gradients;

use super::compare::compare;

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
