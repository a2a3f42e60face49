//! What was measured, as a table or as JSON.

use std::io::Write;
use std::time::SystemTime;

use serde_json::{Value, json};
use wgpu_rnn::wgpu::AdapterInfo;
use wgpu_rnn::{Ceilings, WeightFormat, WordSeconds};

use super::backward::Trained;
use super::measure::{Times, Verified};
use super::{Bench, Outcome, Row, Timed, Tuned};
use crate::failure::{Failure, Result};
use crate::shapes::Shape;
use crate::{Verdict, adapter, schedules, text};

/// Prints rows as they come, or collects them.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    /// All but the rows, which are collected.
    json: Option<(Value, Vec<Value>)>,
    widths: [usize; 3],
    is_timed: bool,
    is_wrong: bool,
}

/// One row of the table.
struct Line<'a> {
    shape: &'a str,
    cell: &'a str,
    sizes: &'a str,
    schedule: &'a str,
    /// As in [`HEADERS`] or [`TRAINING_HEADERS`].
    numbers: [&'a str; 9],
}

const HEADERS: [&str; 9] = ["CALL", "", "GPU", "", "STEP", "GFLOP/s", "FLOOR", "MODEL", ""];
const TRAINING_HEADERS: [&str; 9] = ["FORWARD", "", "BACK", "", "STEP", "RATIO", "", "", ""];

impl<'a> Report<'a> {
    pub fn begin(
        bench: &Bench<'_>,
        shapes: &[Shape],
        json: bool,
        out: &'a mut dyn Write,
    ) -> Result<Self> {
        let (info, ceilings) = (bench.gpu.info(), bench.ceilings);
        let width = |header: &str, text: fn(&Shape) -> String| {
            shapes.iter().map(|shape| text(shape).len()).fold(header.len(), usize::max)
        };
        let widths = [width("SHAPE", name), width("CELL", cell), width("T,B,I,H,L", sizes)];
        let json = json.then(|| (head_json(info, ceilings), Vec::new()));
        let mut report = Report { out, json, widths, is_timed: false, is_wrong: false };
        if report.json.is_none() {
            let Ceilings { bytes_per_second, flops_per_second, .. } = ceilings;
            let [bytes, flops] =
                [bytes_per_second, flops_per_second].map(|n| text::three_digits(n / 1e9));
            let [dispatch, exchange] =
                [ceilings.dispatch_seconds, ceilings.exchange_seconds].map(text::seconds);
            writeln!(report.out, "{}", adapter::line(info))?;
            writeln!(
                report.out,
                "ceilings: {bytes} GB/s, {flops} GFLOP/s; at least {dispatch} a dispatch, {exchange} an exchange\n"
            )?;
            let [shape, cell, sizes, schedule] = ["SHAPE", "CELL", "T,B,I,H,L", "SCHEDULE"];
            let numbers = if bench.is_training { TRAINING_HEADERS } else { HEADERS };
            report.print(Line { shape, cell, sizes, schedule, numbers })?;
        }
        Ok(report)
    }

    pub fn add(&mut self, row: Row) -> Result<()> {
        match row.outcome {
            Outcome::Timed(_) | Outcome::Trained(_) => self.is_timed = true,
            Outcome::Wrong(_) => self.is_wrong = true,
            Outcome::Unsupported(_) => {}
        }
        match &mut self.json {
            Some((_, rows)) => {
                rows.push(row_json(&row));
                Ok(())
            }
            None => self.print_row(&row),
        }
    }

    pub fn finish(self) -> Result<Verdict> {
        if let Some((mut value, rows)) = self.json {
            value["results"] = rows.into();
            writeln!(self.out, "{value:#}")?;
        }
        match (self.is_wrong, self.is_timed) {
            (true, _) => Ok(Verdict::Bad),
            (false, true) => Ok(Verdict::Good),
            (false, false) => Err(Failure::Request("nothing was timed".into())),
        }
    }

    fn print_row(&mut self, row: &Row) -> Result<()> {
        let schedule = row.schedule.map_or("-".into(), |schedule| schedule.to_string());
        let numbers = match &row.outcome {
            Outcome::Timed(timed) => timed.cells(row.shape.seq_len),
            Outcome::Trained(trained) => trained.cells(row.shape.seq_len),
            _ => Default::default(),
        };
        let (shape, cell, sizes) = (&name(&row.shape), &cell(&row.shape), &sizes(&row.shape));
        let numbers = numbers.each_ref().map(String::as_str);
        self.print(Line { shape, cell, sizes, schedule: &schedule, numbers })?;
        for note in notes(row) {
            writeln!(self.out, "  {note}")?;
        }
        Ok(())
    }

