//! Runs recorded into the caller's encoder, on the caller's buffers.

use wgpu_rnn::ndarray::{Array3, ArrayD, Axis, Ix3, concatenate, s};
use wgpu_rnn::{DeviceArray, Gpu, LayerIo, Lstm, LstmState, Options, Schedule, wgpu};

use crate::common::case::{Case, Shape};
use crate::common::trials::{GpuTest, Outcome, callers_own};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("encode::callers_buffers", callers_buffers),
        GpuTest::new("encode::callers_device", callers_device),
        GpuTest::new("encode::two_in_one_encoder", two_in_one_encoder),
        GpuTest::new("encode::submitted_in_other_order", submitted_in_other_order),
        GpuTest::new("encode::states_in_place", states_in_place),
        GpuTest::new("encode::forward_between", forward_between),
    ]
}

/// The arrays of one encoded run.
struct Arrays {
    x: DeviceArray,
    y: DeviceArray,
    initial: Option<[DeviceArray; 2]>,
    last: [DeviceArray; 2],
}

impl Arrays {
    fn new(gpu: &Gpu, case: &Case) -> wgpu_rnn::Result<Self> {
        let x = case.laid_out();
        let sizes = case.weights.sizes();
        let states = [sizes.num_states(), case.x.dim().1, sizes.hidden_size];
        let initial = match &case.state {
            Some(state) => Some([gpu.upload(state.h.view())?, gpu.upload(state.c.view())?]),
            None => None,
        };
        Ok(Arrays {
            x: gpu.upload(x.view())?,
            y: gpu.zeros(&[x.dim().0, x.dim().1, sizes.output_size()])?,
            initial,
            last: [gpu.zeros(&states)?, gpu.zeros(&states)?],
        })
    }

    fn io(&self) -> LayerIo<'_> {
        let mut io = LayerIo::new(&self.x, &self.y);
        (io.h0, io.c0) = self.initial.as_ref().map(|[h, c]| (h, c)).unzip();
        (io.h_n, io.c_n) = (Some(&self.last[0]), Some(&self.last[1]));
        io
    }

    fn check(&self, case: &Case) -> Outcome {
        let mut y = self.y.download()?.into_dimensionality::<Ix3>()?;
        if case.batch_first {
            y.swap_axes(0, 1);
        }
        let [h, c] = &self.last;
        Ok(case.verdict(&y, &LstmState { h: h.download()?, c: c.download()? })?)
    }
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

fn options(schedule: Schedule) -> Options {
    Options { schedule: Some(schedule), chunk: Some(3), ..Default::default() }
}

/// A case that the schedule can run, its time steps more than a chunk.
fn case_for(schedule: Schedule, seed: u64) -> Case {
    let bidirectional = schedule != Schedule::Wavefront;
    Case::new(seed, Shape { l: 2, bidirectional, ..Default::default() })
}

/// Arrays in buffers that are longer than they need be: what lies behind stays as it was.
fn callers_buffers(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        for batch_first in [false, true] {
            let case = case_for(schedule, 1).with_state(2).with_batch_first(batch_first);
            let layer = case.lstm(gpu, options(schedule))?;
            let mut arrays = Arrays::new(gpu, &case)?;
            let longer = |array: &DeviceArray| longer(gpu, array);
            arrays.x = longer(&arrays.x)?;
            arrays.y = longer(&arrays.y)?;
            arrays.initial = match &arrays.initial {
                Some([h, c]) => Some([longer(h)?, longer(c)?]),
                None => None,
            };
            arrays.last = [longer(&arrays.last[0])?, longer(&arrays.last[1])?];
            let mut encoder = encoder(gpu);
            layer.encode(&mut encoder, &arrays.io())?;
            gpu.queue().submit([encoder.finish()]);
            arrays.check(&case).map_err(|problem| format!("{schedule}: {problem}"))?;
            for array in [&arrays.y, &arrays.last[0], &arrays.last[1]] {
                let len = array.shape().iter().product::<usize>() + EXCESS;
                let whole = DeviceArray::<f32>::from_buffer(gpu, array.buffer().clone(), &[len])?;
                let excess =
                    whole.download()?.iter().skip(len - EXCESS).copied().collect::<Vec<_>>();
                assert_eq!(excess, [MARK; EXCESS], "{schedule}: behind the array");
            }
        }
    }
    Ok(())
}

const EXCESS: usize = 37;
const MARK: f32 = 1234.5;

/// The array in a buffer of the caller's with marked words behind it.
fn longer(gpu: &Gpu, array: &DeviceArray) -> Result<DeviceArray, Box<dyn std::error::Error>> {
    let mut values: Vec<f32> = array.download()?.into_iter().collect();
    values.extend([MARK; EXCESS]);
    let len = values.len();
    let marked = gpu.upload(ArrayD::from_shape_vec(vec![len], values)?.view())?;
    Ok(DeviceArray::from_buffer(gpu, marked.buffer().clone(), array.shape())?)
}

