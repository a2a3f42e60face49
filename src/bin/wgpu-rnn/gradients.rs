//! Gradients by the names that fixtures have: `d_input`, `d_h0`, `d_c0`, `grad.weight_ih_l0`.

use std::collections::BTreeMap;

use wgpu_rnn::ndarray::ArrayD;
use wgpu_rnn::{Gradients, Kind, LayerWeights, WeightTensor, reference};

use crate::compare::Deviation;
use crate::layout::Layout;

/// Allowed of gradients, by the measure of [`Deviation`]: they are sums over all steps and rows of products of two
/// rounded values, and where gates saturate `1 - y²` cancels.
pub const TOLERANCE: f64 = 1e-4;

pub type Named = BTreeMap<String, ArrayD<f64>>;

pub fn of_weight(tensor: &str) -> String {
    format!("grad.{tensor}")
}

/// What a layer gives.
pub fn of_layer<K: Kind>(gradients: Gradients<K>) -> Named {
    let Gradients { d_x, d_state, d_weights, .. } = gradients;
    let (d_h0, d_c0) = K::parts(&d_state);
    let mut named = named([("d_input", Some(&d_x)), ("d_h0", Some(d_h0)), ("d_c0", d_c0)]);
    let sizes = d_weights.sizes();
    for layer in 0..sizes.num_layers {
        for direction in 0..sizes.num_directions() {
            let Some(weights) = d_weights.layer(layer, direction) else { continue };
            let LayerWeights { w_ih, w_hh, b_ih, b_hh, w_hr, peepholes, .. } = weights.clone();
            let [w_ih, w_hh] = [Some(w_ih), Some(w_hh)];
            let matrices = [w_ih, w_hh, w_hr, peepholes].map(|w| Some(wide(&w?.into_dyn())));
            let biases = [b_ih, b_hh].map(|b| Some(wide(&b?.into_dyn())));
            named.extend(of_direction(layer, direction, matrices, biases));
        }
    }
    named
}

/// What the reference gives, laid out as a case.
pub fn of_reference(gradients: reference::Gradients, layout: Layout, has_c: bool) -> Named {
    let reference::Gradients { d_x, d_h0, d_c0, weights } = gradients;
    let mut named = Named::from([
        ("d_input".into(), layout.of_sequence(d_x)),
        ("d_h0".into(), layout.of_state(d_h0)),
    ]);
    if has_c {
        named.insert("d_c0".into(), layout.of_state(d_c0));
    }
    for (layer, directions) in weights.into_iter().enumerate() {
        for (direction, weights) in directions.into_iter().enumerate() {
            let reference::WeightGradients { d_w_ih, d_w_hh, d_b_ih, d_b_hh, d_w_hr, d_peepholes } =
                weights;
            let matrices = [Some(d_w_ih), Some(d_w_hh), d_w_hr, d_peepholes];
            let matrices = matrices.map(|d_w| Some(d_w?.into_dyn()));
            let biases = [d_b_ih, d_b_hh].map(|d_b| Some(d_b?.into_dyn()));
            named.extend(of_direction(layer, direction, matrices, biases));
        }
    }
    named
}

/// Those of the weights, one behind the other as a backward pass leaves them.
pub fn of_flat(tensors: &[WeightTensor], values: &ArrayD<f32>) -> Named {
    let mut values = values.iter();
    // What is not there fails every comparison.
    let mut next = || values.next().map_or(f64::NAN, |value| f64::from(*value));
    let gradient = |tensor: &WeightTensor| {
        let shape = tensor.shape.as_slice();
        (of_weight(&tensor.name), ArrayD::from_shape_simple_fn(shape, &mut next))
    };
    tensors.iter().map(gradient).collect()
}

/// The worst of them; one that only one side has is infinitely wrong.
pub fn deviation(given: &Named, expected: &Named) -> Deviation {
    let missing = |name: &String, whose: &str| Deviation {
        error: f64::INFINITY,
        place: format!("{name} is not among the gradients {whose}"),
    };
    let pairs = expected.iter().map(|(name, expected)| match given.get(name) {
        Some(given) => Deviation::of(name, given, expected),
        None => missing(name, "computed"),
    });
    let unexpected = given.keys().filter(|name| !expected.contains_key(*name));
    Deviation::worst(pairs.chain(unexpected.map(|name| missing(name, "expected"))))
}

/// The gradients of one direction of a layer that are there: weight_ih, weight_hh, weight_hr and peepholes, then
/// bias_ih and bias_hh.
fn of_direction(
    layer: usize,
    direction: usize,
    matrices: [Option<ArrayD<f64>>; 4],
    biases: [Option<ArrayD<f64>>; 2],
) -> Named {
    let names = ["weight_ih", "weight_hh", "weight_hr", "peepholes", "bias_ih", "bias_hh"];
    let suffix = if direction == 0 { "" } else { "_reverse" };
    let gradients = matrices.into_iter().chain(biases);
    let named = names.into_iter().zip(gradients).filter_map(|(name, gradient)| {
        Some((of_weight(&format!("{name}_l{layer}{suffix}")), gradient?))
    });
    named.collect()
}

fn named<const N: usize>(gradients: [(&str, Option<&ArrayD<f32>>); N]) -> Named {
    let named = gradients.into_iter();
    named.filter_map(|(name, gradient)| Some((name.to_string(), wide(gradient?)))).collect()
}

fn wide(array: &ArrayD<f32>) -> ArrayD<f64> {
    array.mapv(f64::from)
}
