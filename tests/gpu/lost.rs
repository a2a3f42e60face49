//! A device that is lost: an error from this call or the next, and from every later one; no hang and no panic.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pollster::block_on;
use wgpu_rnn::ndarray::{Array2, Array3, ArrayView2, Axis, s};
use wgpu_rnn::{
    DeviceArray, Error, Gpu, GpuTimer, LayerIo, Linear, Lstm, LstmKind, LstmStream, Options,
    Result, Tape, wgpu,
};

use crate::common::case::{Case, Shape};
use crate::common::trials::{GpuTest, Outcome, another, callers_own};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = vec![GpuTest::new("lost::callers::from_the_start", |gpu| {
        in_time(callers_own(gpu), lost_from_the_start)
    })];
    type Open = fn(&Gpu) -> Gpu;
    let own: Open = |gpu| another(gpu).expect("the adapter opens again");
    for (whose, open) in [("own", own), ("callers", callers_own as Open)] {
        for (name, call) in CALLS {
            let check = move |gpu: &Gpu| {
                in_time(open(gpu), move |gpu| first_to_notice(gpu, name, call, false))?;
                in_time(open(gpu), move |gpu| first_to_notice(gpu, name, call, true))
            };
            tests.push(GpuTest::new(format!("lost::{whose}::{name}"), check));
        }
        let name = format!("lost::{whose}::during");
        tests.push(GpuTest::new(name, move |gpu| in_time(open(gpu), lost_during)));
    }
    tests
}

/// Fails instead of hanging.
fn in_time(gpu: Gpu, work: impl FnOnce(&Gpu) -> Outcome + Send + 'static) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let outcome = work(&gpu).map_err(|problem| problem.to_string());
        let _ = sender.send(());
        outcome
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => return Err("hangs".into()),
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {}
    }
    Ok(worker.join().map_err(|_| "panicked")??)
}

/// What was made while the device was there.
struct Before {
    gpu: Gpu,
    case: Case,
    lstm: Lstm,
    linear: Linear,
    stream: LstmStream,
    tape: Tape<LstmKind>,
    x: DeviceArray,
    y: DeviceArray,
}

impl Before {
    fn new(gpu: &Gpu) -> Result<Self> {
        let case = Case::new(1, Shape { l: 2, ..Default::default() }).with_state(1);
        let lstm = case.lstm(gpu, Options::default())?;
        Ok(Before {
            gpu: gpu.clone(),
            linear: Linear::new(gpu, &Array2::ones((2, 4)), None)?,
            stream: lstm.stream(3)?,
            tape: lstm.forward_tape(case.x.view(), None, None)?.2,
            x: gpu.upload(case.x.view())?,
            y: gpu.zeros(&[7, 3, 6])?,
            case,
            lstm,
        })
    }

    fn x_t(&self) -> ArrayView2<'_, f32> {
        self.case.x.index_axis(Axis(0), 0)
    }
}

/// A call that needs the device.
#[derive(Clone, Copy)]
enum Call {
    /// It gives results, or compiles: it must notice.
    Answers(fn(&mut Before) -> Result<()>),
    /// It only queues or records work, which can be lost at any time after: it may notice.
    Queues(fn(&mut Before) -> Result<()>),
}
use Call::{Answers, Queues};

