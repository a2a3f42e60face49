//! `wgpu-rnn inspect`

mod graph;
mod stacks;

use std::io::Write;
use std::path::PathBuf;

use crate::Verdict;
use crate::failure::Result;
use crate::model_file::ModelFile;

/// List what is in a model file: safetensors or ONNX
#[derive(clap::Args)]
#[command(after_help = "Example:\n  wgpu-rnn inspect model.safetensors")]
pub struct Args {
    /// The file; ONNX by its ending .onnx, else safetensors
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, out: &mut dyn Write) -> Result<Verdict> {
    match ModelFile::open(&args.file)? {
        ModelFile::Safetensors(file) => stacks::print(&args.file, &file, args.json, out)?,
        ModelFile::Onnx(onnx) => graph::print(&args.file, &onnx, args.json, out)?,
    }
    Ok(Verdict::Good)
}
