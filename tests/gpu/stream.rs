//! Single steps against a run of the whole sequence, for every cell.

use wgpu_rnn::ndarray::{Array2, Array3, ArrayD, ArrayView3, Axis, Ix2, s, stack};
use wgpu_rnn::{
    Cell, DeviceArray, Error, Gpu, GruKind, Kind, Layer, LstmKind, LstmState, Options, RnnKind,
    Schedule, Stream,
};

use crate::common::case::{Case, Shape, both_of, state_of};
use crate::common::compare::compare;
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

type Test = fn(&Gpu, &Variant) -> Outcome;

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for variant in variants() {
        let of_kind = match variant.cell {
            Cell::Lstm => tests_of::<LstmKind>(),
            Cell::Gru { .. } => tests_of::<GruKind>(),
            _ => tests_of::<RnnKind>(),
        };
        tests.extend(of_kind.into_iter().map(|(name, test)| {
            let name = format!("stream::{name}::{}", variant.name);
            GpuTest::new(name, move |gpu| test(gpu, &variant))
        }));
    }
    tests
}

fn tests_of<K: Kind>() -> [(&'static str, Test); 8] {
    [
        ("is_a_sequence", is_a_sequence::<K>),
        ("schedules", schedules::<K>),
        ("reset", reset::<K>),
        ("reset_row", reset_row::<K>),
        ("save_and_load", save_and_load::<K>),
        ("encode_step", encode_step::<K>),
        ("streams_are_apart", streams_are_apart::<K>),
        ("bidirectional", bidirectional::<K>),
    ]
}

/// Odd and even numbers of steps end in different halves of the h ring.
fn is_a_sequence<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    for (l, b, h) in [(1, 1, 5), (1, 3, 33), (2, 1, 64), (2, 3, 4), (2, 9, 33), (4, 2, 5)] {
        for t in [1, 2, 7] {
            let case = Case::of(h as u64, variant, Shape { t, b, h, l, ..Default::default() });
            for rows in [None, Some(1), Some(2), Some(4), Some(8)] {
                let options = Options { rows, ..Default::default() };
                all_steps::<K>(gpu, &case, options)?.map_err(|problem| {
                    format!("l {l} b {b} h {h} t {t} rows {rows:?}: {problem}")
                })?;
            }
        }
    }
    Ok(())
}

/// A step by the kernels of whole sequences.
fn schedules<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    let has_wavefront = !variant.is_projected && variant.cell != Cell::Gru { reset_after: false };
    for t in [4, 5] {
        let case = Case::of(1, variant, Shape { t, l: 2, ..Default::default() });
        for schedule in Schedule::ALL {
            let options = Options { schedule: Some(schedule), ..Default::default() };
            match all_steps::<K>(gpu, &case, options) {
                Err(Error::Schedule { .. })
                    if schedule == Schedule::Wavefront && !has_wavefront => {}
                result => result?.map_err(|problem| format!("{schedule} t {t}: {problem}"))?,
            }
        }
    }
    Ok(())
}

/// The case in single steps by a new stream, against the reference of the whole.
fn all_steps<K: Kind>(
    gpu: &Gpu,
    case: &Case,
    options: Options,
) -> wgpu_rnn::Result<Result<(), String>> {
    let mut stream = case.layer::<K>(gpu, options)?.stream(case.x.dim().1)?;
    let y = steps(&mut stream, case.x.view())?;
    Ok(case.verdict(&y, &saved(&stream)?))
}

/// One step after the other, from the host: `[T, B, D*R]`.
fn steps<K: Kind>(stream: &mut Stream<K>, x: ArrayView3<'_, f32>) -> wgpu_rnn::Result<Array3<f32>> {
    let steps = x.outer_iter().map(|x_t| stream.step(x_t)).collect::<Result<Vec<_>, _>>()?;
    Ok(stacked(&steps))
}

fn stacked(steps: &[Array2<f32>]) -> Array3<f32> {
    let views: Vec<_> = steps.iter().map(|step| step.view()).collect();
    stack(Axis(0), &views).expect("steps have one shape")
}

fn saved<K: Kind>(stream: &Stream<K>) -> wgpu_rnn::Result<LstmState> {
    Ok(both_of::<K>(&stream.save()?))
}

/// T 5, B 3, I 4, H 6.
fn two_layers(seed: u64, variant: &Variant) -> Case {
    Case::of(seed, variant, Shape { t: 5, l: 2, ..Default::default() })
}

/// A layer, a stream of it that has taken `taken` steps of another input, and the case.
fn used_stream<K: Kind>(
    gpu: &Gpu,
    variant: &Variant,
    taken: usize,
) -> wgpu_rnn::Result<(Layer<K>, Stream<K>, Case)> {
    let case = two_layers(1, variant);
    let layer = case.layer(gpu, Options::default())?;
    let mut stream = layer.stream(3)?;
    for x_t in two_layers(2, variant).x.outer_iter().take(taken) {
        stream.step(x_t)?;
    }
    Ok((layer, stream, case))
}

