//! One layer in many threads, and what may go from thread to thread at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use wgpu_rnn::io::safetensors::{FoundLayers, Model};
use wgpu_rnn::{
    AdapterReport, AnyLayer, AnyState, AnyStream, Ceilings, DeviceArray, DeviceCaps, Error, Gpu,
    GpuBuilder, GpuStats, GpuTimer, Gru, GruStream, LayerConfig, LayerIo, Linear, Lstm, LstmState,
    LstmStream, Model as Chain, ModelIo, ModelStream, Options, Plan, Problem, Rnn, RnnStream,
    Stage, StageState, Weights,
};

use crate::common::case::{Case, Shape};
use crate::common::trials::{GpuTest, Outcome, another};

/// Compiles, or does not.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<(Gpu, GpuBuilder, GpuStats, GpuTimer, AdapterReport, Ceilings, DeviceCaps)>(
    );
    is_send_and_sync::<(DeviceArray, DeviceArray<u32>, Lstm, Gru, Rnn, Linear)>();
    is_send_and_sync::<(LstmStream, GruStream, RnnStream, LstmState, LayerConfig, LayerIo<'_>)>();
    is_send_and_sync::<(
        AnyLayer,
        AnyState,
        AnyStream,
        Chain,
        ModelIo<'_>,
        ModelStream,
        Stage,
        StageState<'_>,
    )>();
    is_send_and_sync::<(Weights, Problem, Options, Plan, Model, FoundLayers, Error)>();
};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("threads::one_layer", one_layer),
        GpuTest::new("threads::forward_and_encode", forward_and_encode),
    ]
}

const THREADS: usize = 4;
const RUNS: usize = 150;

/// Inputs and shapes differ from thread to thread and from run to run; two threads share each shape.
fn one_layer(gpu: &Gpu) -> Outcome {
    // A device of its own: a wrong wait in one test must not be mended by another test's.
    let gpu = another(gpu)?;
    let weights = Case::new(1, Shape::default()).weights;
    let cases: Vec<Vec<Case>> = (0..THREADS)
        .map(|thread| {
            let case = |run| {
                let shape = Shape { t: 1 + (thread / 2 + run) % 5, ..Default::default() };
                let mut case = Case::new((100 * thread + run) as u64, shape);
                case.weights = weights.clone();
                case.with_state(run as u64)
            };
            (0..RUNS).map(case).collect()
        })
        .collect();
    let layer = cases[0][0].lstm(&gpu, Options::default())?;
    let work = |cases: &[Case]| cases.iter().try_for_each(|case| case.check_layer(&layer));
    thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|cases| scope.spawn(move || work(cases))).collect();
        threads.into_iter().try_for_each(|thread| Ok(thread.join().expect("no panic")?))
    })
}

/// A submission of somebody else's comes between an upload and the run that it is for.
fn forward_and_encode(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = Case::new(1, Shape::default()).with_state(2);
    let layer = case.lstm(gpu, Options::default())?;
    let (x, y) = (gpu.upload(case.x.view())?, gpu.zeros(&[7, 3, 6])?);
    let is_done = AtomicBool::new(false);
    let encode = || -> wgpu_rnn::Result<()> {
        while !is_done.load(Ordering::Relaxed) {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            layer.encode(&mut encoder, &LayerIo::new(&x, &y))?;
            gpu.queue().submit([encoder.finish()]);
            y.download()?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let other = scope.spawn(encode);
        let result = (0..RUNS).try_for_each(|_| case.check_layer(&layer));
        is_done.store(true, Ordering::Relaxed);
        other.join().expect("no panic")?;
        Ok(result?)
    })
}