    fn print(&mut self, line: Line<'_>) -> Result<()> {
        let Line { shape, cell, sizes, schedule, numbers } = line;
        let [call, call_spread, gpu, gpu_spread, step, rate, floor, model, model_part] = numbers;
        let ([shape_width, cell_width, sizes_width], schedule_width) =
            (self.widths, schedules::width());
        let line = format!(
            "{shape:<shape_width$}  {cell:<cell_width$}  {sizes:<sizes_width$}  \
             {schedule:<schedule_width$}  {call:>7} {call_spread:<5} {gpu:>7} {gpu_spread:<5} {step:>7}  {rate:>7}  {floor:>6}  \
             {model:>7} {model_part:>5}"
        );
        writeln!(self.out, "{}", line.trim_end())?;
        Ok(())
    }
}

impl Timed {
    /// The GPU's time where it is known.
    fn best(&self) -> Times {
        self.gpu.unwrap_or(self.wall)
    }

    fn flops_per_second(&self) -> f64 {
        self.flops as f64 / self.best().median
    }

    fn floor_fraction(&self) -> f64 {
        self.estimate.floor.seconds() / self.best().median
    }

    fn predicted_over_measured(&self) -> f64 {
        self.estimate.predicted / self.best().median
    }

    fn cells(&self, seq_len: usize) -> [String; 9] {
        let [call, call_spread] = time(self.wall);
        let [gpu, gpu_spread] = self.gpu.map_or(["-".into(), String::new()], time);
        let step = text::seconds(self.best().median / seq_len as f64);
        let rate = text::three_digits(self.flops_per_second() / 1e9);
        let floor = format!("{}%", text::three_digits(100.0 * self.floor_fraction()));
        let model = text::seconds(self.estimate.predicted_step());
        let model_part = format!("{:.0}%", 100.0 * self.predicted_over_measured());
        [call, call_spread, gpu, gpu_spread, step, rate, floor, model, model_part]
    }
}

impl Tuned {
    fn note(&self) -> String {
        let Tuned { reason, planned, planned_rows, ratio } = self;
        let (times, spread) = (text::three_digits(ratio.median), spread(*ratio));
        format!(
            "{reason}; untuned, {planned} with {planned_rows} rows, takes {times} {spread} times as long"
        )
    }
}

impl Trained {
    fn cells(&self, seq_len: usize) -> [String; 9] {
        let [[forward, forward_spread], [backward, backward_spread]] =
            [self.forward, self.backward].map(time);
        let step = text::seconds(self.backward.median / seq_len as f64);
        let ratio = text::three_digits(self.ratio.median);
        let none = String::new;
        let ratio_spread = spread(self.ratio);
        [
            forward,
            forward_spread,
            backward,
            backward_spread,
            step,
            ratio,
            ratio_spread,
            none(),
            none(),
        ]
    }
}

/// With its spread.
fn time(times: Times) -> [String; 2] {
    [text::seconds(times.median), spread(times)]
}

/// Half the distance between the quartiles.
fn spread(times: Times) -> String {
    let (low, high) = times.quartiles;
    format!("±{:.0}%", 50.0 * (high - low) / times.median)
}

fn name(shape: &Shape) -> String {
    shape.id.clone().unwrap_or("-".into())
}

/// With the format of the weights where it is not the usual one.
fn cell(shape: &Shape) -> String {
    let cell = shape.sizes().cell;
    match shape.weight_format {
        WeightFormat::F32 => cell.to_string(),
        format => format!("{cell} {format}"),
    }
}

fn sizes(shape: &Shape) -> String {
    let directions = if shape.sizes().is_bidirectional() { " bi" } else { "" };
    format!("{}{directions}", shape.numbers())
}

/// What has to be known of a row beside its numbers.
fn notes(row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(whole) = row.cut_from {
        notes.push(format!("T cut from {whole} to {} for a software adapter", row.shape.seq_len));
    }
    match &row.outcome {
        Outcome::Timed(Timed { verified, tuned, .. }) => {
            notes.extend(tuned.as_ref().map(Tuned::note));
            notes.extend(extent(verified, &row.shape));
        }
        Outcome::Trained(trained) => {
            let forward = trained.forward_schedule;
            let differs = row.schedule != Some(forward);
            notes.extend(differs.then(|| format!("the forward pass is {forward}")));
            notes.extend(extent(&trained.verified, &row.shape));
        }
        Outcome::Wrong(verified) => {
            let (error, place) = (verified.deviation.error, &verified.deviation.place);
            notes.push(format!("FAIL, not timed: error {error:.1e}: {place}"));
        }
        Outcome::Unsupported(reason) => notes.push(format!("unsupported: {reason}")),
    }
    notes
}

