//! `wgpu-rnn run`

mod graph;
mod keras;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use wgpu_rnn::io::safetensors::File;
use wgpu_rnn::ndarray::{ArrayD, Axis, Slice};
use wgpu_rnn::{Cell, Gpu, Kind, Layer, LayerConfig, LayerSizes, Weights};

use crate::adapter::{self, AdapterArgs};
use crate::cells::{ResetArgs, by_kind, check_option};
use crate::failure::{Failure, Result};
use crate::files::{self, ArrayFormat};
use crate::keras_layers::LayerArgs;
use crate::model_file::ModelFile;
use crate::shapes::FormatArgs;
use crate::{Verdict, text};

/// Run a model over a sequence: a stack of layers from a safetensors file, an ONNX graph, or a Keras model
///
/// Of safetensors, the cell and its sizes follow from the shapes of the tensors. Arrays are npy (f32 or f64), or csv with
/// a time step a line, by the end of the file's name.
#[derive(clap::Args)]
#[command(after_help = "\
Shapes: x [T, B, I] or [T, I], y [T, B, D*H] or [T, D*H]; states [L*D, B, H] or [L*D, H].

Example:
  wgpu-rnn run model.safetensors --prefix encoder.lstm --input x.npy --output y.npy --h-n h_n.npy
  wgpu-rnn run model.keras --input x.npy --output y.npy
  wgpu-rnn run model.weights.h5 --layer lstm:return_sequences=true --input x.npy --output y.npy
  wgpu-rnn run model.onnx --input x=x.npy --input sequence_lens=lens.npy --output y=y.npy")]
pub struct Args {
    /// The file; by its ending .onnx, .keras or .weights.h5, else safetensors
    model: PathBuf,
    #[command(flatten)]
    layers: LayerArgs,
    /// The input sequence; of a graph each input by its name, the first without
    #[arg(long, value_name = "[NAME=]FILE", required = true)]
    input: Vec<String>,
    /// Where to put the output sequence; of a graph each that is wanted, of a Keras model that of a layer by its name
    #[arg(long, value_name = "[NAME=]FILE", required = true)]
    output: Vec<String>,
    /// What stands before `.weight_ih_l0` in the file; needed where it holds several stacks
    #[arg(long)]
    prefix: Option<String>,
    #[command(flatten)]
    reset: ResetArgs,
    /// RNN: the activation, which the file does not tell [default: tanh]
    #[arg(long, value_name = "NAME")]
    nonlinearity: Option<Nonlinearity>,
    /// The initial hidden state, else zero
    #[arg(long, value_name = "FILE")]
    h0: Option<PathBuf>,
    /// LSTM: the initial cell state, else zero
    #[arg(long, value_name = "FILE")]
    c0: Option<PathBuf>,
    /// Where to put the final hidden state
    #[arg(long, value_name = "FILE")]
    h_n: Option<PathBuf>,
    /// LSTM: where to put the final cell state
    #[arg(long, value_name = "FILE")]
    c_n: Option<PathBuf>,
    /// Sequences are [B, T, ..] instead of [T, B, ..]
    #[arg(long)]
    batch_first: bool,
    #[command(flatten)]
    format: FormatArgs,
    /// The time steps of each batch row, else T for all
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    lengths: Option<Vec<usize>>,
}

/// By PyTorch's names.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Nonlinearity {
    Tanh,
    Relu,
}

/// Steps between two looks at the progress. The state goes through the host there.
const STEPS_AT_ONCE: usize = 1024;

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let file = match ModelFile::open(&args.model, &args.layers)? {
        ModelFile::Onnx(onnx) => {
            graph::run(args, onnx, adapter, out)?;
            return Ok(Verdict::Good);
        }
        ModelFile::Keras(keras) => {
            keras::run(args, &keras, adapter, out)?;
            return Ok(Verdict::Good);
        }
        ModelFile::Safetensors(file) => file,
    };
    let (input, output) = (only(&args.input, "--input")?, only(&args.output, "--output")?);
    let results = [Some(&output), args.h_n.as_ref(), args.c_n.as_ref()];
    let results = || results.into_iter().flatten();
    results().try_for_each(|path| ArrayFormat::of(path).map(drop))?;
    let weights = read_weights(args, &file)?;
    let sizes = weights.sizes();
    let x = read_sequence(&input, sizes.input_size)?;
    // All results have as many axes as x. A long run must not end in a file that cannot hold them.
    results().try_for_each(|path| files::check_axes(path, x.ndim()))?;
    let [h0, c0] = [&args.h0, &args.c0].map(|path| path.as_deref().map(files::read_array));
    let states = initial_states(h0.transpose()?, c0.transpose()?, &sizes);
    let gpu = adapter.open()?;
    let (y, h_n, c_n, elapsed) = by_kind!(sizes.cell, forward(&gpu, args, &weights, &x, states))?;

    files::write_array(&output, &y)?;
    for (path, array) in [(&args.h_n, Some(&h_n)), (&args.c_n, c_n.as_ref())] {
        if let (Some(path), Some(array)) = (path, array) {
            files::write_array(path, array)?;
        }
    }
    let (path, shape, elapsed) = (output.display(), y.shape(), text::seconds(elapsed));
    let (cell, name) = (sizes.cell, adapter::name(gpu.info()));
    writeln!(out, "{path}: {shape:?} from {cell} in {elapsed} on {name}")?;
    Ok(Verdict::Good)
}

