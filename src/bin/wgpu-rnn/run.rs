//! `wgpu-rnn run`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use wgpu_rnn::ndarray::{ArrayD, Axis, Slice};
use wgpu_rnn::{LayerConfig, Lstm, LstmState};

use crate::adapter::{self, AdapterArgs};
use crate::failure::{Failure, Result};
use crate::files::{self, ArrayFormat};
use crate::{Verdict, text};

/// Run an LSTM from a safetensors file over a sequence
///
/// Arrays are npy (f32 or f64), or csv with a time step a line, by the end of the file's name.
#[derive(clap::Args)]
#[command(after_help = "\
Shapes: x [T, B, I] or [T, I], y [T, B, D*H] or [T, D*H]; states [L*D, B, H] or [L*D, H].

Example:
  wgpu-rnn run model.safetensors --prefix encoder.lstm --input x.npy --output y.npy --h-n h_n.npy")]
pub struct Args {
    /// The safetensors file
    model: PathBuf,
    /// The input sequence
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where to put the output sequence
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// What stands before `.weight_ih_l0` in the file; needed where it holds several stacks
    #[arg(long)]
    prefix: Option<String>,
    /// The initial hidden state, else zero
    #[arg(long, value_name = "FILE")]
    h0: Option<PathBuf>,
    /// The initial cell state, else zero
    #[arg(long, value_name = "FILE")]
    c0: Option<PathBuf>,
    /// Where to put the final hidden state
    #[arg(long, value_name = "FILE")]
    h_n: Option<PathBuf>,
    /// Where to put the final cell state
    #[arg(long, value_name = "FILE")]
    c_n: Option<PathBuf>,
    /// Sequences are [B, T, ..] instead of [T, B, ..]
    #[arg(long)]
    batch_first: bool,
}

/// Steps between two looks at the progress. The state goes through the host there.
const STEPS_AT_ONCE: usize = 1024;

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let results = [Some(&args.output), args.h_n.as_ref(), args.c_n.as_ref()];
    for path in results.into_iter().flatten() {
        ArrayFormat::of(path)?;
    }
    let weights = files::read_lstm(&args.model, args.prefix.as_deref())?;
    let x = read_sequence(&args.input, weights.sizes().input_size)?;
    let [h0, c0] = [&args.h0, &args.c0].map(|path| path.as_deref().map(files::read_array));
    let (h0, c0) = (h0.transpose()?, c0.transpose()?);
    let gpu = adapter.open()?;
    let config = LayerConfig { batch_first: args.batch_first, ..Default::default() };
    let lstm = Lstm::new(&gpu, &weights, config)?;

    let begin = Instant::now();
    let (y, state) = forward(&lstm, &x, initial_state(h0, c0), args.batch_first)?;
    let elapsed = text::seconds(begin.elapsed().as_secs_f64());

    files::write_array(&args.output, &y)?;
    for (path, array) in [(&args.h_n, &state.h), (&args.c_n, &state.c)] {
        if let Some(path) = path {
            files::write_array(path, array)?;
        }
    }
    let (path, shape, name) = (args.output.display(), y.shape(), adapter::name(gpu.info()));
    writeln!(out, "{path}: {shape:?} in {elapsed} on {name}")?;
    Ok(Verdict::Good)
}

fn read_sequence(path: &Path, input_size: usize) -> Result<ArrayD<f32>> {
    let x = files::read_array(path)?;
    let shape = x.shape();
    if !(2..=3).contains(&shape.len()) || shape.contains(&0) {
        let reason = format!("has shape {shape:?}, expected 2 or 3 axes and no side of length 0");
        return Err(Failure::file(path, reason));
    }
    if shape.last() != Some(&input_size) {
        let features = text::count(input_size, "feature");
        let reason = format!("has shape {shape:?}, but the layers take {features} a step");
        return Err(Failure::file(path, reason));
    }
    Ok(x)
}

/// Where one of the two is missing it is zero; where both are, so is the state.
fn initial_state(h0: Option<ArrayD<f32>>, c0: Option<ArrayD<f32>>) -> Option<LstmState> {
    let zeros = |other: &ArrayD<f32>| ArrayD::zeros(other.raw_dim());
    match (h0, c0) {
        (None, None) => None,
        (Some(h), Some(c)) => Some(LstmState { h, c }),
        (Some(h), None) => Some(LstmState { c: zeros(&h), h }),
        (None, Some(c)) => Some(LstmState { h: zeros(&c), c }),
    }
}

/// Runs the sequence in parts that carry the state. A stack that also runs backwards needs it whole.
fn forward(
    lstm: &Lstm,
    x: &ArrayD<f32>,
    mut state: Option<LstmState>,
    batch_first: bool,
) -> Result<(ArrayD<f32>, LstmState)> {
    let time = Axis(usize::from(batch_first && x.ndim() == 3));
    let seq_len = x.len_of(time);
    if lstm.sizes().is_bidirectional() || seq_len <= STEPS_AT_ONCE {
        return Ok(lstm.forward(x.view(), state.as_ref())?);
    }
    let mut shape = x.raw_dim();
    shape[x.ndim() - 1] = lstm.sizes().output_size();
    let mut y = ArrayD::zeros(shape);
    let bar = progress_bar(seq_len as u64);
    let mut first = 0;
    loop {
        let end = seq_len.min(first + STEPS_AT_ONCE);
        let part = Slice::from(first..end);
        let (y_part, state_part) = lstm.forward(x.slice_axis(time, part), state.as_ref())?;
        y.slice_axis_mut(time, part).assign(&y_part);
        bar.set_position(end as u64);
        if end == seq_len {
            bar.finish_and_clear();
            return Ok((y, state_part));
        }
        (first, state) = (end, Some(state_part));
    }
}

/// Shown where standard error is a terminal.
fn progress_bar(steps: u64) -> ProgressBar {
    let template = "{bar:40} {pos}/{len} steps, {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
