//! Choosing a plan by measurement, see `Options::tune`.

use std::time::{Duration, Instant};

use ndarray::Array3;

use super::engine::Engine;
use super::executable::Bound;
use super::workspace::Workspace;
use crate::caps::DeviceCaps;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, GpuTimer};
use crate::plan::{Options, Plan, candidates, plan};
use crate::problem::{InputKind, Problem};
use crate::tuning::{Bucket, Winner};

/// A run that is measured should do no more than this, so that a slow device ends it within a second; of a long
/// sequence some steps tell enough.
const RUN_FLOPS: u64 = 1 << 35;
const RUN_FLOPS_SOFTWARE: u64 = 1 << 27;
const MOST_STEPS: usize = 2048;
const FEWEST_STEPS: usize = 4;
/// A run of fewer steps is repeated, since a clock has its grain.
const FEWEST_RECORDED: usize = 16;
/// All candidates have a workspace each; only those of the last round are in memory at once.
const FINALISTS: usize = 4;
/// Finalists run in turns for so long, but not fewer or more rounds.
const FINAL: Duration = Duration::from_secs(1);
const FEWEST_ROUNDS: usize = 5;
const MOST_ROUNDS: usize = 25;
/// What is not faster than the planner's own choice by this much may as well be noise.
const MARGIN: f64 = 1.03;

/// The plan that was measured to be the fastest of its bucket; measured now, if nobody has before.
pub(super) fn tuned_plan(engine: &Engine, problem: &Problem) -> Result<Plan> {
    let caps = engine.gpu.caps();
    let options = Options { tune: false, ..engine.config.options };
    // Before anything is measured: what cannot run is refused as ever.
    let planned = plan(problem, caps, &options)?;
    let bucket = Bucket::of(problem, &options);
    let winner = engine.gpu.tuning().winner(&bucket, || fastest(engine, problem, &options))?;
    let (plan, reason) = match plan(problem, caps, &winner.forced) {
        Ok(plan) => (plan, winner.to_string()),
        // The problem may be larger than the one measured, or somebody has edited the file.
        Err(error) => (planned, format!("not as tuned for {}: {error}", bucket.name())),
    };
    let reasons = std::iter::once(reason).chain(plan.reasons.into_iter().skip(1)).collect();
    Ok(Plan { reasons, ..plan })
}

