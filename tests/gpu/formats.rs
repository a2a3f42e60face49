//! Weights in narrower formats: right for the rounded weights, and not far from the unrounded.

use wgpu_rnn::ndarray::Array3;
use wgpu_rnn::{
    Cell, Error, Gpu, LayerConfig, Lstm, LstmKind, Options, Schedule, WeightFormat, Weights,
    reference,
};

use crate::common::case::{Case, Shape, edited};
use crate::common::compare::compare;
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

const NARROW: [WeightFormat; 2] = [WeightFormat::F16, WeightFormat::Int8];

pub fn tests() -> Vec<GpuTest> {
    let mut tests = vec![
        GpuTest::new("formats::accuracy", accuracy),
        GpuTest::new("formats::set_weights", set_weights),
        GpuTest::new("formats::training_is_refused", training_is_refused),
        GpuTest::new("formats::what_a_format_cannot_hold", what_a_format_cannot_hold),
    ];
    for format in NARROW {
        for variant in variants() {
            let name = format!("formats::{format}::{}", variant.name);
            tests.push(GpuTest::new(name, move |gpu| every_schedule(gpu, format, &variant)));
        }
    }
    tests
}

/// Streamed steps, sequences, stacks and both directions: the sizes let each place in a packed u32 be the last. All but the
/// last size share kernels, since compiling takes longer than running.
fn every_schedule(gpu: &Gpu, format: WeightFormat, variant: &Variant) -> Outcome {
    for (n, h) in [5, 6, 7, 8, 33].into_iter().enumerate() {
        for t in [1, 4] {
            for schedule in Schedule::ALL {
                let l = if schedule == Schedule::Wavefront { 3 } else { 1 + n % 2 };
                let bidirectional = schedule != Schedule::Wavefront && n % 3 == 0;
                let shape = Shape { t, b: 3, i: n + 1, h, l, bidirectional };
                let case = Case::of(n as u64, variant, shape).with_state(7);
                let case = case.but(|case| case.weight_format = format);
                let options = Options { schedule: Some(schedule), ..Default::default() };
                match case.run(gpu, options) {
                    Err(Error::Schedule { schedule: Schedule::Wavefront, .. }) => {}
                    Err(error) => return Err(error.into()),
                    Ok((y, state)) => case
                        .verdict(&y, &state)
                        .map_err(|problem| format!("{schedule} {shape:?}: {problem}"))?,
                }
            }
        }
    }
    Ok(())
}

/// A stack over a thousand steps stays within the stated bound of what the unrounded weights make of it, and is nearer to
/// what the rounded do: the format was not ignored.
fn accuracy(gpu: &Gpu) -> Outcome {
    let cells = [Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Rnn];
    for format in NARROW {
        for (seed, h, t) in [(1, 64, 1000), (2, 33, 300), (3, 128, 50)] {
            for cell in cells {
                let shape = Shape { t, b: 2, i: 16, h, l: 2, ..Default::default() };
                let case = Case::of(seed, &Variant::plain("", cell), shape);
                let rounded = case.but(|case| case.weight_format = format);
                let (y, state) = rounded.run(gpu, Options::default())?;
                rounded.verdict(&y, &state)?;
                let y = y.into_dyn();
                let exact = case.expected().y.clone().into_dyn();
                let name = format!("{cell} {format} h {h} y");
                compare(&name, &y, &exact, format.tolerance()).verdict()?;
                if compare(&name, &y, &exact, case.allowed()).verdict().is_ok() {
                    return Err(format!("{name}: as exact as f32").into());
                }
            }
        }
    }
    Ok(())
}

fn set_weights(gpu: &Gpu) -> Outcome {
    for format in WeightFormat::ALL {
        let shape = Shape { t: 3, b: 2, i: 5, h: 9, ..Default::default() };
        let case = Case::new(1, shape).but(|case| case.weight_format = format);
        let layer = case.layer::<LstmKind>(gpu, Options::default())?;
        case.check_layer(&layer)?;
        let other = Case::new(2, shape).but(|case| case.weight_format = format);
        layer.set_weights(&other.weights)?;
        other.check_layer(&layer)?;
    }
    Ok(())
}

fn training_is_refused(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape { t: 3, b: 2, i: 5, h: 9, ..Default::default() });
    for weight_format in NARROW {
        let config = LayerConfig { weight_format, ..Default::default() };
        let layer = Lstm::new(gpu, &case.weights, config)?;
        let refused = [
            layer.forward_tape(case.x.view(), None, None).map(drop),
            layer.reserve(3, 2).map(drop),
            layer.plan_training(3, 2).map(drop),
            layer.plan_backward(3, 2).map(drop),
        ];
        for (n, result) in refused.into_iter().enumerate() {
            match result {
                Err(Error::Unsupported { what, .. }) => {
                    assert!(what.contains(&weight_format.to_string()), "{n}: {what}");
                }
                other => return Err(format!("{weight_format} {n}: {other:?}").into()),
            }
        }
    }
    Ok(())
}

fn what_a_format_cannot_hold(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape { t: 3, b: 2, i: 5, h: 9, ..Default::default() });
    let spoilt = |value: f32| edited(&case.weights, |layer| layer.w_hh[[20, 3]] = value);
    let refusal = |weight_format, weights: &Weights| {
        let config = LayerConfig { weight_format, ..Default::default() };
        let refused = |result: wgpu_rnn::Result<()>| match result {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, "weight_hh_l0"),
            other => panic!("{weight_format}: {other:?}"),
        };
        refused(Lstm::new(gpu, weights, config).map(drop));
        let layer = Lstm::new(gpu, &case.weights, config).unwrap();
        refused(layer.set_weights(weights));
        let x: Array3<f32> = case.x.clone();
        let rounded = case.weights.rounded(weight_format).unwrap();
        let inputs = reference::Inputs { x: x.view(), h0: None, c0: None, lengths: None };
        let expected = reference::forward(&rounded, &inputs);
        let (y, _) = layer.forward(x.view(), None).unwrap();
        compare("y", &y.into_dyn(), &expected.y.into_dyn(), case.allowed()).verdict()
    };
    refusal(WeightFormat::F16, &spoilt(65_520.0))?;
    refusal(WeightFormat::Int8, &spoilt(f32::NAN))?;
    Ok(())
}