/// A device that the application opened, with the default limits.
fn callers_device(gpu: &Gpu) -> Outcome {
    let gpu = &callers_own(gpu);
    for schedule in Schedule::ALL {
        let case = case_for(schedule, 1).with_state(2);
        let layer = case.lstm(gpu, options(schedule))?;
        case.check_layer(&layer)?;
        let arrays = Arrays::new(gpu, &case)?;
        let mut encoder = encoder(gpu);
        layer.encode(&mut encoder, &arrays.io())?;
        gpu.queue().submit([encoder.finish()]);
        arrays.check(&case)?;
    }
    Ok(())
}

/// A layer, and two runs of one shape with different inputs and states.
struct Pair {
    layer: Lstm,
    cases: [Case; 2],
    arrays: [Arrays; 2],
}

impl Pair {
    fn new(gpu: &Gpu, schedule: Schedule) -> wgpu_rnn::Result<Self> {
        let first = case_for(schedule, 1).with_state(2);
        let mut second = case_for(schedule, 3).with_state(4);
        second.weights = first.weights.clone();
        let layer = first.lstm(gpu, options(schedule))?;
        let arrays = [Arrays::new(gpu, &first)?, Arrays::new(gpu, &second)?];
        Ok(Pair { layer, cases: [first, second], arrays })
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder, run: usize) -> wgpu_rnn::Result<()> {
        self.layer.encode(encoder, &self.arrays[run].io())
    }

    fn check(&self) -> Outcome {
        let [first, second] = &self.arrays;
        first.check(&self.cases[0]).map_err(|problem| format!("first: {problem}"))?;
        second.check(&self.cases[1]).map_err(|problem| format!("second: {problem}").into())
    }
}

/// Runs of one shape share their state buffers, but not their results.
fn two_in_one_encoder(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        let pair = Pair::new(gpu, schedule)?;
        let mut encoder = encoder(gpu);
        pair.encode(&mut encoder, 0)?;
        pair.encode(&mut encoder, 1)?;
        gpu.queue().submit([encoder.finish()]);
        pair.check()?;
    }
    Ok(())
}

/// What was recorded first may be submitted last.
fn submitted_in_other_order(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        let pair = Pair::new(gpu, schedule)?;
        let mut encoders = [encoder(gpu), encoder(gpu)];
        pair.encode(&mut encoders[0], 0)?;
        pair.encode(&mut encoders[1], 1)?;
        let [first, second] = encoders.map(wgpu::CommandEncoder::finish);
        gpu.queue().submit([second]);
        gpu.queue().submit([first]);
        pair.check()?;
    }
    Ok(())
}

/// A sequence in two halves: h_n and c_n are written over h0 and c0, which the second half begins from.
fn states_in_place(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        let whole = Case::new(5, Shape { t: 8, l: 2, ..Default::default() }).with_state(6);
        let layer = whole.lstm(gpu, options(schedule))?;
        let halves = [s![..4, .., ..], s![4.., .., ..]].map(|half| whole.x.slice(half).to_owned());
        let arrays = Arrays::new(gpu, &whole)?;
        let initial = arrays.initial.as_ref().ok_or("the case has a state")?;
        let mut encoder = encoder(gpu);
        let mut y = Vec::new();
        for half in &halves {
            let (x, y_half) = (gpu.upload(half.view())?, gpu.zeros(&[4, 3, 6])?);
            let (h, c) = (Some(&initial[0]), Some(&initial[1]));
            let mut io = LayerIo::new(&x, &y_half);
            (io.h0, io.c0, io.h_n, io.c_n) = (h, c, h, c);
            layer.encode(&mut encoder, &io)?;
            y.push(y_half);
        }
        gpu.queue().submit([encoder.finish()]);
        let y: Vec<Array3<f32>> = y
            .iter()
            .map(|half| Ok(half.download()?.into_dimensionality()?))
            .collect::<Result<_, Box<dyn std::error::Error>>>()?;
        let y = concatenate(Axis(0), &[y[0].view(), y[1].view()])?;
        let state = LstmState { h: initial[0].download()?, c: initial[1].download()? };
        whole.verdict(&y, &state).map_err(|problem| format!("{schedule}: {problem}"))?;
    }
    Ok(())
}

/// Runs from the host before, between and after recorded ones.
fn forward_between(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        let pair = Pair::new(gpu, schedule)?;
        let [first, second] = &pair.cases;
        let mut encoder = encoder(gpu);
        pair.encode(&mut encoder, 0)?;
        second.check_layer(&pair.layer)?;
        pair.encode(&mut encoder, 1)?;
        gpu.queue().submit([encoder.finish()]);
        first.check_layer(&pair.layer)?;
        pair.check()?;
        second.check_layer(&pair.layer)?;
    }
    Ok(())
}
