//! Criterion benches: each shape, cell and schedule, and the host's cost of encoding a step. Verified, then timed.

#[path = "baseline/mod.rs"]
mod baseline;
#[path = "../tests/common/mod.rs"]
mod common;
mod shared;

use std::time::{Duration, Instant};

use baseline::{Shape, Unfused};
use common::Random;
use common::compare::compare;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use shared::{finish, group, id, run};
use wgpu_rnn::ndarray::{Array3, ArrayD};
use wgpu_rnn::{
    Cell, Direction, Gpu, GruKind, Kind, Layer, LayerConfig, LayerIo, LayerSizes, Lstm, LstmKind,
    Options, RnnKind, Schedule, Weights, reference,
};

const TOLERANCE: f64 = 1e-4;

/// id, [T, B, I, H, L], bidirectional; small enough for a software adapter. Each runs with every cell, side by side.
const SHAPES: [(&str, [usize; 5], bool); 5] = [
    ("small", [200, 1, 64, 64, 1], false),
    ("mlx", [30, 1, 512, 512, 1], false),
    ("bigru", [32, 1, 384, 256, 1], true),
    ("batch32", [10, 32, 256, 256, 1], false),
    ("stack", [50, 1, 128, 128, 3], false),
];

/// A problem with its inputs and what the CPU reference makes of them.
struct Case {
    /// The shape and the cell.
    name: String,
    weights: Weights,
    x: Array3<f32>,
    expected: ArrayD<f64>,
}

impl Case {
    fn new(shape: &str, [t, b, i, h, l]: [usize; 5], bidirectional: bool, cell: Cell) -> Self {
        let sizes = LayerSizes::new(cell, i, h).with_layers(l);
        let mut random = Random::new(7);
        let weights = random.weights_of(sizes.with_direction(Direction::of(bidirectional)));
        let x = random.array3([t, b, i]);
        let expected = reference::forward(&weights, &reference::Inputs::new(x.view())).y.into_dyn();
        Case { name: format!("{shape} {cell}"), weights, x, expected }
    }

    fn verify(&self, y: &ArrayD<f32>) {
        compare(&self.name, y, &self.expected, TOLERANCE).verdict().expect("the right result");
    }
}

fn forward(c: &mut Criterion) {
    let gpu = Gpu::new().expect("an adapter");
    let mut group = group(c, "forward");
    for (shape, sizes, bidirectional) in SHAPES {
        group.throughput(Throughput::Elements(sizes[0] as u64));
        let case = |cell| Case::new(shape, sizes, bidirectional, cell);
        let lstm = case(Cell::Lstm);
        schedules::<LstmKind>(&mut group, &gpu, &lstm);
        unfused(&mut group, &gpu, &lstm);
        schedules::<GruKind>(&mut group, &gpu, &case(Cell::Gru { reset_after: true }));
        schedules::<RnnKind>(&mut group, &gpu, &case(Cell::Rnn));
    }
    group.finish();
}

/// Each schedule that can run the case.
fn schedules<K: Kind>(group: &mut BenchmarkGroup<'_, WallTime>, gpu: &Gpu, case: &Case) {
    let Case { name, weights, x, .. } = case;
    let (seq_len, batch, _) = x.dim();
    for schedule in Schedule::ALL {
        let options = Options { schedule: Some(schedule), ..Default::default() };
        let config = LayerConfig { options, ..Default::default() };
        let layer = Layer::<K>::new(gpu, weights, config).expect("a layer");
        let Ok(plan) = layer.plan(seq_len, batch) else { continue };
        assert_eq!(plan.schedule, schedule, "a fallback must not be timed");
        let (y, _) = layer.forward(x.view(), None).expect("a run");
        case.verify(&y.into_dyn());
        group.bench_function(id(&format!("{name}/{schedule}"), gpu), |bencher| {
            bencher.iter(|| layer.forward(x.view(), None).expect("a run"));
        });
    }
}

/// The unfused LSTM, which is one layer, forward.
fn unfused(group: &mut BenchmarkGroup<'_, WallTime>, gpu: &Gpu, case: &Case) {
    let Case { name, weights, x, .. } = case;
    let (sizes, (seq_len, batch, input_size)) = (weights.sizes(), x.dim());
    if sizes.num_states() > 1 {
        return;
    }
    let shape = Shape { seq_len, batch, input_size, hidden_size: sizes.hidden_size };
    let unfused = Unfused::new(gpu, shape, weights.layer(0, 0).expect("a layer"), x);
    let run = || run(gpu, |encoder| unfused.encode(encoder));
    run();
    case.verify(&unfused.output(gpu).download().expect("a result"));
    group.bench_function(id(&format!("{name}/unfused"), gpu), |bencher| bencher.iter(run));
}

/// The host's work for a sequence of 1000 steps, one dispatch each: `Lstm::encode` and finishing the encoder. What is
/// recorded is submitted outside of the measurement.
fn encode(c: &mut Criterion) {
    const STEPS: usize = 1000;
    let gpu = Gpu::new().expect("an adapter");
    let mut group = group(c, "encode");
    let weights = Random::new(7).weights(8, 8, 1, false);
    let options = Options { schedule: Some(Schedule::Stepwise), ..Default::default() };
    let lstm =
        Lstm::new(&gpu, &weights, LayerConfig { options, ..Default::default() }).expect("a layer");
    let x = gpu.zeros(&[STEPS, 1, 8]).expect("x");
    let y = gpu.zeros(&[STEPS, 1, 8]).expect("y");
    group.throughput(Throughput::Elements(STEPS as u64));
    group.bench_function(id("stepwise/1000 dispatches", &gpu), |bencher| {
        bencher.iter_custom(|rounds| {
            let mut encoding = Duration::ZERO;
            for _ in 0..rounds {
                let start = Instant::now();
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                lstm.encode(&mut encoder, &LayerIo::new(&x, &y)).expect("a run");
                let commands = encoder.finish();
                encoding += start.elapsed();
                finish(&gpu, commands);
            }
            encoding
        });
    });
    group.finish();
}

criterion_group!(benches, forward, encode);
criterion_main!(benches);
