//! What became of each case, as lines or as JSON.

use std::fmt;
use std::io::Write;

use serde_json::{Value, json};
use wgpu_rnn::Gpu;

use crate::cases::Fixture;
use crate::compare::Deviation;
use crate::failure::Result;
use crate::{Verdict, adapter, schedules};

/// What stands for a schedule where the CPU reference ran.
pub const REFERENCE: &str = "reference";

/// What of a case was looked at.
#[derive(Clone, Copy)]
pub enum Pass {
    /// Outputs and final states.
    Forward,
    /// Gradients.
    Backward,
}

impl Pass {
    fn name(self) -> &'static str {
        match self {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        }
    }

    /// One word, so that columns stay columns for tools.
    fn label(self, schedule: &str) -> String {
        match self {
            Pass::Forward => schedule.to_string(),
            Pass::Backward => format!("{schedule}/backward"),
        }
    }
}

/// What became of a case on a schedule.
pub struct Outcome {
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
    pub fn of(worst: &Deviation, tolerance: f64) -> Self {
        let error = Some((worst.error, tolerance));
        match worst.is_within(tolerance) {
            true => Outcome { status: Status::Ok, error, reason: String::new() },
            false => Outcome { status: Status::Fail, error, reason: worst.place.clone() },
        }
    }

    pub fn unsupported(reason: impl ToString) -> Self {
        Outcome { status: Status::Unsupported, error: None, reason: reason.to_string() }
    }

    pub fn failed(reason: impl ToString) -> Self {
        Outcome { status: Status::Fail, error: None, reason: reason.to_string() }
    }
}

/// Prints outcomes as they come, or collects them.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    collected: Option<Vec<Value>>,
    name_width: usize,
    schedule_width: usize,
    ok: usize,
    fail: usize,
    unsupported: usize,
}

impl<'a> Report<'a> {
    pub fn new(fixtures: &[Fixture], json: bool, out: &'a mut dyn Write) -> Self {
        let name_width = fixtures.iter().map(|fixture| fixture.name.len()).max().unwrap_or(0);
        let widest = |pass: Pass| schedules::width() + pass.label("").len();
        let has_gradients = fixtures.iter().any(Fixture::is_trained);
        let schedule_width = widest(if has_gradients { Pass::Backward } else { Pass::Forward });
        let collected = json.then(Vec::new);
        Report { out, collected, name_width, schedule_width, ok: 0, fail: 0, unsupported: 0 }
    }

    pub fn add(&mut self, case: &str, pass: Pass, schedule: &str, outcome: Outcome) -> Result<()> {
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
                "pass": pass.name(),
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
        let (name_width, schedule_width) = (self.name_width, self.schedule_width);
        let schedule = pass.label(schedule);
        let line = format!(
            "{status:<11}  {case:<name_width$}  {schedule:<schedule_width$}  {error:>6}  {tolerance:>4}  {reason}"
        );
        writeln!(self.out, "{}", line.trim_end())?;
        Ok(())
    }

    pub fn finish(self, gpu: &Gpu) -> Result<Verdict> {
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
