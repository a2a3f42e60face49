//! Each activation, in each of its places, against the two that PyTorch has, and against other parameters.

use wgpu_rnn::{Activation, Activations, Cell, CellOptions};

use super::control;
use crate::common::case::{Case, Shape};
use crate::common::trials::GpuTest;
use crate::common::variant::{ACTIVATIONS, Variant};

type Place = fn(&mut Activations) -> &mut Activation;

/// The cells and the places that they have.
const PLACES: [(&str, Cell, &[Place]); 4] = [
    ("lstm", Cell::Lstm, &[|a| &mut a.f, |a| &mut a.g, |a| &mut a.h]),
    ("gru_reset_after", Cell::Gru { reset_after: true }, &[|a| &mut a.f, |a| &mut a.g]),
    ("gru_reset_before", Cell::Gru { reset_after: false }, &[|a| &mut a.f, |a| &mut a.g]),
    ("rnn", Cell::Rnn, &[|a| &mut a.f]),
];

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for (cell_name, cell, places) in PLACES {
        for (name, activation) in ACTIVATIONS {
            let name = format!("control::activation::{name}::{cell_name}");
            tests.push(GpuTest::new(name, move |gpu| {
                places.iter().try_for_each(|place| {
                    let mut others = other_parameters(activation);
                    others.extend([Activation::Sigmoid, Activation::Tanh]);
                    others.retain(|other| *other != activation);
                    let mistaken =
                        others.iter().map(|other| case(cell, *place, *other).expected().clone());
                    let mistaken: Vec<_> = mistaken.collect();
                    control(gpu, &case(cell, *place, activation), &mistaken)
                })
            }));
        }
    }
    tests
}

/// ONNX' default for a parameter, none at all, or the two swapped.
fn other_parameters(activation: Activation) -> Vec<Activation> {
    use Activation::*;
    match activation {
        LeakyRelu { .. } => vec![LeakyRelu { alpha: 0.01 }, Relu],
        ThresholdedRelu { .. } => vec![ThresholdedRelu { alpha: 1.0 }, Relu],
        Elu { .. } => vec![Elu { alpha: 1.0 }, Relu],
        ScaledTanh { alpha, beta } => {
            others(alpha, beta, [1.0, 1.0], |alpha, beta| ScaledTanh { alpha, beta })
        }
        HardSigmoid { alpha, beta } => {
            others(alpha, beta, [0.2, 0.5], |alpha, beta| HardSigmoid { alpha, beta })
        }
        Affine { alpha, beta } => {
            others(alpha, beta, [1.0, 0.0], |alpha, beta| Affine { alpha, beta })
        }
        _ => vec![],
    }
}

fn others(
    alpha: f32,
    beta: f32,
    default: [f32; 2],
    of: fn(f32, f32) -> Activation,
) -> Vec<Activation> {
    vec![of(default[0], beta), of(alpha, default[1]), of(beta, alpha)]
}

/// The cell with another activation in one place.
fn case(cell: Cell, place: Place, activation: Activation) -> Case {
    let mut activations = cell.standard_activations();
    *place(&mut activations) = activation;
    let options = CellOptions { activations: [Some(activations); 2], ..Default::default() };
    let variant = Variant { options, ..Variant::plain("", cell) };
    let shape = Shape { t: 4, h: 16, ..Default::default() };
    Case::of(1, &variant, shape).with_state(2).but(|case| case.x *= 2.0)
}
