//! `wgpu-rnn verify`

use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};
use wgpu_rnn::ndarray::{ArrayD, ShapeError};
use wgpu_rnn::reference::{self, Outputs};
use wgpu_rnn::{Error, Gpu, Kind, Layer, LayerConfig, Options, Schedule};

use crate::Verdict;
use crate::adapter::{self, AdapterArgs};
use crate::cases::{self, Case, Fixture};
use crate::cells::by_kind;
use crate::compare::Deviation;
use crate::failure::Result;
use crate::schedules::{self, Choice};

/// Run fixtures on the GPU and on the CPU reference and compare the results
#[derive(clap::Args)]
#[command(after_help = "\
Prints a line per case and schedule: ok, FAIL or unsupported, the case, the schedule (`reference` is the CPU), the
worst error max|a-b|/max(1, max|b|) of output, h_n and c_n, the tolerance, and the reason if it is not ok.
Exit status: 0 without a FAIL, 1 with one, 2 where an input or the adapter cannot be used.

Example:
  wgpu-rnn verify tests/fixtures/pytorch --schedule stepwise")]
pub struct Args {
    /// Fixture files, or folders with fixtures anywhere below
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The schedule to force; all: each one that can run the case
    #[arg(long, value_name = "NAME", default_value = "all", value_parser = schedules::choice_parser())]
    schedule: Choice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const REFERENCE: &str = "reference";

/// What became of a case on a schedule.
struct Outcome {
    status: Status,
    /// The worst error and the tolerance, where there are results.
    error: Option<(f64, f64)>,
    /// Why it is not ok.
    reason: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Fail,
    Unsupported,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Ok => "ok",
            Status::Fail => "FAIL",
            Status::Unsupported => "unsupported",
        })
    }
}

impl Outcome {
    fn compared(case: &Case, y: ArrayD<f64>, h_n: ArrayD<f64>, c_n: Option<ArrayD<f64>>) -> Self {
        let c_n = case.c_n.as_ref().map(|expected| match &c_n {
            Some(c_n) => Deviation::of("c_n", c_n, expected),
            None => Deviation::of("c_n", &ArrayD::zeros(vec![0]), expected),
        });
        let y = Deviation::of("output", &y, &case.output);
        let h_n = Deviation::of("h_n", &h_n, &case.h_n);
        let worst = Deviation::worst([y, h_n].into_iter().chain(c_n));
        let error = Some((worst.error, case.tolerance));
        match worst.is_within(case.tolerance) {
            true => Outcome { status: Status::Ok, error, reason: String::new() },
            false => Outcome { status: Status::Fail, error, reason: worst.place },
        }
    }

    fn unsupported(reason: impl ToString) -> Self {
        Outcome { status: Status::Unsupported, error: None, reason: reason.to_string() }
    }

    fn failed(reason: impl ToString) -> Self {
        Outcome { status: Status::Fail, error: None, reason: reason.to_string() }
    }
}

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let fixtures = cases::read_all(&args.paths)?;
    let gpu = adapter.open()?;
    let mut report = Report::new(&fixtures, args.json, out);
    for Fixture { name, case } in &fixtures {
        report.add(name, REFERENCE, on_reference(case))?;
        for schedule in args.schedule.schedules() {
            if let Some(outcome) = on_gpu(&gpu, case, schedule, args.schedule) {
                report.add(name, &schedule.to_string(), outcome)?;
            }
        }
    }
    report.finish(&gpu)
}

fn on_reference(case: &Case) -> Outcome {
    let layout = case.layout;
    let run = || {
        let x = layout.sequence(&case.input)?;
        let h0 = case.h0.as_ref().map(|h0| layout.state(h0)).transpose()?;
        let c0 = case.c0.as_ref().map(|c0| layout.state(c0)).transpose()?;
        let lengths = case.lengths.as_deref();
        let inputs = reference::Inputs { x, h0, c0, lengths };
        Ok::<_, ShapeError>(reference::forward(&case.weights, &inputs))
    };
    match run() {
        Ok(Outputs { y, h_n, c_n }) => {
            let (h_n, c_n) = (layout.of_state(h_n), Some(layout.of_state(c_n)));
            Outcome::compared(case, layout.of_sequence(y), h_n, c_n)
        }
        Err(error) => Outcome::failed(error),
    }
}

