//! Running a whole Keras model: x or token ids in, the outputs of layers out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use wgpu_rnn::io::keras::Keras;
use wgpu_rnn::ndarray::{ArrayD, Axis};
use wgpu_rnn::{LayerConfig, LayerInput, ModelWeights, StageWeights};

use super::{Args, graph, only, read_sequence};
use crate::adapter::{self, AdapterArgs};
use crate::failure::{Failure, Result};
use crate::files::{self, ArrayFormat};
use crate::text;

pub fn run(args: &Args, keras: &Keras, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<()> {
    graph::refuse_options(args, "a model")?;
    let input = only(&args.input, "--input")?;
    let failure = |error| Failure::file(&args.model, error);
    let mut wanted = Vec::new();
    for (layer, path) in outputs(args, keras)? {
        ArrayFormat::of(&path)?;
        wanted.push((keras.weights_to(layer).map_err(failure)?, layer, path));
    }
    let gpu = adapter.open()?;
    let weight_format = args.format.weight_format;
    let config = LayerConfig { weight_format, ..Default::default() };
    for (weights, layer, path) in wanted {
        let (x, ids) = match weights.takes_ids() {
            true => (None, Some(read_ids(&input)?)),
            false => (Some(read_sequence(&input, weights.input_size())?), None),
        };
        let given = match (&x, &ids) {
            (Some(x), _) => LayerInput::Features(x.view()),
            (_, Some(ids)) => LayerInput::Ids(ids.view()),
            (None, None) => continue,
        };
        let model = weights.load(&gpu, config).map_err(failure)?;
        let begin = Instant::now();
        let (y, _) = model.forward_input(given, args.lengths.as_deref(), None).map_err(failure)?;
        let elapsed = text::seconds(begin.elapsed().as_secs_f64());
        let y = as_in_keras(y, &weights);
        files::write_array(&path, &y)?;
        let (path, shape, adapter) = (path.display(), y.shape(), adapter::name(gpu.info()));
        writeln!(out, "{path}: {shape:?}, output {layer}, in {elapsed} on {adapter}")?;
    }
    Ok(())
}

/// `NAME=FILE`, or `FILE` alone for the last output.
fn outputs<'a>(args: &Args, keras: &'a Keras) -> Result<Vec<(&'a str, PathBuf)>> {
    let layer = |name: &str| keras.layers().map(|(layer, _)| layer).find(|layer| *layer == name);
    let output = |text: &String| {
        let named = text.split_once('=').and_then(|(name, path)| Some((layer(name)?, path)));
        let (layer, path) = match (named, keras.outputs().last()) {
            (Some(named), _) => named,
            (None, Some(last)) if args.output.len() == 1 => (last, text.as_str()),
            _ => {
                let reason =
                    format!("--output {text}: expected NAME=FILE with the name of a layer");
                return Err(Failure::Request(reason));
            }
        };
        Ok((layer, PathBuf::from(path)))
    };
    args.output.iter().map(output).collect()
}

fn read_ids(path: &Path) -> Result<ArrayD<u32>> {
    let ids = files::read_integers(path)?;
    let (shape, values) = (ids.raw_dim(), ids.into_iter().map(|id| u32::try_from(id).ok()));
    let ids = values.collect::<Option<Vec<u32>>>();
    let ids = ids.and_then(|ids| ArrayD::from_shape_vec(shape, ids).ok());
    ids.ok_or_else(|| Failure::file(path, "holds numbers that are no token ids"))
}

/// Keras leaves out the axis of the only step that is left.
fn as_in_keras(y: ArrayD<f32>, weights: &ModelWeights) -> ArrayD<f32> {
    let is_one_step =
        weights.stages().iter().any(|(_, stage)| matches!(stage, StageWeights::Last(_)));
    let axis = y.ndim().saturating_sub(2);
    if is_one_step && y.ndim() == 3 { y.remove_axis(Axis(axis)) } else { y }
}
