//! What was compared, as Markdown for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use wgpu_rnn::Gpu;
use wgpu_rnn::wgpu::AdapterInfo;

use crate::case::Case;
use crate::contest::{Outcome, Row};
use crate::failure::{Failure, Result};
use crate::measure::Times;
use crate::peer::Peer;
use crate::shapes::Shape;
use crate::{adapter, text};

pub struct Report {
    info: AdapterInfo,
    date: String,
    is_training: bool,
    rounds: u32,
    entries: Vec<Entry>,
}

/// A shape by all peers.
struct Entry {
    /// With the time steps that were run.
    shape: Shape,
    /// Those that it should have had.
    seq_len: usize,
    /// Rows and steps that were compared with the reference.
    compared: (usize, usize),
    rows: Vec<Row>,
}

/// Of a package that this crate was built with.
pub fn version_of(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let after = lock.split(&format!("name = \"{package}\"\nversion = \"")).nth(1);
    after.and_then(|after| after.split('"').next()).unwrap_or("?")
}

impl Report {
    pub fn new(gpu: &Gpu, is_training: bool, rounds: u32) -> Self {
        let date = text::date(SystemTime::now());
        Report { info: gpu.info().clone(), date, is_training, rounds, entries: Vec::new() }
    }

    pub fn add(&mut self, shape: Shape, seq_len: usize, case: &Case, rows: Vec<Row>) {
        self.entries.push(Entry { shape, seq_len, compared: case.extent(), rows });
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.entries.iter().flat_map(|entry| &entry.rows)
    }

    pub fn is_empty(&self) -> bool {
        !self.rows().any(|row| matches!(row.outcome, Outcome::Timed { .. }))
    }

    pub fn has_wrong(&self) -> bool {
        self.rows().any(|row| matches!(row.outcome, Outcome::Wrong(_)))
    }

    pub fn print(&self) {
        print!("{}", self.markdown());
    }

    /// `ADAPTER-DATE-PASS.md` and `.json` in the folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let failed = |path: &Path| {
            let path = PathBuf::from(path);
            move |error| Failure::file(&path, error)
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let pass = if self.is_training { "training" } else { "forward" };
        let minute = self.date.replace(':', "");
        let name = format!("{}-{}-{pass}", slug(&self.info.name), &minute[..minute.len().min(15)]);
        let write = |extension, text: String| {
            let path = folder.join(format!("{name}.{extension}"));
            std::fs::write(&path, text).map_err(failed(&path))
        };
        write("md", self.markdown())?;
        write("json", format!("{:#}\n", self.json()))
    }

    fn pass(&self) -> &'static str {
        if self.is_training { "forward and backward pass" } else { "forward pass" }
    }

    /// What each peer says of itself, by name.
    fn abouts(&self) -> BTreeMap<String, String> {
        let about = |row: &Row| {
            let about = row.about.as_ref()?;
            Some((row.peer.name(), format!("{}; {}", about.version, about.device)))
        };
        self.rows().filter_map(about).collect()
    }

    fn markdown(&self) -> String {
        let mut out = String::new();
        let (pass, rounds, date) = (self.pass(), self.rounds, &self.date);
        let adapter = adapter::line(&self.info);
        let _ = writeln!(out, "# {adapter}: {pass}\n");
        let _ = writeln!(out, "{date}, {}, {rounds} rounds in turns.\n", env!("RUSTC_VERSION"));
        for (peer, about) in self.abouts() {
            let _ = writeln!(out, "- {peer}: {about}");
        }
        out += "\nTime is the median of the host's clock from call to end of work, arrays on the peer's device; then the \
                quartiles. Ratio is to wgpu-rnn: above 1 is slower. GPU is the median by the GPU's own clock. Error is \
                max |a - b| / max(1, max |b|) to the CPU reference in f64.\n\n";
        out += "| shape | T,B,I,H,L | peer | time | quartiles | ratio | GPU | error | |\n";
        out += "|---|---|---|---:|---:|---:|---:|---:|---|\n";
        for entry in &self.entries {
            entry.lines(&mut out);
        }
        out
    }

    fn json(&self) -> Value {
        json!({
            "adapter": adapter::json(&self.info),
            "date": self.date,
            "rustc": env!("RUSTC_VERSION"),
            "pass": self.pass(),
            "rounds": self.rounds,
            "peers": self.abouts(),
            "results": self.entries.iter().map(Entry::json).collect::<Vec<_>>(),
        })
    }
}

