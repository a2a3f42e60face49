//! How the time of a step grows: over the hidden size, the length of the sequence and the batch, on each schedule,
//! with what the plan's estimate says. Each shape is verified against the CPU reference, then timed in turns, so that a
//! busy machine is busy for all schedules.
//!
//! `cargo bench --bench scaling` prints Markdown tables and draws `docs/figures/*.svg`; with `-- --quick` it takes a few
//! small shapes and draws below `target`, to see whether it works.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "scaling/draw.rs"]
mod draw;
mod shared;

use std::path::Path;
use std::time::Instant;

use common::Random;
use common::compare::compare;
use draw::{Curve, Figure};
use wgpu_rnn::ndarray::{Array3, s};
use wgpu_rnn::{
    Ceilings, DeviceArray, Error, Estimate, Gpu, GpuTimer, LayerConfig, LayerIo, Lstm, Options,
    Schedule, Weights, reference,
};

/// Runs of each schedule; the median counts.
const ROUNDS: usize = 9;
/// All schedules use f32, with sums in different orders.
const TOLERANCE: f64 = 1e-4;
/// Where the number of steps is free, a run does about this much, in so many steps.
const RUN_FLOPS: usize = 1 << 33;
const RUN_FLOPS_SOFTWARE: usize = 1 << 27;
const STEPS: (usize, usize) = (4, 256);
/// Steps that the reference is asked about.
const VERIFIED_STEPS: usize = 4;

/// Sizes of a run of LSTM layers whose input is as wide as they are.
#[derive(Clone, Copy)]
struct Shape {
    /// As many as a run can afford where it is none.
    seq_len: Option<usize>,
    batch: usize,
    hidden_size: usize,
    num_layers: usize,
}

/// One shape for each value of what grows.
struct Sweep {
    file: &'static str,
    title: &'static str,
    axis: &'static str,
    points: Vec<(usize, Shape)>,
}

struct Bench {
    gpu: Gpu,
    timer: Option<GpuTimer>,
    ceilings: Ceilings,
    rounds: usize,
}

/// A layer with what it works on.
struct Contestant {
    schedule: Schedule,
    lstm: Lstm,
    x: DeviceArray,
    y: DeviceArray,
    estimate: Estimate,
    seconds: Vec<f64>,
}

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    // `cargo test --benches` runs this too; there is nothing to time then.
    if !has("--bench") {
        return;
    }
    let is_quick = has("--quick");
    let gpu = Gpu::new().expect("an adapter");
    let info = gpu.info();
    let adapter = format!("{} ({}, {} {})", info.name, info.backend, info.driver, info.driver_info);
    println!("{adapter}\n");
    let folder = if is_quick { "target/figures" } else { "docs/figures" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let ceilings = gpu.measure_ceilings().expect("ceilings");
    let timer = GpuTimer::new(&gpu).ok();
    let bench = Bench { gpu, timer, ceilings, rounds: if is_quick { 1 } else { ROUNDS } };
    for mut sweep in sweeps() {
        if is_quick {
            sweep.points.truncate(3);
        }
        let curves = bench.sweep(&sweep);
        let title = format!("{}: {adapter}", sweep.title);
        let figure = Figure { title, axis: sweep.axis, curves };
        let path = folder.join(sweep.file);
        figure.draw(&path).expect("a figure");
        println!("drawn: {}\n", path.display());
    }
}

fn sweeps() -> [Sweep; 3] {
    let shape =
        |seq_len, batch, hidden_size, num_layers| Shape { seq_len, batch, hidden_size, num_layers };
    let powers = |from: u32, to: u32| (from..=to).map(|power| 1usize << power);
    [
        // Two layers, so that there is a wavefront.
        Sweep {
            file: "steps_over_hidden_size.svg",
            title: "Two LSTM layers, batch 1",
            axis: "hidden size",
            points: powers(4, 10).map(|h| (h, shape(None, 1, h, 2))).collect(),
        },
        Sweep {
            file: "steps_over_seq_len.svg",
            title: "LSTM, hidden size 64, batch 1",
            axis: "time steps",
            points: powers(4, 12).map(|t| (t, shape(Some(t), 1, 64, 1))).collect(),
        },
        Sweep {
            file: "steps_over_batch.svg",
            title: "LSTM, hidden size 256",
            axis: "batch",
            points: powers(0, 9).map(|b| (b, shape(None, b, 256, 1))).collect(),
        },
    ]
}

