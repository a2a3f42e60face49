//! Running a whole ONNX graph: inputs and outputs by their names.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray_npy::write_npy;
use wgpu_rnn::LayerConfig;
use wgpu_rnn::io::onnx::{Dtype, Onnx, Tensor, ValueInfo};

use super::Args;
use crate::adapter::{self, AdapterArgs};
use crate::failure::{Failure, Result};
use crate::files::{self, ArrayFormat};
use crate::text;

pub fn run(args: &Args, onnx: Onnx, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<()> {
    refuse_options(args, "a graph")?;
    if args.lengths.is_some() {
        let reason = "--lengths is not for a graph, which has an input for them if it takes any";
        return Err(Failure::Request(reason.into()));
    }
    let inputs = named(&args.input, onnx.inputs(), "--input")?;
    let outputs = named(&args.output, onnx.outputs(), "--output")?;
    if let Some(missing) =
        onnx.inputs().iter().find(|info| inputs.iter().all(|(given, _)| given.name != info.name))
    {
        let reason = format!("no --input {}=FILE, which the graph takes", missing.name);
        return Err(Failure::Request(reason));
    }
    let tensors = inputs.iter().map(|(info, path)| Ok((info.name.as_str(), read(path, info)?)));
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    outputs.iter().try_for_each(|(_, path)| ArrayFormat::of(path).map(drop))?;
    let gpu = adapter.open()?;
    let weight_format = args.format.weight_format;
    let failure = |error| Failure::file(&args.model, error);
    let config = LayerConfig { weight_format, ..Default::default() };
    let model = onnx.clone().load(&gpu, config).map_err(failure)?;
    let begin = Instant::now();
    let results = model.run(&tensors).map_err(failure)?;
    let elapsed = text::seconds(begin.elapsed().as_secs_f64());
    for (info, path) in outputs {
        let Some((name, tensor)) = results.iter().find(|(name, _)| *name == info.name) else {
            continue;
        };
        write(&path, tensor)?;
        let (path, shape, adapter) = (path.display(), tensor.shape(), adapter::name(gpu.info()));
        writeln!(out, "{path}: {shape:?}, output {name}, in {elapsed} on {adapter}")?;
    }
    Ok(())
}

/// What is said of a stack of layers means nothing to a whole model, which says it itself.
pub(super) fn refuse_options(args: &Args, model: &str) -> Result<()> {
    let given = [
        ("--prefix", args.prefix.is_some()),
        ("--reset-before", args.reset.is_given()),
        ("--nonlinearity", args.nonlinearity.is_some()),
        ("--h0", args.h0.is_some()),
        ("--c0", args.c0.is_some()),
        ("--h-n", args.h_n.is_some()),
        ("--c-n", args.c_n.is_some()),
        ("--batch-first", args.batch_first),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((option, _)) => Err(Failure::Request(format!(
            "{option} is for a stack of layers, not for {model}: its inputs and outputs are --input and --output NAME=FILE"
        ))),
    }
}

/// `NAME=FILE`, or `FILE` alone where there is one value only, or one that comes first.
fn named<'a>(
    given: &[String],
    values: &'a [ValueInfo],
    option: &str,
) -> Result<Vec<(&'a ValueInfo, PathBuf)>> {
    let mut named: Vec<(&ValueInfo, PathBuf)> = Vec::new();
    for text in given {
        let by_name = text.split_once('=').and_then(|(name, path)| {
            Some((values.iter().find(|value| value.name == name)?, PathBuf::from(path)))
        });
        let (value, path) = match (by_name, values) {
            (Some(named), _) => named,
            (None, [first, ..]) if given.len() == 1 => (first, PathBuf::from(text)),
            _ => {
                let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
                let names = names.join(", ");
                let reason = format!("{option} {text}: expected NAME=FILE with a name of {names}");
                return Err(Failure::Request(reason));
            }
        };
        if named.iter().any(|(other, _)| other.name == value.name) {
            return Err(Failure::Request(format!("{option} {} is there twice", value.name)));
        }
        named.push((value, path));
    }
    Ok(named)
}

fn read(path: &Path, info: &ValueInfo) -> Result<Tensor> {
    match info.dtype {
        Dtype::F32 => files::read_array(path).map(Tensor::F32),
        Dtype::I64 => files::read_integers(path).map(Tensor::I64),
        other => {
            let reason = format!("input {} of {other} cannot be read from a file", info.name);
            Err(Failure::Request(reason))
        }
    }
}

fn write(path: &Path, tensor: &Tensor) -> Result<()> {
    match tensor {
        Tensor::F32(array) => files::write_array(path, array),
        Tensor::I64(array) => write_npy(path, array).map_err(|error| Failure::file(path, error)),
        other => Err(Failure::file(path, format!("{} cannot be written", other.dtype()))),
    }
}
