//! Single steps against a run of the whole sequence.

use wgpu_rnn::ndarray::{Array2, Array3, ArrayD, ArrayView3, Axis, Ix2, s, stack};
use wgpu_rnn::{DeviceArray, Gpu, Lstm, LstmState, LstmStream, Options};

use crate::common::case::{Case, Shape, reference_of, verdict};
use crate::common::compare::{F32, compare};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("stream::is_a_sequence", is_a_sequence),
        GpuTest::new("stream::reset", reset),
        GpuTest::new("stream::reset_row", reset_row),
        GpuTest::new("stream::save_and_load", save_and_load),
        GpuTest::new("stream::encode_step", encode_step),
        GpuTest::new("stream::streams_are_apart", streams_are_apart),
        GpuTest::new("stream::bidirectional", bidirectional),
    ]
}

/// Odd and even numbers of steps end in different halves of the h ring.
fn is_a_sequence(gpu: &Gpu) -> Outcome {
    for (seed, (l, b, h)) in [(1, 1, 5), (2, 4, 33), (3, 5, 64), (4, 2, 3)].into_iter().enumerate()
    {
        for t in [1, 2, 7] {
            let case = Case::new(seed as u64, Shape { t, b, h, l, ..Default::default() });
            for rows in [None, Some(1), Some(2), Some(4), Some(8)] {
                let layer = case.lstm(gpu, Options { rows, ..Default::default() })?;
                let mut stream = layer.stream(b)?;
                let y = stacked(&steps(&mut stream, case.x.view())?);
                let name = |problem| format!("l {l} b {b} h {h} t {t} rows {rows:?}: {problem}");
                case.verdict(&y, &stream.save()?).map_err(name)?;
            }
        }
    }
    Ok(())
}

/// One step after the other, from the host.
fn steps(stream: &mut LstmStream, x: ArrayView3<'_, f32>) -> wgpu_rnn::Result<Vec<Array2<f32>>> {
    x.outer_iter().map(|x_t| stream.step(x_t)).collect()
}

/// `[T, B, D*H]`.
fn stacked(steps: &[Array2<f32>]) -> Array3<f32> {
    let views: Vec<_> = steps.iter().map(|step| step.view()).collect();
    stack(Axis(0), &views).expect("steps have one shape")
}

fn two_layers(seed: u64) -> Case {
    Case::new(seed, Shape { t: 5, l: 2, ..Default::default() })
}

/// A layer, a stream of it that has taken `taken` steps of another input, and the case.
fn used_stream(gpu: &Gpu, taken: usize) -> wgpu_rnn::Result<(Lstm, LstmStream, Case)> {
    let case = two_layers(1);
    let layer = case.lstm(gpu, Options::default())?;
    let mut stream = layer.stream(3)?;
    let other = two_layers(2).x;
    steps(&mut stream, other.slice(s![..taken, .., ..]))?;
    Ok((layer, stream, case))
}

fn reset(gpu: &Gpu) -> Outcome {
    for taken in [0, 1, 2] {
        let (_, mut stream, case) = used_stream(gpu, taken)?;
        stream.reset()?;
        let y = stacked(&steps(&mut stream, case.x.view())?);
        case.verdict(&y, &stream.save()?).map_err(|problem| format!("{taken} steps: {problem}"))?;
    }
    Ok(())
}

/// The row begins anew, the other rows go on.
fn reset_row(gpu: &Gpu) -> Outcome {
    for taken in [1, 2] {
        let (_, mut stream, case) = used_stream(gpu, taken)?;
        let mut begin = stream.save()?;
        stream.reset_row(1)?;
        for part in [&mut begin.h, &mut begin.c] {
            part.slice_mut(s![.., 1, ..]).fill(0.0);
        }
        assert_eq!(stream.save()?, begin, "{taken} steps");
        let y = stacked(&steps(&mut stream, case.x.view())?);
        let expected = reference_of(&case.weights, case.x.clone(), &Some(begin));
        verdict(&y, &stream.save()?, &expected)
            .map_err(|problem| format!("{taken} steps: {problem}"))?;
    }
    Ok(())
}

