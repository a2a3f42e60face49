//! One layer in many threads, and what may go from thread to thread at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use wgpu_rnn::io::safetensors::{File, FoundLayers};
use wgpu_rnn::{
    AdapterReport, AnyKind, AnyLayer, AnyState, AnyStream, BackwardIo, BackwardMemory,
    BackwardPlan, Ceilings, DeviceArray, DeviceCaps, Embedding, Error, Estimate, Function, Gpu,
    GpuBuilder, GpuStats, GpuTimer, Gradients, Gru, GruKind, GruStream, Last, LayerConfig, LayerIo,
    Linear, Lstm, LstmKind, LstmState, LstmStream, Model, ModelIo, ModelStream, ModelWeights,
    Options, Plan, Problem, Reserve, Rnn, RnnKind, RnnStream, Schedule, Slot, Stage, StageState,
    StageWeights, StreamPool, Tape, WeightTensor, Weights,
};

use crate::backward::arrays::Arrays;
use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Named, Run, same_bits, verdict};
use crate::common::trials::{GpuTest, Outcome, another};

/// Compiles, or does not.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<(
        Gpu,
        GpuBuilder,
        GpuStats,
        GpuTimer,
        AdapterReport,
        Ceilings,
        DeviceCaps,
        Estimate,
    )>();
    is_send_and_sync::<(DeviceArray, DeviceArray<u32>, Lstm, Gru, Rnn, Linear)>();
    is_send_and_sync::<(LstmStream, GruStream, RnnStream, LstmState, LayerConfig, LayerIo<'_>)>();
    is_send_and_sync::<(
        AnyLayer,
        AnyState,
        AnyStream,
        Model,
        ModelIo<'_>,
        ModelStream,
        Stage,
        StageState<'_>,
    )>();
    is_send_and_sync::<(Embedding, Function, Last, ModelWeights, StageWeights)>();
    is_send_and_sync::<(Slot, StreamPool<LstmKind>, StreamPool<GruKind>, StreamPool<AnyKind>)>();
    is_send_and_sync::<(Weights, Problem, Options, Plan, File, FoundLayers, Error)>();
    is_send_and_sync::<(Tape<LstmKind>, Tape<GruKind>, Tape<RnnKind>, Tape<AnyKind>)>();
    is_send_and_sync::<(Gradients<LstmKind>, Gradients<GruKind>)>();
    is_send_and_sync::<(Gradients<RnnKind>, Gradients<AnyKind>)>();
    is_send_and_sync::<(Reserve, BackwardIo<'_>, BackwardPlan, BackwardMemory, WeightTensor)>();
};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("threads::one_layer", one_layer),
        GpuTest::new("threads::forward_and_encode", forward_and_encode),
        GpuTest::new("threads::backward", backward),
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

const PASSES: usize = 24;

/// Tapes and encoded passes in turns, against the bits that one thread gets; shapes as in [`one_layer`].
fn backward(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let of_stack = |t| Case::new(1, Shape { t, l: 2, ..Default::default() }).with_state(2);
    for schedule in Schedule::ALL {
        let backward = Options { schedule: Some(schedule), ..Default::default() };
        let config = LayerConfig { backward, ..Default::default() };
        let weights = of_stack(1).weights;
        let layer = AnyLayer::new(gpu, &weights, config)?;
        let pass = |run: &Run, is_encoded: bool| -> wgpu_rnn::Result<Named> {
            if !is_encoded {
                return run.back(&run.tape(&layer, config)?, config);
            }
            let arrays = Arrays::new(&layer, run, config)?;
            arrays.run(&layer)?;
            arrays.gradients(&layer, config)
        };
        let mut threads: Vec<Vec<(Run, Named)>> = Vec::new();
        for thread in 0..THREADS {
            let runs = (0..PASSES).map(|n| {
                let seed = (100 * thread + n) as u64;
                let case = of_stack(2 + (thread / 2 + n) % 3);
                let run = Run::new(seed, &case).nudged(seed, 0.5);
                run.but(|run| run.weights = weights.clone())
            });
            let mut expected = Vec::new();
            for run in runs {
                let alone = pass(&run, false)?;
                verdict(&alone, &run.gradients(), F32_GRADIENTS)?;
                expected.push((run, alone));
            }
            threads.push(expected);
        }
        let work = |thread: usize, runs: &[(Run, Named)]| -> Result<(), String> {
            runs.iter().enumerate().try_for_each(|(n, (run, alone))| {
                let given = pass(run, (thread + n) % 2 == 1).map_err(|error| error.to_string())?;
                same_bits(&given, alone).map_err(|e| format!("{schedule}, {thread}, {n}: {e}"))
            })
        };
        thread::scope(|scope| {
            let work = &work;
            let spawn = |(n, runs)| scope.spawn(move || work(n, runs));
            let threads: Vec<_> =
                threads.iter().map(Vec::as_slice).enumerate().map(spawn).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        })?;
    }
    Ok(())
}
