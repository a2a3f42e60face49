//! Criterion benches: each schedule and shape, and the host's cost of encoding a step. Verified, then timed.

#[path = "baseline/mod.rs"]
mod baseline;
#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use baseline::{Shape, Unfused};
use common::Random;
use common::compare::compare;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use wgpu_rnn::{Gpu, LayerConfig, LayerIo, Lstm, Options, Schedule, reference, wgpu};

const TOLERANCE: f64 = 1e-4;

/// T, B, I, H and layers, small enough for a software adapter.
const SHAPES: [(&str, Shape, usize); 4] = [
    ("small", Shape { seq_len: 200, batch: 1, input_size: 64, hidden_size: 64 }, 1),
    ("mlx", Shape { seq_len: 30, batch: 1, input_size: 512, hidden_size: 512 }, 1),
    ("batch32", Shape { seq_len: 10, batch: 32, input_size: 256, hidden_size: 256 }, 1),
    ("stack", Shape { seq_len: 50, batch: 1, input_size: 128, hidden_size: 128 }, 3),
];

fn group<'a>(c: &'a mut Criterion, gpu: &Gpu, what: &str) -> BenchmarkGroup<'a, WallTime> {
    let info = gpu.info();
    let mut group =
        c.benchmark_group(format!("{what} / {} {} {}", info.name, info.backend, info.driver_info));
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

fn forward(c: &mut Criterion) {
    let gpu = Gpu::new().expect("an adapter");
    let mut group = group(c, &gpu, "forward");
    for (id, shape, num_layers) in SHAPES {
        let Shape { seq_len, batch, input_size, hidden_size } = shape;
        let mut random = Random::new(7);
        let weights = random.weights(input_size, hidden_size, num_layers, false);
        let x = random.array3([seq_len, batch, input_size]);
        let expected = reference::forward(&weights, &reference::Inputs::new(x.view())).y.into_dyn();
        group.throughput(Throughput::Elements(seq_len as u64));
        for schedule in Schedule::ALL {
            let options = Options { schedule: Some(schedule), ..Default::default() };
            let config = LayerConfig { options, ..Default::default() };
            let lstm = Lstm::new(&gpu, &weights, config).expect("a layer");
            if lstm.plan(seq_len, batch).is_err() {
                continue;
            }
            let (y, _) = lstm.forward(x.view(), None).expect("a run");
            compare("y", &y.into_dyn(), &expected, TOLERANCE).verdict().expect("the right result");
            group.bench_function(BenchmarkId::new(schedule.to_string(), id), |bencher| {
                bencher.iter(|| lstm.forward(x.view(), None).expect("a run"));
            });
        }
        if num_layers == 1 {
            let unfused = Unfused::new(&gpu, shape, weights.layer(0, 0).expect("a layer"), &x);
            let run = || {
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                unfused.encode(&mut encoder);
                gpu.queue().submit([encoder.finish()]);
                gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("the device");
            };
            run();
            let y = unfused.output(&gpu).download().expect("a result");
            compare("y", &y, &expected, TOLERANCE).verdict().expect("the right result");
            group.bench_function(BenchmarkId::new("unfused", id), |bencher| bencher.iter(run));
        }
    }
    group.finish();
}

/// The host's work for a sequence of 1000 steps, one dispatch each: `Lstm::encode` and finishing the encoder. What is
/// recorded is submitted outside of the measurement.
fn encode(c: &mut Criterion) {
    const STEPS: usize = 1000;
    let gpu = Gpu::new().expect("an adapter");
    let mut group = group(c, &gpu, "encode");
    let weights = Random::new(7).weights(8, 8, 1, false);
    let options = Options { schedule: Some(Schedule::Stepwise), ..Default::default() };
    let lstm =
        Lstm::new(&gpu, &weights, LayerConfig { options, ..Default::default() }).expect("a layer");
    let x = gpu.zeros(&[STEPS, 1, 8]).expect("x");
    let y = gpu.zeros(&[STEPS, 1, 8]).expect("y");
    group.throughput(Throughput::Elements(STEPS as u64));
    group.bench_function("stepwise/1000 dispatches", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut encoding = Duration::ZERO;
            for _ in 0..rounds {
                let start = Instant::now();
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                lstm.encode(&mut encoder, &LayerIo::new(&x, &y)).expect("a run");
                let commands = encoder.finish();
                encoding += start.elapsed();
                gpu.queue().submit([commands]);
                gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("the device");
            }
            encoding
        });
    });
    group.finish();
}

criterion_group!(benches, forward, encode);
criterion_main!(benches);