/// None where a schedule that nobody asked for by name cannot run the case.
fn on_gpu(gpu: &Gpu, case: &Case, schedule: Schedule, choice: Choice) -> Option<Outcome> {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let config =
        LayerConfig { batch_first: case.layout.batch_first, options, ..Default::default() };
    Some(match by_kind!(case.weights.sizes().cell, forward(gpu, case, config)) {
        Ok((y, h_n, c_n)) => {
            let wide = |array: ArrayD<f32>| array.mapv(f64::from);
            Outcome::compared(case, wide(y), wide(h_n), c_n.map(wide))
        }
        Err(Error::Schedule { .. }) if choice == Choice::All => return None,
        Err(Error::Schedule { reason, .. }) => Outcome::unsupported(reason),
        Err(error @ Error::Limit { .. }) => Outcome::unsupported(error),
        Err(error) => Outcome::failed(error),
    })
}

/// y, h_n, and c_n where the cell has it.
type Results = (ArrayD<f32>, ArrayD<f32>, Option<ArrayD<f32>>);

fn forward<K: Kind>(gpu: &Gpu, case: &Case, config: LayerConfig) -> wgpu_rnn::Result<Results> {
    let layer = Layer::<K>::new(gpu, &case.weights, config)?;
    let state = case.h0.clone().map(|h0| K::state(h0, case.c0.clone())).transpose()?;
    let x = case.input.view();
    let (y, state) = match &case.lengths {
        Some(lengths) => layer.forward_lengths(x, lengths, state.as_ref())?,
        None => layer.forward(x, state.as_ref())?,
    };
    let (h_n, c_n) = K::parts(&state);
    Ok((y, h_n.clone(), c_n.cloned()))
}

/// Prints outcomes as they come, or collects them.
struct Report<'a> {
    out: &'a mut dyn Write,
    collected: Option<Vec<Value>>,
    name_width: usize,
    ok: usize,
    fail: usize,
    unsupported: usize,
}

impl<'a> Report<'a> {
    fn new(fixtures: &[Fixture], json: bool, out: &'a mut dyn Write) -> Self {
        let name_width = fixtures.iter().map(|fixture| fixture.name.len()).max().unwrap_or(0);
        let collected = json.then(Vec::new);
        Report { out, collected, name_width, ok: 0, fail: 0, unsupported: 0 }
    }

    fn add(&mut self, case: &str, schedule: &str, outcome: Outcome) -> Result<()> {
        let Outcome { status, error, reason } = outcome;
        match status {
            Status::Ok => self.ok += 1,
            Status::Fail => self.fail += 1,
            Status::Unsupported => self.unsupported += 1,
        }
        if let Some(collected) = &mut self.collected {
            collected.push(json!({
                "status": status.to_string(),
                "case": case,
                "schedule": schedule,
                "error": error.map(|(error, _)| error),
                "tolerance": error.map(|(_, tolerance)| tolerance),
                "reason": reason,
            }));
            return Ok(());
        }
        let (error, tolerance) = match error {
            Some((error, tolerance)) => (format!("{error:.1e}"), format!("{tolerance:.0e}")),
            None => ("-".into(), "-".into()),
        };
        let (name_width, schedule_width) = (self.name_width, schedules::width());
        let line = format!(
            "{status:<11}  {case:<name_width$}  {schedule:<schedule_width$}  {error:>6}  {tolerance:>4}  {reason}"
        );
        writeln!(self.out, "{}", line.trim_end())?;
        Ok(())
    }

    fn finish(self, gpu: &Gpu) -> Result<Verdict> {
        let Report { out, collected, ok, fail, unsupported, .. } = self;
        match collected {
            Some(results) => {
                let value = json!({
                    "adapter": adapter::json(gpu.info()),
                    "results": results,
                    "ok": ok,
                    "fail": fail,
                    "unsupported": unsupported,
                });
                writeln!(out, "{value:#}")?;
            }
            None => {
                let line = adapter::line(gpu.info());
                writeln!(out, "{ok} ok, {fail} FAIL, {unsupported} unsupported on {line}")?;
            }
        }
        Ok(if fail == 0 { Verdict::Good } else { Verdict::Bad })
    }
}