/// Says so where not all of the result was verified.
fn extent(verified: &Verified, shape: &Shape) -> Option<String> {
    let Verified { rows, seq_len, .. } = verified;
    let Shape { batch, seq_len: whole, .. } = shape;
    (rows < batch || seq_len < whole)
        .then(|| format!("verified: {rows} of {batch} rows, {seq_len} of {whole} steps"))
}

fn head_json(info: &AdapterInfo, ceilings: Ceilings) -> Value {
    let word = |WordSeconds { load, row }: WordSeconds| json!({ "load": load, "row": row });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "date": text::date(SystemTime::now()),
        "adapter": adapter::json(info),
        "ceilings": {
            "bytes_per_second": ceilings.bytes_per_second,
            "flops_per_second": ceilings.flops_per_second,
            "dispatch_seconds": ceilings.dispatch_seconds,
            "exchange_seconds": ceilings.exchange_seconds,
            "workgroup_word_seconds": ceilings.workgroup_word.map(word),
            "device_word_seconds": word(ceilings.device_word),
        },
    })
}

fn row_json(row: &Row) -> Value {
    let (shape, sizes) = (&row.shape, row.shape.sizes());
    let mut value = json!({
        "shape": shape.id,
        "cell": sizes.cell.to_string(),
        "weights": shape.weight_format.to_string(),
        "seq_len": shape.seq_len,
        "cut_from_seq_len": row.cut_from,
        "batch": shape.batch,
        "input_size": sizes.input_size,
        "hidden_size": sizes.hidden_size,
        "num_layers": sizes.num_layers,
        "bidirectional": sizes.is_bidirectional(),
        "schedule": row.schedule.map(|schedule| schedule.to_string()),
    });
    match &row.outcome {
        Outcome::Timed(timed) => {
            let steps = shape.seq_len as f64;
            value["status"] = "ok".into();
            value["verified"] = verified_json(&timed.verified);
            value["call"] = times_json(timed.wall, steps);
            value["gpu"] = timed.gpu.map(|times| times_json(times, steps)).into();
            value["step_us"] = (1e6 * timed.best().median / steps).into();
            value["flops"] = timed.flops.into();
            value["gflops_per_second"] = (timed.flops_per_second() / 1e9).into();
            value["floor_seconds"] = timed.estimate.floor.seconds().into();
            value["floor_fraction"] = timed.floor_fraction().into();
            if let Some(Tuned { reason, ratio, .. }) = &timed.tuned {
                value["tuned"] = reason.as_str().into();
                value["untuned_over_tuned"] = ratio.median.into();
            }
            value["predicted_step_us"] = (1e6 * timed.estimate.predicted_step()).into();
            value["predicted_over_measured"] = timed.predicted_over_measured().into();
        }
        Outcome::Trained(trained) => {
            let steps = shape.seq_len as f64;
            value["status"] = "ok".into();
            value["verified"] = verified_json(&trained.verified);
            value["forward_schedule"] = trained.forward_schedule.to_string().into();
            value["timed_by"] = if trained.by_gpu { "gpu" } else { "host" }.into();
            value["forward"] = times_json(trained.forward, steps);
            value["backward"] = times_json(trained.backward, steps);
            value["step_us"] = (1e6 * trained.backward.median / steps).into();
            value["ratio"] = trained.ratio.median.into();
            value["ratio_quartiles"] =
                json!([trained.ratio.quartiles.0, trained.ratio.quartiles.1]);
        }
        Outcome::Wrong(verified) => {
            value["status"] = "FAIL".into();
            value["verified"] = verified_json(verified);
        }
        Outcome::Unsupported(reason) => {
            value["status"] = "unsupported".into();
            value["reason"] = reason.as_str().into();
        }
    }
    value
}

fn verified_json(verified: &Verified) -> Value {
    json!({
        "rows": verified.rows,
        "seq_len": verified.seq_len,
        "error": verified.deviation.error,
        "worst": verified.deviation.place,
    })
}

fn times_json(times: Times, steps: f64) -> Value {
    json!({
        "median_seconds": times.median,
        "quartile_seconds": [times.quartiles.0, times.quartiles.1],
        "step_us": 1e6 * times.median / steps,
        "runs": times.runs,
    })
}
