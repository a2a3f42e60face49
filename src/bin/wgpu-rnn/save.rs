//! `wgpu-rnn save`

use std::io::Write;
use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::keras_layers::LayerArgs;
use crate::model_file::{self, ModelFile};
use crate::{Verdict, text};

/// Write the weights of an ONNX or Keras model as safetensors, by PyTorch's names
#[derive(clap::Args)]
#[command(after_help = "\
In PyTorch: module.load_state_dict(safetensors.torch.load_file(\"model.safetensors\")). What PyTorch has no module for
(peepholes, clips, other activations, a GRU with reset before) is refused by name, and so is a graph that does more
than its stages: holds initial states, or reorders its input.

Example:
  wgpu-rnn save model.onnx model.safetensors")]
pub struct Args {
    /// The model: .onnx, .keras or .weights.h5
    model: PathBuf,
    /// The safetensors file to write; one that is there is replaced
    output: PathBuf,
    #[command(flatten)]
    layers: LayerArgs,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Result<Verdict> {
    let file = ModelFile::open(&args.model, &args.layers)?;
    if let ModelFile::Safetensors(_) = file {
        return Err(Failure::file(&args.model, "is safetensors already"));
    }
    let weights = file.weights(&args.model)?;
    weights.save(&args.output).map_err(|error| model_file::failure(&args.output, error))?;
    let stages = text::count(weights.stages().len(), "stage");
    writeln!(out, "{}: {stages} of {}", args.output.display(), args.model.display())?;
    Ok(Verdict::Good)
}