fn reset<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    for taken in [0, 1, 2] {
        let (_, mut stream, case) = used_stream::<K>(gpu, variant, taken)?;
        stream.reset()?;
        let y = steps(&mut stream, case.x.view())?;
        let verdict = case.verdict(&y, &saved(&stream)?);
        verdict.map_err(|problem| format!("{taken} steps: {problem}"))?;
    }
    Ok(())
}

/// The row begins anew, the other rows go on.
fn reset_row<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    for taken in [1, 2] {
        let (_, mut stream, case) = used_stream::<K>(gpu, variant, taken)?;
        let mut begin = saved(&stream)?;
        stream.reset_row(1)?;
        for part in [&mut begin.h, &mut begin.c] {
            part.slice_mut(s![.., 1, ..]).fill(0.0);
        }
        assert_eq!(saved(&stream)?, begin, "{taken} steps");
        let y = steps(&mut stream, case.x.view())?;
        let verdict = case.but(|case| case.state = Some(begin)).verdict(&y, &saved(&stream)?);
        verdict.map_err(|problem| format!("{taken} steps: {problem}"))?;
    }
    Ok(())
}

/// A state goes from a stream to another, and from a run of a sequence to a stream.
fn save_and_load<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    for taken in [0, 1, 2] {
        let (layer, mut stream, case) = used_stream::<K>(gpu, variant, taken)?;
        let from_state = case.clone().with_state(7);
        let begin = from_state.state.clone().ok_or("with_state gives one")?;
        stream.load(&state_of::<K>(&begin)?)?;
        assert_eq!(saved(&stream)?, begin, "{taken} steps");
        let first = steps(&mut stream, from_state.x.slice(s![..3, .., ..]))?;
        let mut other = layer.stream(3)?;
        other.load(&stream.save()?)?;
        let rest = steps(&mut other, from_state.x.slice(s![3.., .., ..]))?;
        let y: Vec<_> = first.outer_iter().chain(rest.outer_iter()).collect();
        from_state.verdict(&stack(Axis(0), &y)?, &saved(&other)?)?;

        let (_, middle) = layer.forward(case.x.slice(s![..2, .., ..]), None)?;
        stream.load(&middle)?;
        let rest = steps(&mut stream, case.x.slice(s![2.., .., ..]))?;
        let whole = case.expected().y.slice(s![2.., .., ..]).to_owned();
        compare("y", &rest.into_dyn(), &whole.into_dyn(), case.allowed()).verdict()?;
    }
    Ok(())
}

/// Steps on the caller's buffers between steps from the host: one stream, one order.
fn encode_step<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    let case = two_layers(1, variant);
    let mut stream = case.layer::<K>(gpu, Options::default())?.stream(3)?;
    let y_shape = [3, case.weights.sizes().output_size()];
    let [y_here, y_there] = [gpu.zeros(&y_shape)?, gpu.zeros(&y_shape)?];
    let mut y = Vec::new();
    for (t, x_t) in case.x.outer_iter().enumerate() {
        if t % 3 == 1 {
            y.push(stream.step(x_t)?);
            continue;
        }
        let x_t = gpu.upload(x_t)?;
        let y_t = if t % 2 == 0 { &y_here } else { &y_there };
        encode(gpu, &mut stream, &x_t, y_t)?;
        y.push(y_t.download()?.into_dimensionality::<Ix2>()?);
    }
    Ok(case.verdict(&stacked(&y), &saved(&stream)?)?)
}

fn encode<K: Kind>(gpu: &Gpu, stream: &mut Stream<K>, x: &DeviceArray, y: &DeviceArray) -> Outcome {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    stream.encode_step(&mut encoder, x, y)?;
    gpu.queue().submit([encoder.finish()]);
    Ok(())
}

/// Two streams of one layer, and runs of the layer between their steps.
fn streams_are_apart<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    let one = two_layers(1, variant);
    let cases = [one.clone(), one.with_x(two_layers(2, variant).x)];
    let layer = cases[0].layer::<K>(gpu, Options::default())?;
    let mut streams = [layer.stream(3)?, layer.stream(3)?];
    let mut last = [(); 2].map(|()| ArrayD::zeros(vec![]));
    for t in 0..5 {
        for (n, case) in cases.iter().enumerate() {
            last[n] = streams[n].step(case.x.index_axis(Axis(0), t))?.into_dyn();
            cases[1 - n].check_layer(&layer)?;
        }
    }
    for (last, case) in last.iter().zip(&cases) {
        let expected = case.expected().y.index_axis(Axis(0), 4).to_owned().into_dyn();
        compare("y", last, &expected, case.allowed()).verdict()?;
    }
    Ok(())
}

/// A step is a sequence of length 1 for both directions: each begins from its own last state.
fn bidirectional<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    let shape = Shape { t: 3, l: 2, bidirectional: true, ..Default::default() };
    let case = Case::of(1, variant, shape);
    let mut stream = case.layer::<K>(gpu, Options::default())?.stream(3)?;
    let mut state: Option<LstmState> = None;
    for x_t in case.x.axis_chunks_iter(Axis(0), 1) {
        let y_t = steps(&mut stream, x_t)?;
        let after = saved(&stream)?;
        let step = case.but(|case| (case.x, case.state) = (x_t.to_owned(), state));
        step.verdict(&y_t, &after)?;
        state = Some(after);
    }
    Ok(())
}