const CALLS: [(&str, Call); 23] = [
    ("forward", Answers(|b| b.case.forward(&b.lstm).map(drop))),
    (
        "forward_shorter",
        Answers(|b| b.lstm.forward(b.case.x.slice(s![..2, .., ..]), None).map(drop)),
    ),
    ("forward_async", Answers(|b| block_on(b.lstm.forward_async(b.case.x.view(), None)).map(drop))),
    ("linear_forward", Answers(|b| b.linear.forward(b.case.x.view()).map(drop))),
    (
        "linear_forward_async",
        Answers(|b| block_on(b.linear.forward_async(b.case.x.view())).map(drop)),
    ),
    ("step", Answers(|b| b.stream.step(b.case.x.index_axis(Axis(0), 0)).map(drop))),
    ("save", Answers(|b| b.stream.save().map(drop))),
    ("download", Answers(|b| b.y.download().map(drop))),
    ("upload", Answers(|b| b.gpu.upload(b.x_t()).map(drop))),
    ("lstm_new", Answers(|b| b.case.lstm(&b.gpu, Options::default()).map(drop))),
    ("linear_new", Answers(|b| Linear::new(&b.gpu, &Array2::ones((2, 3)), None).map(drop))),
    ("stream", Answers(|b| b.lstm.stream(3).map(drop))),
    (
        "forward_lengths",
        Answers(|b| b.lstm.forward_lengths(b.case.x.view(), &[7, 1, 0], None).map(drop)),
    ),
    ("forward_tape", Answers(|b| b.lstm.forward_tape(b.case.x.view(), None, None).map(drop))),
    ("tape_backward", Answers(|b| b.tape.backward(Array3::ones([7, 3, 6]).view(), None).map(drop))),
    ("measure_ceilings", Answers(|b| b.gpu.measure_ceilings().map(drop))),
    ("encode", Queues(|b| b.lstm.encode(&mut encoder(&b.gpu), &LayerIo::new(&b.x, &b.y)))),
    ("load", Queues(|b| b.stream.load(&b.case.state.clone().expect("the case has a state")))),
    ("reset", Queues(|b| b.stream.reset())),
    ("reset_row", Queues(|b| b.stream.reset_row(1))),
    ("set_weights", Queues(|b| b.lstm.set_weights(&b.case.weights))),
    ("zeros", Queues(|b| b.gpu.zeros(&[3]).map(drop))),
    ("timer", Queues(time)),
];

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

/// Where the device has timestamps; elsewhere there is nothing to notice.
fn time(before: &mut Before) -> Result<()> {
    match GpuTimer::new(&before.gpu) {
        Ok(timer) => timer.nanoseconds().map(drop),
        Err(Error::Unsupported { .. }) => before.gpu.zeros(&[3]).map(drop),
        Err(error) => Err(error),
    }
}

/// The call comes first after the loss, on layers that have run before or not; then all others.
fn first_to_notice(gpu: &Gpu, name: &str, first: Call, is_used: bool) -> Outcome {
    let mut before = Before::new(gpu)?;
    let (Answers(call) | Queues(call)) = first;
    // Measuring takes a second; once before the loss tells nothing that once after does not.
    if is_used && name != "measure_ceilings" {
        call(&mut before)?;
    }
    gpu.device().destroy();
    match (first, call(&mut before)) {
        (_, Err(Error::DeviceLost { .. })) | (Queues(_), Ok(())) => {}
        (_, other) => return Err(format!("used before: {is_used}: {other:?}").into()),
    }
    all_fail(&mut before)
}

fn all_fail(before: &mut Before) -> Outcome {
    for (name, Answers(call) | Queues(call)) in CALLS {
        match call(before) {
            Err(Error::DeviceLost { .. }) => {}
            other => return Err(format!("{name}, later: {other:?}").into()),
        }
    }
    // What needs no device still works.
    before.lstm.plan(7, 3)?;
    Ok(())
}

/// An application may lose its device before it hands it over.
fn lost_from_the_start(gpu: &Gpu) -> Outcome {
    gpu.device().destroy();
    let gpu = Gpu::from_wgpu(gpu.device().clone(), gpu.queue().clone(), gpu.info());
    let case = Case::new(1, Shape::default());
    match case.lstm(&gpu, Options::default()).and_then(|lstm| case.forward(&lstm)) {
        Err(Error::DeviceLost { .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// While other threads run the layer: each gets right results until it gets the error.
fn lost_during(gpu: &Gpu) -> Outcome {
    let mut before = Before::new(gpu)?;
    let Before { case, lstm, .. } = &before;
    case.check_layer(lstm)?;
    thread::scope(|scope| {
        let runner = || -> std::result::Result<(), String> {
            loop {
                match case.forward(lstm) {
                    Ok((y, state)) => case.verdict(&y, &state)?,
                    Err(Error::DeviceLost { .. }) => return Ok(()),
                    Err(other) => return Err(format!("{other:?}")),
                }
            }
        };
        let runners = [scope.spawn(runner), scope.spawn(runner)];
        thread::sleep(Duration::from_millis(20));
        gpu.device().destroy();
        runners.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    all_fail(&mut before)
}