/// A stack has one of each.
fn only(files: &[String], option: &str) -> Result<PathBuf> {
    match files {
        [file] => Ok(PathBuf::from(file)),
        _ => Err(Failure::Request(format!("a stack of layers has one {option}"))),
    }
}

fn read_weights(args: &Args, model: &File) -> Result<Weights> {
    let prefix = files::only_stack(&args.model, model, args.prefix.as_deref())?;
    let failure = |error| Failure::file(&args.model, error);
    let cell = model.cell(&prefix).map_err(failure)?;
    check_option("--nonlinearity", args.nonlinearity.is_some(), Cell::Rnn, cell)?;
    check_option("--c0", args.c0.is_some(), Cell::Lstm, cell)?;
    check_option("--c-n", args.c_n.is_some(), Cell::Lstm, cell)?;
    let weights = model.weights(&prefix, args.reset.apply(cell)?).map_err(failure)?;
    match args.nonlinearity {
        Some(Nonlinearity::Relu) => Ok(weights.with_relu()?),
        _ => Ok(weights),
    }
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

/// h and, where the cell has it, c.
type States = (ArrayD<f32>, Option<ArrayD<f32>>);

/// Where one of the two is missing it is zero; where both are, so is the state.
fn initial_states(
    h0: Option<ArrayD<f32>>,
    c0: Option<ArrayD<f32>>,
    sizes: &LayerSizes,
) -> Option<States> {
    // With a projection, h and c differ in their features.
    let zeros = |other: &ArrayD<f32>, features| {
        let mut shape = other.shape().to_vec();
        shape.pop();
        shape.push(features);
        ArrayD::zeros(shape)
    };
    match (h0, c0) {
        (None, None) => None,
        (None, Some(c)) => Some((zeros(&c, sizes.recurrent_size()), Some(c))),
        (Some(h), None) if sizes.cell.has_c() => {
            let c = zeros(&h, sizes.hidden_size);
            Some((h, Some(c)))
        }
        (Some(h), c) => Some((h, c)),
    }
}

/// y, h_n, c_n where the cell has it, and the seconds that the run took.
type Results = (ArrayD<f32>, ArrayD<f32>, Option<ArrayD<f32>>, f64);

fn forward<K: Kind>(
    gpu: &Gpu,
    args: &Args,
    weights: &Weights,
    x: &ArrayD<f32>,
    states: Option<States>,
) -> Result<Results> {
    let FormatArgs { weight_format } = args.format;
    let config = LayerConfig { batch_first: args.batch_first, weight_format, ..Default::default() };
    let layer = Layer::<K>::new(gpu, weights, config)?;
    let state = states.map(|(h, c)| K::state(h, c)).transpose()?;
    let begin = Instant::now();
    let (y, state) = match &args.lengths {
        Some(lengths) => layer.forward_lengths(x.view(), lengths, state.as_ref())?,
        None => forward_in_parts(&layer, x, state, args.batch_first)?,
    };
    let elapsed = begin.elapsed().as_secs_f64();
    let (h_n, c_n) = K::parts(&state);
    Ok((y, h_n.clone(), c_n.cloned(), elapsed))
}

/// Runs the sequence in parts that carry the state. A stack that also runs backwards needs it whole.
fn forward_in_parts<K: Kind>(
    layer: &Layer<K>,
    x: &ArrayD<f32>,
    mut state: Option<K::State>,
    batch_first: bool,
) -> Result<(ArrayD<f32>, K::State)> {
    let time = Axis(usize::from(batch_first && x.ndim() == 3));
    let seq_len = x.len_of(time);
    if layer.sizes().is_bidirectional() || seq_len <= STEPS_AT_ONCE {
        return Ok(layer.forward(x.view(), state.as_ref())?);
    }
    let mut shape = x.raw_dim();
    shape[x.ndim() - 1] = layer.sizes().output_size();
    let mut y = ArrayD::zeros(shape);
    let bar = progress_bar(seq_len as u64);
    let mut first = 0;
    loop {
        let end = seq_len.min(first + STEPS_AT_ONCE);
        let part = Slice::from(first..end);
        let (y_part, state_part) = layer.forward(x.slice_axis(time, part), state.as_ref())?;
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
