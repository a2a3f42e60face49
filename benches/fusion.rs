//! What fusion and tiles buy: the schedules beside the unfused baseline and the plainest fused step, each verified
//! against the CPU reference, then timed in turns, so that a busy machine is busy for all of them.
//!
//! `cargo bench --bench fusion` prints a Markdown table.

#[path = "baseline/mod.rs"]
mod baseline;
#[path = "../tests/common/mod.rs"]
mod common;
mod shared;

use std::time::Instant;

use baseline::{Plain, Shape, Unfused};
use common::Random;
use common::compare::compare;
use wgpu_rnn::ndarray::Array3;
use wgpu_rnn::wgpu;
use wgpu_rnn::{
    DeviceArray, Gpu, LayerConfig, LayerIo, Lstm, Options, Schedule, Weights, reference,
};

/// Runs of each contestant; the median counts.
const ROUNDS: usize = 9;
/// All contestants use f32, with sums in different orders.
const TOLERANCE: f64 = 1e-4;

type Encode<'a> = Box<dyn Fn(&mut wgpu::CommandEncoder) + 'a>;

struct Contestant<'a> {
    name: String,
    encode: Encode<'a>,
    y: DeviceArray,
    seconds: Vec<f64>,
}

fn main() {
    // `cargo test --benches` runs this too; there is nothing to time then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let gpu = Gpu::new().expect("an adapter");
    let info = gpu.info();
    println!("{} ({}, {} {})\n", info.name, info.backend, info.driver, info.driver_info);
    println!(
        "| T, B, I, H | kernel | µs per step | GFLOP/s | times the unfused | times the plainest |"
    );
    println!("|---|---|---:|---:|---:|---:|");
    let shapes = [(200, 1, 64, 64), (100, 1, 128, 128), (50, 1, 512, 512), (20, 32, 256, 256)];
    for (seq_len, batch, input_size, hidden_size) in shapes {
        compete(&gpu, Shape { seq_len, batch, input_size, hidden_size });
    }
}

fn compete(gpu: &Gpu, shape: Shape) {
    let Shape { seq_len, batch, input_size, hidden_size } = shape;
    let mut random = Random::new(7);
    let weights = random.weights(input_size, hidden_size, 1, false);
    let x = random.array3([seq_len, batch, input_size]);
    let layer = weights.layer(0, 0).expect("a layer");
    let unfused = Unfused::new(gpu, shape, layer, &x);
    let plain = Plain::new(gpu, shape, layer, &x);
    let mut contestants = vec![
        contestant("unfused".into(), unfused.output(gpu), |encoder| unfused.encode(encoder)),
        contestant("plainest".into(), plain.output(gpu), |encoder| plain.encode(encoder)),
    ];
    for schedule in [Schedule::Stepwise, Schedule::SequenceFused] {
        contestants.push(fused(gpu, shape, &weights, &x, schedule));
    }
    let expected = reference::forward(&weights, &reference::Inputs::new(x.view())).y.into_dyn();
    for contestant in &contestants {
        contestant.run(gpu);
        let y = contestant.y.download().expect("a result");
        if let Err(problem) = compare("y", &y, &expected, TOLERANCE).verdict() {
            panic!("{}: {problem}", contestant.name);
        }
    }
    for _ in 0..ROUNDS {
        for contestant in &mut contestants {
            let seconds = contestant.run(gpu);
            contestant.seconds.push(seconds);
        }
    }
    let [unfused, plain] = [contestants[0].median(), contestants[1].median()];
    let rows = 8 * seq_len * batch * hidden_size;
    let flops = (rows * (input_size + hidden_size)) as f64;
    for contestant in &contestants {
        let median = contestant.median();
        println!(
            "| {seq_len}, {batch}, {input_size}, {hidden_size} | {} | {:.1} | {:.2} | {:.1} | {:.1} |",
            contestant.name,
            1e6 * median / seq_len as f64,
            1e-9 * flops / median,
            unfused / median,
            plain / median,
        );
    }
}

fn contestant<'a>(
    name: String,
    y: DeviceArray,
    encode: impl Fn(&mut wgpu::CommandEncoder) + 'a,
) -> Contestant<'a> {
    Contestant { name, encode: Box::new(encode), y, seconds: Vec::new() }
}

fn fused<'a>(
    gpu: &'a Gpu,
    shape: Shape,
    weights: &Weights,
    x: &Array3<f32>,
    schedule: Schedule,
) -> Contestant<'a> {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let config = LayerConfig { options, ..Default::default() };
    let lstm = Lstm::new(gpu, weights, config).expect("a layer");
    let plan = lstm.plan(shape.seq_len, shape.batch).expect("a plan");
    assert_eq!(plan.schedule, schedule, "a fallback must not be timed");
    let x = gpu.upload(x.view()).expect("x");
    let y = gpu.zeros(&[shape.seq_len, shape.batch, shape.hidden_size]).expect("y");
    let output = y.clone();
    contestant(format!("{schedule}, {} rows", plan.rows), output, move |encoder| {
        lstm.encode(encoder, &LayerIo::new(&x, &y)).expect("a run");
    })
}

impl Contestant<'_> {
    /// Encodes, submits and waits; returns the seconds.
    fn run(&self, gpu: &Gpu) -> f64 {
        let start = Instant::now();
        shared::run(gpu, |encoder| (self.encode)(encoder));
        start.elapsed().as_secs_f64()
    }

    fn median(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }
}
