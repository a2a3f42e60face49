//! The loop that gradients are for: a layer learns what another one does.

use wgpu_rnn::ndarray::{Array2, Zip};
use wgpu_rnn::{Gpu, LayerConfig, LayerWeights, Lstm, Weights};

use crate::common::Random;
use crate::common::case::{Case, Shape};
use crate::common::trials::{GpuTest, Outcome};
use crate::errors::expect;

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("backward::learning", learning),
        GpuTest::new("backward::set_weights", set_weights),
    ]
}

const SHAPE: Shape = Shape { t: 12, b: 4, i: 3, h: 6, l: 1, bidirectional: false };

/// One step of gradient descent.
fn descended(weights: &Weights, gradients: &Weights, rate: f32) -> wgpu_rnn::Result<Weights> {
    let mut layer = weights.layer(0, 0).cloned().unwrap();
    let by = gradients.layer(0, 0).unwrap();
    layer.w_ih.scaled_add(-rate, &by.w_ih);
    layer.w_hh.scaled_add(-rate, &by.w_hh);
    for (bias, by) in [(&mut layer.b_ih, &by.b_ih), (&mut layer.b_hh, &by.b_hh)] {
        Zip::from(bias.as_mut().unwrap()).and(by.as_ref().unwrap()).for_each(|b, d| *b -= rate * d);
    }
    Weights::new(weights.sizes().cell, vec![vec![layer]])
}

fn learning(gpu: &Gpu) -> Outcome {
    let (teacher, mut weights) = (Case::new(1, SHAPE), Case::new(2, SHAPE).weights);
    let target = teacher.expected().y.mapv(|value| value as f32);
    let lstm = Lstm::new(gpu, &weights, LayerConfig::default())?;
    let mut losses = Vec::new();
    for _ in 0..40 {
        let (y, _, tape) = lstm.forward_tape(teacher.x.view(), None, None)?;
        let d_y = y - &target;
        losses.push(d_y.mapv(|d| d * d).sum() / 2.0);
        let gradients = tape.backward(d_y.view(), None)?;
        weights = descended(&weights, &gradients.d_weights, 0.1)?;
        lstm.set_weights(&weights)?;
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.2 * first, "the loss went from {first} to {last}");
    Ok(())
}

fn set_weights(gpu: &Gpu) -> Outcome {
    let (before, after) = (Case::new(1, SHAPE), Case::new(2, SHAPE));
    let lstm = Lstm::new(gpu, &before.weights, LayerConfig::default())?;
    before.check_layer(&lstm)?;
    let (y, _, tape) = lstm.forward_tape(before.x.view(), None, None)?;
    tape.backward(y.view(), None)?;
    lstm.clone().set_weights(&after.weights)?;
    // The gates would be made again with other weights than those of the run.
    expect(tape.backward(y.view(), None), &["`reserve`", "set_weights"]);
    after.check_layer(&lstm)?;

    let refused = |weights: &Weights, words: &[&str]| {
        expect(lstm.set_weights(weights), words);
    };
    let other = Case::new(1, Shape { h: 7, ..SHAPE }).weights;
    refused(&other, &["`weights`", "hidden_size: 6", "hidden_size: 7"]);
    let mut random = Random::new(3);
    let mut matrix = |shape| -> Array2<f32> { random.array2(shape) };
    let unbiased = LayerWeights::new(matrix((24, 3)), matrix((24, 6)));
    let unbiased = Weights::new(other.sizes().cell, vec![vec![unbiased]])?;
    refused(&unbiased, &["`weights`", "bias_ih_l0"]);
    let clipped = wgpu_rnn::CellOptions { cell_clip: Some(1.0), ..Default::default() };
    refused(&before.weights.clone().with_options(clipped)?, &["`weights`", "cell_clip"]);
    after.check_layer(&lstm)?;
    Ok(())
}
