//! `wgpu-rnn bench`

mod backward;
mod measure;
mod report;

use std::io::Write;
use std::time::Duration;

use wgpu_rnn::{
    Ceilings, Error, Estimate, Gpu, GpuTimer, Kind, Layer, LayerConfig, Options, Plan, Problem,
    Schedule, plan, plan_backward,
};

use crate::Verdict;
use crate::adapter::AdapterArgs;
use crate::cells::by_kind;
use crate::compare::TOLERANCE;
use crate::failure::{Failure, Result};
use crate::schedules::{self, Choice};
use crate::shapes::{self, Shape, ShapeArgs};
use crate::tuning::TuneArgs;
use backward::{Trained, verify_and_time_training};
pub use measure::Data;
use measure::{FORWARD_PASSES, Stopwatch, Subject, Times, Verified, sample};
use report::Report;

/// Verify, then time, standing shapes or others
#[derive(clap::Args)]
#[command(after_help = "\
CALL is one call from host arrays to host arrays, GPU what the GPU works on it between device arrays, both the median
of several runs ± half the distance between the quartiles. STEP is GPU per time step, or CALL where the GPU has no
timestamps; so are GFLOP/s and FLOOR, the part of STEP that max(bytes / bandwidth, flops / peak, dependent steps) would
take. Bytes are those of weights, x and y; the ceilings are measured first. MODEL is what the plan's estimate says of a
step, and what part of STEP that is. A shape with T = 1 is a stream of single steps.

With --tune the plans are those that were measured to be the fastest, and below each stands how many times as long the
planner's own choice takes, run in turns.

With --backward, FORWARD is a forward pass that keeps what the backward pass needs, BACK the backward pass to the
gradients of x and of all weights, both between device arrays and by the GPU's timestamps, or on the host's clock where
there are none. They take turns; RATIO is the median of BACK / FORWARD of each turn, STEP is BACK per time step.

Example:
  wgpu-rnn bench --shape small-gru --shape 100,32,256,256,2 --schedule all
  wgpu-rnn bench --schedule all                  # every standing shape: what is measured beside what is predicted
  wgpu-rnn bench --tune                          # every standing shape: the planner's choice beside the fastest plan
  wgpu-rnn bench --shape small --shape bigru --backward")]
pub struct Args {
    #[arg(long, value_name = "ID|T,B,I,H,L",
          help = format!("A standing shape ({}), or sizes [default: all standing shapes]", shapes::ids()))]
    shape: Vec<Shape>,
    #[command(flatten)]
    shape_args: ShapeArgs,
    /// The schedule to force; all: each one that can run the shape [default: the planner's choice]
    #[arg(long, value_name = "NAME", value_parser = schedules::choice_parser())]
    schedule: Option<Choice>,
    /// Time training runs: the forward and the backward pass
    #[arg(long)]
    backward: bool,
    #[command(flatten)]
    tuning: TuneArgs,
    /// How long to repeat each measurement
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    seconds: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.ok_or_else(|| "expected a number of seconds".into())
}

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let shapes = if args.shape.is_empty() { Shape::standing() } else { args.shape.clone() };
    let shapes = shapes.into_iter().map(|shape| shape.with(&args.shape_args));
    let shapes = shapes.collect::<Result<Vec<_>>>()?;
    let gpu = args.tuning.open(adapter)?;
    let ceilings = gpu.measure_ceilings()?;
    let bench = Bench {
        gpu: &gpu,
        timer: GpuTimer::new(&gpu).ok(),
        ceilings,
        choice: args.schedule,
        is_training: args.backward,
        is_tuned: args.tuning.tune,
        budget: args.seconds,
    };
    let mut report = Report::begin(&bench, &shapes, args.json, out)?;
    for shape in &shapes {
        bench.shape(shape, &mut report)?;
    }
    report.finish()
}

struct Bench<'a> {
    gpu: &'a Gpu,
    timer: Option<GpuTimer>,
    ceilings: Ceilings,
    choice: Option<Choice>,
    is_training: bool,
    /// Whether plans are tuned, and measured beside those that are not.
    is_tuned: bool,
    budget: Duration,
}

/// A shape on a schedule.
struct Row {
    /// With the time steps that were run.
    shape: Shape,
    /// The time steps that it should have had, if those were too many.
    cut_from: Option<usize>,
    schedule: Option<Schedule>,
    outcome: Outcome,
}

enum Outcome {
    Timed(Timed),
    Trained(Trained),
    /// The result is wrong, so there was nothing to time.
    Wrong(Verified),
    Unsupported(String),
}

struct Timed {
    verified: Verified,
    wall: Times,
    gpu: Option<Times>,
    estimate: Estimate,
    flops: u64,
    tuned: Option<Tuned>,
}

/// A tuned plan beside the planner's own.
struct Tuned {
    reason: String,
    /// What the planner's own is.
    planned: Schedule,
    planned_rows: u32,
    /// Seconds of the planner's own over those of the tuned one, run in turns.
    ratio: Times,
}

impl Row {
    fn new(
        shape: &Shape,
        cut_from: Option<usize>,
        schedule: Option<Schedule>,
        outcome: Outcome,
    ) -> Self {
        Row { shape: shape.clone(), cut_from, schedule, outcome }
    }
}

