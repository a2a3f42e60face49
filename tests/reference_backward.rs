//! The gradients of the CPU reference against PyTorch and against finite differences.

mod common;

use common::fixture::{self, Fixture};
use common::gradients::{self, Named, named};
use wgpu_rnn::Weights;
use wgpu_rnn::reference::{self, Cotangents, Inputs};

/// Both compute in f64; PyTorch's results were rounded to f32 once, by at most 2^-24 = 6e-8 of an element. The rest is
/// the order of summation.
const PYTORCH: f64 = 1e-7;

fn gradients_of(fixture: &Fixture, weights: &Weights) -> Named {
    let (x, lengths) = (fixture.input_tbi(), fixture.lengths());
    let (h0, c0) = (fixture.state3("h0"), fixture.state3("c0"));
    let (d_y, d_h_n, d_c_n) = fixture.cotangents();
    let inputs = Inputs {
        x: x.view(),
        h0: h0.as_ref().map(|state| state.view()),
        c0: c0.as_ref().map(|state| state.view()),
        lengths: lengths.as_deref(),
    };
    let cotangents = Cotangents {
        d_y: d_y.view(),
        d_h_n: Some(d_h_n.view()),
        d_c_n: d_c_n.as_ref().map(|d_c_n| d_c_n.view()),
    };
    let gradients = reference::backward(weights, &inputs, &cotangents);
    named(gradients, fixture.cell().has_c())
}

#[test]
fn the_gradients_are_pytorchs() {
    let all = fixture::all();
    let with_gradients: Vec<_> = all.iter().filter(|fixture| fixture.flag("has_grad")).collect();
    assert!(with_gradients.len() >= 100, "only {}", with_gradients.len());
    let problem = |fixture: &&Fixture| {
        let given = gradients_of(fixture, &fixture.weights());
        let verdict = gradients::verdict(&given, &fixture.gradients(), PYTORCH);
        Some(format!("{}: {}", fixture.name, verdict.err()?))
    };
    let failures: Vec<String> = with_gradients.iter().filter_map(problem).collect();
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
