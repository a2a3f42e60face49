//! `wgpu-rnn verify`

mod report;

use std::io::Write;
use std::path::PathBuf;

use wgpu_rnn::ndarray::{ArrayD, ShapeError};
use wgpu_rnn::reference::{self, Cotangents, Inputs, Outputs};
use wgpu_rnn::{Error, Gpu, Kind, Layer, LayerConfig, Options, Schedule, WeightFormat};

use crate::adapter::AdapterArgs;
use crate::cases::{self, Case, Fixture, Kind as CaseKind, Training};
use crate::cells::by_kind;
use crate::compare::{self, Deviation};
use crate::failure::Result;
use crate::schedules::{self, Choice};
use crate::shapes::FormatArgs;
use crate::{Verdict, gradients};
use report::{Outcome, Pass, REFERENCE, Report};

/// Run stored cases on the GPU and on the CPU reference and compare the results
#[derive(clap::Args)]
#[command(after_help = "\
Prints a line per case and schedule: ok, FAIL or unsupported, the case, the schedule (`reference` is the CPU), the
worst error max|a-b|/max(1, max|b|) of output, h_n and c_n, the tolerance, and the reason if it is not ok.
Of a model with test data (model.onnx, test_data_set_0/input_0.pb, output_0.pb: the layout of ONNX' own tests) the error
is the worst |a-b|/(0.1+|b|) of all elements: 1e-4 is 1e-5 absolute and 1e-4 relative.
Of a Keras model with tensors beside it (NAME.keras or NAME.weights.h5, NAME.safetensors) x is the input; sequence is the
output of the recurrent layer, head_output or y that of the model, any other name that of the layer.
A case with gradients has lines of their own, SCHEDULE/backward: the error is the worst of all gradients there.
With --weights f16 or int8 the tolerance is that of the format, which is for inputs around 1, and gradients are left out.
Exit status: 0 without a FAIL, 1 with one, 2 where an input or the adapter cannot be used.

Example:
  wgpu-rnn verify tests/fixtures/pytorch --schedule stepwise")]
pub struct Args {
    /// Fixture files, models with test data, or folders with any of these below
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The schedule to force; all: each one that can run the case
    #[arg(long, value_name = "NAME", default_value = "all", value_parser = schedules::choice_parser())]
    schedule: Choice,
    /// Leave gradients out
    #[arg(long)]
    forward_only: bool,
    #[command(flatten)]
    format: FormatArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let mut fixtures = cases::read_all(&args.paths)?;
    let FormatArgs { weight_format } = args.format;
    if args.forward_only || weight_format != WeightFormat::F32 {
        for fixture in &mut fixtures {
            if let CaseKind::Stack(case) = &mut fixture.case {
                case.training = None;
            }
        }
    }
    let gpu = adapter.open()?;
    let mut report = Report::new(&fixtures, args.json, out);
    for Fixture { name, case } in &fixtures {
        let case = match case {
            CaseKind::Stack(case) => case,
            CaseKind::Graph(case) => {
                let tolerance = match weight_format {
                    WeightFormat::F32 => compare::TOLERANCE_MIXED,
                    other => other.tolerance() / compare::MIXED_FLOOR,
                };
                let run = |config| case.deviation(&gpu, config);
                whole_model(run, name, tolerance, args, &mut report)?;
                continue;
            }
            CaseKind::Keras(case) => {
                let run = |config| case.deviation(&gpu, config);
                whole_model(run, name, weight_format.tolerance(), args, &mut report)?;
                continue;
            }
        };
        report.add(name, Pass::Forward, REFERENCE, on_reference(case))?;
        for schedule in args.schedule.schedules() {
            if weight_format != WeightFormat::F32 && case.has_large_inputs() {
                let reason = "what a weight format promises is for inputs around 1";
                report.add(
                    name,
                    Pass::Forward,
                    &schedule.to_string(),
                    Outcome::unsupported(reason),
                )?;
                continue;
            }
            let config = LayerConfig { weight_format, ..forced(case, schedule) };
            let run = by_kind!(case.weights.sizes().cell, forward(&gpu, case, config));
            let tolerance = weight_format.tolerance().max(case.tolerance);
            if let Some(outcome) = on_gpu(run, tolerance, args.schedule) {
                report.add(name, Pass::Forward, &schedule.to_string(), outcome)?;
            }
        }
        let Some(training) = &case.training else { continue };
        report.add(name, Pass::Backward, REFERENCE, back_on_reference(case, training))?;
        for schedule in args.schedule.schedules() {
            let options = schedules::of_training(Some(schedule));
            let config = LayerConfig { options, ..forced(case, schedule) };
            let run = by_kind!(case.weights.sizes().cell, backward(&gpu, case, training, config));
            if let Some(outcome) = on_gpu(run, gradients::TOLERANCE, args.schedule) {
                report.add(name, Pass::Backward, &schedule.to_string(), outcome)?;
            }
        }
    }
    report.finish(&gpu)
}

/// On each schedule; the CPU reference is of single stacks.
fn whole_model(
    run: impl Fn(LayerConfig) -> wgpu_rnn::Result<Deviation>,
    name: &str,
    tolerance: f64,
    args: &Args,
    report: &mut Report<'_>,
) -> Result<()> {
    let FormatArgs { weight_format } = args.format;
    for schedule in args.schedule.schedules() {
        let options = Options { schedule: Some(schedule), ..Default::default() };
        let config = LayerConfig { options, weight_format, ..Default::default() };
        if let Some(outcome) = on_gpu(run(config), tolerance, args.schedule) {
            report.add(name, Pass::Forward, &schedule.to_string(), outcome)?;
        }
    }
    Ok(())
}

fn on_reference(case: &Case) -> Outcome {
    let layout = case.layout;
    match inputs(case) {
        Ok(inputs) => {
            let Outputs { y, h_n, c_n } = reference::forward(&case.weights, &inputs);
            let (h_n, c_n) = (layout.of_state(h_n), Some(layout.of_state(c_n)));
            Outcome::of(&deviation(case, layout.of_sequence(y), h_n, c_n), case.tolerance)
        }
        Err(error) => Outcome::failed(error),
    }
}

fn back_on_reference(case: &Case, training: &Training) -> Outcome {
    let layout = case.layout;
    let run = || {
        let cotangents = Cotangents {
            d_y: layout.sequence(&training.d_y)?,
            d_h_n: Some(layout.state(&training.d_h_n)?),
            d_c_n: training.d_c_n.as_ref().map(|d_c_n| layout.state(d_c_n)).transpose()?,
        };
        Ok::<_, ShapeError>(reference::backward(&case.weights, &inputs(case)?, &cotangents))
    };
    match run() {
        Ok(given) => {
            let has_c = case.weights.sizes().cell.has_c();
            let given = gradients::of_reference(given, layout, has_c);
            let deviation = gradients::deviation(&given, &training.gradients);
            Outcome::of(&deviation, gradients::TOLERANCE)
        }
        Err(error) => Outcome::failed(error),
    }
}

/// As the reference takes them.
fn inputs(case: &Case) -> Result<Inputs<'_>, ShapeError> {
    let layout = case.layout;
    Ok(Inputs {
        x: layout.sequence(&case.input)?,
        h0: case.h0.as_ref().map(|h0| layout.state(h0)).transpose()?,
        c0: case.c0.as_ref().map(|c0| layout.state(c0)).transpose()?,
        lengths: case.lengths.as_deref(),
    })
}