impl Bench<'_> {
    /// A row for each schedule that can run the shape.
    fn shape(&self, shape: &Shape, report: &mut Report) -> Result<()> {
        // The plan is asked before data is made: what it refuses may be more than the host can hold.
        let passes = if self.is_training { FORWARD_PASSES } else { 1 };
        let cut = shape.affordable(passes, self.gpu.caps().is_software);
        let runnable = cut.and_then(|shape| {
            let problem = Problem { is_training: self.is_training, ..shape.problem()? };
            plan(&problem, self.gpu.caps(), &Options::default())?;
            if self.is_training {
                plan_backward(&problem, self.gpu.caps(), &Options::default())?;
            }
            Ok((shape, problem))
        });
        let (run, problem) = match runnable {
            Err(error @ (Error::Limit { .. } | Error::Unsupported { .. })) => {
                let outcome = Outcome::Unsupported(error.to_string());
                return report.add(Row::new(shape, None, None, outcome));
            }
            other => other?,
        };
        let cut_from = (run.seq_len < shape.seq_len).then_some(shape.seq_len);
        let data = Data::new(&problem)?;
        let schedules = match self.choice {
            None => vec![None],
            Some(choice) => choice.schedules().into_iter().map(Some).collect(),
        };
        for forced in schedules {
            let cell = problem.sizes.cell;
            let measured = match self.is_training {
                false => by_kind!(cell, verify_and_time(self, &problem, &data, forced)),
                true => by_kind!(cell, verify_and_time_training(self, &problem, &data, forced)),
            };
            let (schedule, outcome) = match measured {
                Ok((schedule, outcome)) => (Some(schedule), outcome),
                Err(Failure::Library(Error::Schedule { reason, .. })) => {
                    if self.choice == Some(Choice::All) {
                        continue;
                    }
                    (forced, Outcome::Unsupported(reason))
                }
                Err(Failure::Library(error @ Error::Limit { .. })) => {
                    (forced, Outcome::Unsupported(error.to_string()))
                }
                Err(failure) => return Err(failure),
            };
            report.add(Row::new(&run, cut_from, schedule, outcome))?;
        }
        Ok(())
    }
}

/// Verifies and times a problem on a schedule, or on the one that the planner chooses.
fn verify_and_time<K: Kind>(
    bench: &Bench<'_>,
    problem: &Problem,
    data: &Data,
    forced: Option<Schedule>,
) -> Result<(Schedule, Outcome)> {
    let options = Options { schedule: forced, tune: bench.is_tuned, ..Default::default() };
    let (layer, plan) = planned::<K>(bench, problem, data, options)?;
    no_fallback(forced, plan.schedule)?;
    let subject = Subject { layer: &layer, data, plan: &plan };
    let verified = subject.verify()?;
    if !verified.deviation.is_within(TOLERANCE) {
        return Ok((plan.schedule, Outcome::Wrong(verified)));
    }
    let wall = subject.wall(bench.budget)?;
    let timer = bench.timer.as_ref();
    let gpu = timer.map(|timer| subject.gpu_time(timer, bench.budget)).transpose()?;
    let tuned = bench.is_tuned.then(|| tuned(bench, &subject, options)).transpose()?;
    let (estimate, flops) = (plan.estimate(&bench.ceilings), problem.flops());
    Ok((plan.schedule, Outcome::Timed(Timed { verified, wall, gpu, estimate, flops, tuned })))
}

fn planned<K: Kind>(
    bench: &Bench<'_>,
    problem: &Problem,
    data: &Data,
    options: Options,
) -> Result<(Layer<K>, Plan)> {
    let config =
        LayerConfig { options, weight_format: problem.weight_format, ..Default::default() };
    let layer = Layer::new(bench.gpu, &data.weights, config)?;
    let plan = layer.plan(problem.seq_len, problem.batch)?;
    Ok((layer, plan))
}

/// Measures a tuned plan and the planner's own in turns, so that a busy machine is busy for both.
fn tuned<K: Kind>(bench: &Bench<'_>, tuned: &Subject<'_, K>, options: Options) -> Result<Tuned> {
    let Subject { data, plan, .. } = *tuned;
    let options = Options { tune: false, ..options };
    let (layer, planned) = planned::<K>(bench, &plan.problem, data, options)?;
    let untuned = Subject { layer: &layer, data, plan: &planned };
    let watch = || Stopwatch { gpu: bench.gpu, timer: bench.timer.as_ref() };
    let (mut tuned, mut untuned) = (tuned.runs(watch())?, untuned.runs(watch())?);
    let [ratio] = sample(bench.budget, || Ok([untuned()? / tuned()?]))?;
    let reason = plan.reasons[0].clone();
    Ok(Tuned { reason, planned: planned.schedule, planned_rows: planned.rows, ratio })
}

fn no_fallback(forced: Option<Schedule>, planned: Schedule) -> Result<()> {
    if forced.is_some_and(|forced| forced != planned) {
        let reason = format!("the plan is {planned}: a fallback is not timed");
        return Err(Failure::Request(reason));
    }
    Ok(())
}