impl Bench {
    /// Microseconds of a step at each point, measured and predicted, by schedule.
    fn sweep(&self, sweep: &Sweep) -> Vec<Curve> {
        println!("{}\n", sweep.title);
        println!("| {} | schedule | µs per step | predicted | floor |", sweep.axis);
        println!("|---:|---|---:|---:|---:|");
        let mut curves: Vec<Curve> = Schedule::ALL.map(Curve::new).into();
        for (at, shape) in &sweep.points {
            for contestant in self.compete(*shape) {
                let Contestant { schedule, estimate, .. } = &contestant;
                let step = contestant.median() / estimate.seq_len as f64;
                let [step, predicted, floor] =
                    [step, estimate.predicted_step(), estimate.floor_step()].map(|s| 1e6 * s);
                println!("| {at} | {schedule} | {step:.2} | {predicted:.2} | {floor:.3} |");
                let curve = curves.iter_mut().find(|curve| curve.schedule == *schedule);
                if let Some(curve) = curve {
                    curve.measured.push((*at as f64, step));
                    curve.predicted.push((*at as f64, predicted));
                }
            }
        }
        curves.retain(|curve| !curve.measured.is_empty());
        curves
    }

    fn compete(&self, shape: Shape) -> Vec<Contestant> {
        let Shape { batch, hidden_size, num_layers, .. } = shape;
        let seq_len = self.steps(shape);
        let mut random = Random::new(7);
        let weights = random.weights(hidden_size, hidden_size, num_layers, false);
        let x = random.array3([seq_len, batch, hidden_size]);
        let contestant = |schedule| self.contestant(&weights, &x, schedule);
        let mut contestants: Vec<_> = Schedule::ALL.into_iter().filter_map(contestant).collect();
        for contestant in &contestants {
            self.run(contestant);
            contestant.verify(&weights, &x);
        }
        for _ in 0..self.rounds {
            for contestant in &mut contestants {
                let seconds = self.run(contestant);
                contestant.seconds.push(seconds);
            }
        }
        contestants
    }

    fn steps(&self, shape: Shape) -> usize {
        let Shape { seq_len, batch, hidden_size, num_layers } = shape;
        let is_software = self.gpu.caps().is_software;
        let flops = if is_software { RUN_FLOPS_SOFTWARE } else { RUN_FLOPS };
        let step_flops = 16 * num_layers * batch * hidden_size * hidden_size;
        let (fewest, most) = STEPS;
        seq_len.unwrap_or((flops / step_flops).clamp(fewest, most))
    }

    /// None where the schedule cannot run the shape.
    fn contestant(
        &self,
        weights: &Weights,
        x: &Array3<f32>,
        schedule: Schedule,
    ) -> Option<Contestant> {
        let (seq_len, batch, _) = x.dim();
        let options = Options { schedule: Some(schedule), ..Default::default() };
        let config = LayerConfig { options, ..Default::default() };
        let lstm = Lstm::new(&self.gpu, weights, config).expect("a layer");
        let plan = match lstm.plan(seq_len, batch) {
            Ok(plan) => plan,
            Err(Error::Schedule { .. }) => return None,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(plan.schedule, schedule, "a fallback must not be timed");
        let estimate = plan.estimate(&self.ceilings);
        let y = self.gpu.zeros(&[seq_len, batch, lstm.sizes().output_size()]).expect("y");
        let x = self.gpu.upload(x.view()).expect("x");
        Some(Contestant { schedule, lstm, x, y, estimate, seconds: Vec::new() })
    }

    /// Seconds by the GPU's timestamps, or of encoding, submitting and waiting where it has none.
    fn run(&self, contestant: &Contestant) -> f64 {
        let Contestant { lstm, x, y, .. } = contestant;
        let start = Instant::now();
        shared::run(&self.gpu, |encoder| {
            if let Some(timer) = &self.timer {
                timer.start(encoder);
            }
            lstm.encode(encoder, &LayerIo::new(x, y)).expect("a run");
            if let Some(timer) = &self.timer {
                timer.stop(encoder);
            }
        });
        let wall = start.elapsed().as_secs_f64();
        let by_gpu = self.timer.as_ref().map(|timer| timer.nanoseconds().expect("a time"));
        by_gpu.map_or(wall, |ns| 1e-9 * ns)
    }
}

impl Contestant {
    /// The first steps of the first row.
    fn verify(&self, weights: &Weights, x: &Array3<f32>) {
        let steps = VERIFIED_STEPS.min(x.dim().0);
        let x = x.slice(s![..steps, ..1, ..]);
        let expected = reference::forward(weights, &reference::Inputs::new(x)).y.into_dyn();
        let y = self.y.download().expect("a result");
        let y = y.slice(s![..steps, ..1, ..]).to_owned().into_dyn();
        if let Err(problem) = compare("y", &y, &expected, TOLERANCE).verdict() {
            panic!("{}: {problem}", self.schedule);
        }
    }

    fn median(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }
}