fn fastest(engine: &Engine, problem: &Problem, options: &Options) -> Result<Winner> {
    let gpu = &engine.gpu;
    let problem = shortened(problem, gpu.caps());
    let candidates = candidates(&problem, gpu.caps(), options)?;
    let (planned, others) = match &candidates[..] {
        [planned, others @ ..] if !others.is_empty() => (planned, others),
        _ => return Ok(Winner::planned(*options)),
    };
    gpu.note_tuned();
    let begin = Instant::now();
    let timer = GpuTimer::new(gpu).ok();
    let arrays = Arrays::new(engine, &problem)?;
    let enter = |forced: &Options| Contender::new(engine, &arrays, forced, timer.as_ref());
    // The planner's own choice is in the final whatever its time.
    let mut finalists = vec![enter(planned)?];
    for forced in others {
        match enter(forced) {
            Ok(contender) => finalists.push(contender),
            // It may need more memory than there is.
            Err(Error::Gpu { reason }) => log::warn!("{forced:?} is not measured: {reason}"),
            Err(error) => return Err(error),
        }
        finalists[1..].sort_by(|a, b| a.alone.total_cmp(&b.alone));
        finalists.truncate(FINALISTS);
    }
    let final_begin = Instant::now();
    for round in 0..MOST_ROUNDS {
        if round >= FEWEST_ROUNDS && final_begin.elapsed() > FINAL {
            break;
        }
        let mut planned_seconds = None;
        for contender in &mut finalists {
            let seconds = contender.run(engine, &arrays, timer.as_ref())?;
            contender.speedups.push(*planned_seconds.get_or_insert(seconds) / seconds);
        }
    }
    let winner = finalists
        .into_iter()
        .map(|contender| Winner { forced: contender.forced, speedup: median(contender.speedups) })
        .max_by(|a, b| a.speedup.total_cmp(&b.speedup))
        .filter(|fastest| fastest.speedup >= MARGIN)
        .unwrap_or(Winner::planned(*planned));
    log::info!("measured {} plans in {:.1?}: {winner}", candidates.len(), begin.elapsed());
    Ok(winner)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The problem with no more steps than tell enough, and a table of one row: all tokens are 0.
fn shortened(problem: &Problem, caps: &DeviceCaps) -> Problem {
    let flops = if caps.is_software { RUN_FLOPS_SOFTWARE } else { RUN_FLOPS };
    let step_flops = (problem.flops() / problem.seq_len as u64).max(1);
    let steps = ((flops / step_flops) as usize).clamp(FEWEST_STEPS, MOST_STEPS);
    let input = match problem.input {
        InputKind::Tokens { .. } => InputKind::Tokens { vocabulary: 1 },
        other => other,
    };
    Problem { seq_len: steps.min(problem.seq_len), input, ..*problem }
}

/// What all contenders work on. x is arbitrary, since zeros draw less power than numbers; tokens are 0.
struct Arrays {
    problem: Problem,
    x: DeviceArray,
    y: DeviceArray,
    table: Option<wgpu::Buffer>,
    /// All rows have all steps.
    lengths: Option<Vec<u32>>,
}

impl Arrays {
    fn new(engine: &Engine, problem: &Problem) -> Result<Self> {
        let gpu = &engine.gpu;
        let mut number = 0u32;
        let x = Array3::from_shape_simple_fn(problem.x_shape(), || {
            number = number.wrapping_mul(0x9e37_79b1).wrapping_add(1);
            number as f32 / u32::MAX as f32 - 0.5
        });
        let x = match problem.input {
            InputKind::Tokens { .. } => gpu.zeros(x.shape())?,
            _ => gpu.upload(x.view())?,
        };
        let table = problem.table_shape().map(|shape| gpu.zeros(&shape)).transpose()?;
        Ok(Arrays {
            problem: *problem,
            x,
            y: gpu.zeros(&problem.y_shape())?,
            table: table.map(|table| table.buffer().clone()),
            lengths: problem.has_lengths.then(|| vec![problem.seq_len as u32; problem.batch]),
        })
    }
}

/// A plan that is ready to run.
struct Contender {
    forced: Options,
    workspace: Workspace,
    bound: Bound,
    /// Seconds of the better of two runs before the final.
    alone: f64,
    /// How many times as fast it was as the planner's choice in each round of the final: what slows the device down
    /// for a while does so for both.
    speedups: Vec<f64>,
}

impl Contender {
    /// The first run also compiles, so it does not count.
    fn new(
        engine: &Engine,
        arrays: &Arrays,
        forced: &Options,
        timer: Option<&GpuTimer>,
    ) -> Result<Self> {
        let gpu = &engine.gpu;
        let plan = plan(&arrays.problem, gpu.caps(), forced)?;
        let (workspace, bound) = gpu.scoped(|| {
            let table = arrays.table.clone();
            let workspace = Workspace::new(gpu, &plan, &engine.cell_options, 1, table);
            // Where the outputs of all layers are kept for a backward pass.
            let reserve = plan.problem.is_training.then(|| {
                let usage = wgpu::BufferUsages::STORAGE;
                gpu.create_buffer("reserve", plan.memory().between_bytes, usage)
            });
            let bound = workspace.bind(
                engine,
                0,
                ([arrays.x.buffer(), arrays.y.buffer()], reserve.as_ref()),
            );
            Ok((workspace, bound))
        })?;
        let (forced, speedups) = (*forced, Vec::new());
        let mut contender = Contender { forced, workspace, bound, alone: f64::INFINITY, speedups };
        contender.run(engine, arrays, timer)?;
        for _ in 0..2 {
            contender.alone = contender.alone.min(contender.run(engine, arrays, timer)?);
        }
        Ok(contender)
    }

    /// Seconds of a run from zero states.
    fn run(&self, engine: &Engine, arrays: &Arrays, timer: Option<&GpuTimer>) -> Result<f64> {
        let gpu = &engine.gpu;
        engine.submit(|encoder| {
            self.workspace.upload(gpu, encoder, None, arrays.lengths.as_deref());
        })?;
        let repeats = FEWEST_RECORDED.div_ceil(arrays.problem.seq_len);
        GpuTimer::seconds(gpu, timer, |encoder| {
            for _ in 0..repeats {
                self.workspace.record(gpu, encoder, 0, &self.bound);
            }
        })
    }
}