/// Of outputs and states, laid out as in the file.
fn deviation(case: &Case, y: ArrayD<f64>, h_n: ArrayD<f64>, c_n: Option<ArrayD<f64>>) -> Deviation {
    let c_n = case.c_n.as_ref().map(|expected| match &c_n {
        Some(c_n) => Deviation::of("c_n", c_n, expected),
        None => Deviation::of("c_n", &ArrayD::zeros(vec![0]), expected),
    });
    let y = Deviation::of("output", &y, &case.output);
    let h_n = Deviation::of("h_n", &h_n, &case.h_n);
    Deviation::worst([y, h_n].into_iter().chain(c_n))
}

fn forced(case: &Case, schedule: Schedule) -> LayerConfig {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let batch_first = case.layout.batch_first;
    LayerConfig { batch_first, options, backward: options, ..Default::default() }
}

/// None where a schedule that nobody asked for by name cannot run the case.
fn on_gpu(run: wgpu_rnn::Result<Deviation>, tolerance: f64, choice: Choice) -> Option<Outcome> {
    Some(match run {
        Ok(deviation) => Outcome::of(&deviation, tolerance),
        Err(Error::Schedule { .. }) if choice == Choice::All => return None,
        Err(Error::Schedule { reason, .. }) => Outcome::unsupported(reason),
        Err(error @ (Error::Limit { .. } | Error::Unsupported { .. })) => {
            Outcome::unsupported(error)
        }
        Err(error) => Outcome::failed(error),
    })
}

fn forward<K: Kind>(gpu: &Gpu, case: &Case, config: LayerConfig) -> wgpu_rnn::Result<Deviation> {
    let layer = Layer::<K>::new(gpu, &case.weights, config)?;
    let (x, state) = (case.input.view(), initial::<K>(case)?);
    let (y, state) = match &case.lengths {
        Some(lengths) => layer.forward_lengths(x, lengths, state.as_ref())?,
        None => layer.forward(x, state.as_ref())?,
    };
    let (h_n, c_n) = K::parts(&state);
    let wide = |array: &ArrayD<f32>| array.mapv(f64::from);
    Ok(deviation(case, wide(&y), wide(h_n), c_n.map(wide)))
}

fn backward<K: Kind>(
    gpu: &Gpu,
    case: &Case,
    training: &Training,
    config: LayerConfig,
) -> wgpu_rnn::Result<Deviation> {
    let layer = Layer::<K>::new(gpu, &case.weights, config)?;
    let state = initial::<K>(case)?;
    let lengths = case.lengths.as_deref();
    let (_, _, tape) = layer.forward_tape(case.input.view(), lengths, state.as_ref())?;
    let d_state = K::state(training.d_h_n.clone(), training.d_c_n.clone())?;
    let given = tape.backward(training.d_y.view(), Some(&d_state))?;
    Ok(gradients::deviation(&gradients::of_layer(given), &training.gradients))
}

fn initial<K: Kind>(case: &Case) -> wgpu_rnn::Result<Option<K::State>> {
    case.h0.clone().map(|h0| K::state(h0, case.c0.clone())).transpose()
}