impl Entry {
    /// Median of wgpu-rnn as planned.
    fn base(&self) -> Option<f64> {
        self.rows.iter().find_map(|row| match (row.peer, &row.outcome) {
            (Peer::WgpuRnn(None), Outcome::Timed { wall, .. }) => Some(wall.median),
            _ => None,
        })
    }

    fn name(&self) -> String {
        let sizes = self.shape.sizes();
        let directions = if sizes.is_bidirectional() { "bidirectional " } else { "" };
        let id = self.shape.id.as_deref().unwrap_or("-");
        format!("{id}: {directions}{}", sizes.cell)
    }

    fn lines(&self, out: &mut String) {
        for (n, row) in self.rows.iter().enumerate() {
            // The shape is told once.
            let head = match n {
                0 => format!("| {} | {}", self.name(), self.shape.numbers()),
                _ => "| |".into(),
            };
            let numbers = match &row.outcome {
                Outcome::Timed { deviation, wall, device } => [
                    text::seconds(wall.median),
                    format!(
                        "{} – {}",
                        text::seconds(wall.quartiles.0),
                        text::seconds(wall.quartiles.1)
                    ),
                    self.base().map_or("–".into(), |base| text::three_digits(wall.median / base)),
                    device.map_or("–".into(), |device| text::seconds(device.median)),
                    format!("{:.1e}", deviation.error),
                ],
                Outcome::Wrong(deviation) => [
                    "WRONG".into(),
                    "–".into(),
                    "–".into(),
                    "–".into(),
                    format!("{:.1e}", deviation.error),
                ],
                Outcome::Failed(_) => ["–"; 5].map(String::from),
            };
            let mut notes: Vec<String> = row.note.iter().cloned().collect();
            if n == 0 {
                notes.extend(self.notes());
            }
            match &row.outcome {
                Outcome::Wrong(deviation) => notes.push(deviation.place.clone()),
                Outcome::Failed(why) => notes.push(why.clone()),
                Outcome::Timed { .. } => {}
            }
            let notes = notes.join("; ").replace('|', "\\|");
            let _ =
                writeln!(out, "{head} | {} | {} | {notes} |", row.peer.name(), numbers.join(" | "));
        }
    }

    /// What has to be known of the shape beside its numbers.
    fn notes(&self) -> Vec<String> {
        let Shape { seq_len, batch, .. } = self.shape;
        let (rows, steps) = self.compared;
        let cut = (seq_len < self.seq_len).then(|| format!("T cut from {}", self.seq_len));
        let part = (rows < batch || steps < seq_len)
            .then(|| format!("compared: {rows} of {batch} rows, {steps} of {seq_len} steps"));
        cut.into_iter().chain(part).collect()
    }

    fn json(&self) -> Value {
        let sizes = self.shape.sizes();
        json!({
            "shape": self.shape.id,
            "cell": sizes.cell.to_string(),
            "seq_len": self.shape.seq_len,
            "uncut_seq_len": self.seq_len,
            "batch": self.shape.batch,
            "input_size": sizes.input_size,
            "hidden_size": sizes.hidden_size,
            "num_layers": sizes.num_layers,
            "bidirectional": sizes.is_bidirectional(),
            "compared": {"rows": self.compared.0, "seq_len": self.compared.1},
            "peers": self.rows.iter().map(|row| self.row_json(row)).collect::<Vec<_>>(),
        })
    }

    fn row_json(&self, row: &Row) -> Value {
        let mut value = json!({"peer": row.peer.name(), "note": row.note});
        match &row.outcome {
            Outcome::Timed { deviation, wall, device } => {
                value["status"] = "ok".into();
                value["error"] = deviation.error.into();
                value["wall"] = times_json(wall);
                value["device"] = device.as_ref().map(times_json).into();
                value["ratio"] = self.base().map(|base| wall.median / base).into();
            }
            Outcome::Wrong(deviation) => {
                value["status"] = "wrong".into();
                value["error"] = deviation.error.into();
                value["worst"] = deviation.place.as_str().into();
            }
            Outcome::Failed(why) => {
                value["status"] = "failed".into();
                value["reason"] = why.as_str().into();
            }
        }
        value
    }
}

fn times_json(times: &Times) -> Value {
    json!({
        "median_seconds": times.median,
        "quartile_seconds": [times.quartiles.0, times.quartiles.1],
        "runs": times.runs,
    })
}

/// Of letters, digits and single hyphens.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}
