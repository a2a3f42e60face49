//! What does not depend on what: batch rows on each other, a result on how often it is computed.

use wgpu_rnn::ndarray::{Axis, arr2, s};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, Gpu, LayerSizes, Options, Rnn, Schedule,
};

use crate::common::Random;
use crate::common::case::{Case, Shape, same_bits};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        tests
            .push(GpuTest::new(format!("rows::{schedule}"), move |gpu| independent(gpu, schedule)));
        let name = format!("reruns::{schedule}");
        tests.push(GpuTest::new(name, move |gpu| reproducible(gpu, schedule)));
    }
    tests.push(GpuTest::new("rows::no_activation_heals", no_activation_heals));
    tests
}

fn shape_for(schedule: Schedule) -> Shape {
    let l = if schedule == Schedule::Wavefront { 2 } else { 1 };
    let bidirectional = schedule != Schedule::Wavefront;
    Shape { t: 5, b: 9, i: 6, h: 33, l, bidirectional }
}

/// A row that is not a number, or infinite, changes nothing in the others, and does not heal.
fn independent(gpu: &Gpu, schedule: Schedule) -> Outcome {
    for rows in [1, 2, 4, 8] {
        let options = Options {
            schedule: Some(schedule),
            rows: Some(rows),
            chunk: Some(2),
            ..Default::default()
        };
        let case = Case::new(rows.into(), shape_for(schedule));
        let layer = case.lstm(gpu, options)?;
        let (y, _) = case.forward(&layer)?;
        for bad_row in [0, 4, 8] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = case.x.clone();
                x.slice_mut(s![2, bad_row, 1]).fill(value);
                let bad = Case::new(rows.into(), shape_for(schedule)).with_x(x);
                let (bad_y, state) = bad.forward(&layer)?;
                for row in 0..9 {
                    let name = format!("{rows} rows: {value} in row {bad_row}: row {row}");
                    if row == bad_row {
                        assert!(!same_bits(&y, &bad_y, row), "{name} took no notice");
                    } else {
                        assert!(same_bits(&y, &bad_y, row), "{name} changed");
                    }
                }
                let bad_final = state.h.slice(s![.., bad_row, ..]);
                let is_spoilt = bad_final.iter().all(|h| h.is_nan());
                assert_eq!(
                    is_spoilt,
                    value.is_nan(),
                    "{rows} rows: {value} at the end: {bad_final}"
                );
            }
        }
    }
    Ok(())
}

/// A NaN in x is one in y, whatever the activation: some drivers' min and max drop it.
fn no_activation_heals(gpu: &Gpu) -> Outcome {
    let (alpha, beta) = (0.5, 0.25);
    let activations = [
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu { alpha },
        Activation::ThresholdedRelu { alpha },
        Activation::ScaledTanh { alpha, beta },
        Activation::HardSigmoid { alpha, beta },
        Activation::Elu { alpha },
        Activation::Softsign,
        Activation::Softplus,
        Activation::Affine { alpha, beta },
    ];
    let weights = Random::new(5).weights_of(LayerSizes::new(Cell::Rnn, 4, 6));
    let mut x = Random::new(6).array3([3, 2, 4]);
    x[[1, 0, 2]] = f32::NAN;
    // A clip makes also tanh and relu a choice of the parameters.
    for (activation, is_clipped) in activations.into_iter().flat_map(|a| [(a, false), (a, true)]) {
        let f = Activations { f: activation, ..Cell::Rnn.standard_activations() };
        let mut options = CellOptions { activations: [Some(f); 2], ..Default::default() };
        options.preact_clip = is_clipped.then_some(1e30);
        let layer = Rnn::new(gpu, &weights.clone().with_options(options)?, Default::default())?;
        let (y, _) = layer.forward(x.view(), None)?;
        let nans = y.map_axis(Axis(2), |y| y.iter().filter(|y| y.is_nan()).count());
        assert_eq!(nans, arr2(&[[0, 0], [6, 0], [6, 0]]), "{activation:?}");
    }
    Ok(())
}

/// Bit for bit the same from the same layer, from another one, and after other shapes have run.
fn reproducible(gpu: &Gpu, schedule: Schedule) -> Outcome {
    let options = Options { schedule: Some(schedule), rows: Some(4), ..Default::default() };
    let case = Case::new(3, shape_for(schedule)).with_state(3);
    let layer = case.lstm(gpu, options)?;
    let (y, state) = case.forward(&layer)?;
    let bits = |values: &mut dyn Iterator<Item = &f32>| -> Vec<u32> {
        values.map(|value| value.to_bits()).collect()
    };
    let shorter = Case::new(4, Shape { t: 3, b: 2, ..shape_for(schedule) });
    for rerun in 0..4 {
        let layer = if rerun == 2 { case.lstm(gpu, options)? } else { layer.clone() };
        let (again, state_again) = case.forward(&layer)?;
        assert_eq!(bits(&mut y.iter()), bits(&mut again.iter()), "y, rerun {rerun}");
        assert_eq!(
            bits(&mut state.h.iter()),
            bits(&mut state_again.h.iter()),
            "h_n, rerun {rerun}"
        );
        assert_eq!(
            bits(&mut state.c.iter()),
            bits(&mut state_again.c.iter()),
            "c_n, rerun {rerun}"
        );
        shorter.forward(&layer)?;
    }
    Ok(())
}