/// A state goes from a stream to another, and from a run of a sequence to a stream.
fn save_and_load(gpu: &Gpu) -> Outcome {
    for taken in [0, 1, 2] {
        let (layer, mut stream, case) = used_stream(gpu, taken)?;
        let begin = case.state.clone().unwrap_or(two_layers(1).with_state(7).state.unwrap());
        stream.load(&begin)?;
        assert_eq!(stream.save()?, begin, "{taken} steps");
        let expected = reference_of(&case.weights, case.x.clone(), &Some(begin));
        let y = stacked(&steps(&mut stream, case.x.view())?);
        verdict(&y, &stream.save()?, &expected)?;

        let (_, middle) = layer.forward(case.x.slice(s![..2, .., ..]), None)?;
        stream.load(&middle)?;
        let rest = stacked(&steps(&mut stream, case.x.slice(s![2.., .., ..]))?);
        let whole = case.expected().y.slice(s![2.., .., ..]).to_owned();
        compare("y", &rest.into_dyn(), &whole.into_dyn(), F32).verdict()?;
    }
    Ok(())
}

/// Steps on the caller's buffers between steps from the host: one stream, one order.
fn encode_step(gpu: &Gpu) -> Outcome {
    let case = two_layers(1);
    let layer = case.lstm(gpu, Options::default())?;
    let mut stream = layer.stream(3)?;
    let [y_here, y_there] = [gpu.zeros(&[3, 6])?, gpu.zeros(&[3, 6])?];
    let mut y = Vec::new();
    for (t, x_t) in case.x.outer_iter().enumerate() {
        if t % 3 == 1 {
            y.push(stream.step(x_t)?);
            continue;
        }
        let x_t = gpu.upload(x_t)?;
        let y_t = if t % 2 == 0 { &y_here } else { &y_there };
        encode(gpu, &mut stream, &x_t, y_t)?;
        y.push(download(y_t)?);
    }
    Ok(case.verdict(&stacked(&y), &stream.save()?)?)
}

fn encode(gpu: &Gpu, stream: &mut LstmStream, x: &DeviceArray, y: &DeviceArray) -> Outcome {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    stream.encode_step(&mut encoder, x, y)?;
    gpu.queue().submit([encoder.finish()]);
    Ok(())
}

fn download(array: &DeviceArray) -> Result<Array2<f32>, Box<dyn std::error::Error>> {
    Ok(array.download()?.into_dimensionality::<Ix2>()?)
}

/// Two streams of one layer, and runs of the layer between their steps.
fn streams_are_apart(gpu: &Gpu) -> Outcome {
    let cases = [two_layers(1), two_layers(1).with_x(two_layers(2).x)];
    let layer = cases[0].lstm(gpu, Options::default())?;
    let mut streams = [layer.stream(3)?, layer.stream(3)?];
    let mut last = [(); 2].map(|()| Array2::zeros((3, 6)));
    for t in 0..5 {
        for (n, case) in cases.iter().enumerate() {
            last[n] = streams[n].step(case.x.index_axis(Axis(0), t))?;
            cases[1 - n].check_layer(&layer)?;
        }
    }
    for (n, case) in cases.iter().enumerate() {
        let expected: ArrayD<f64> = case.expected().y.index_axis(Axis(0), 4).to_owned().into_dyn();
        compare("y", &last[n].clone().into_dyn(), &expected, F32).verdict()?;
    }
    Ok(())
}

/// A step is a sequence of length 1 for both directions: each begins from its own last state.
fn bidirectional(gpu: &Gpu) -> Outcome {
    let shape = Shape { t: 3, l: 2, bidirectional: true, ..Default::default() };
    let case = Case::new(1, shape);
    let mut stream = case.lstm(gpu, Options::default())?.stream(3)?;
    let mut state: Option<LstmState> = None;
    for x_t in case.x.outer_iter() {
        let y_t = stream.step(x_t)?.insert_axis(Axis(0));
        let expected = reference_of(&case.weights, x_t.to_owned().insert_axis(Axis(0)), &state);
        let after = stream.save()?;
        verdict(&y_t, &after, &expected)?;
        state = Some(after);
    }
    Ok(())
}
