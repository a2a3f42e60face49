//! `wgpu-rnn inspect`

mod graph;
mod layers;
mod stacks;

use std::io::Write;
use std::path::PathBuf;

use crate::Verdict;
use crate::failure::Result;
use crate::keras_layers::LayerArgs;
use crate::model_file::ModelFile;

/// List what is in a model file: safetensors, ONNX or Keras
#[derive(clap::Args)]
#[command(after_help = "Example:\n  wgpu-rnn inspect model.safetensors")]
pub struct Args {
    /// The file; by its ending .onnx, .keras or .weights.h5, else safetensors
    file: PathBuf,
    #[command(flatten)]
    layers: LayerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Result<Verdict> {
    match ModelFile::open(&args.file, &args.layers)? {
        ModelFile::Safetensors(file) => stacks::print(&args.file, &file, args.json, out)?,
        ModelFile::Keras(keras) => layers::print(&args.file, &keras, args.json, out)?,
        ModelFile::Onnx(onnx) => graph::print(&args.file, &onnx, args.json, out)?,
    }
    Ok(Verdict::Good)
}
