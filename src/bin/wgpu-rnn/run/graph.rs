//! Running a whole ONNX graph: inputs and outputs by their names.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray_npy::{ReadNpyError, read_npy, write_npy};
use wgpu_rnn::LayerConfig;
use wgpu_rnn::io::onnx::{Dtype, Onnx, Tensor, ValueInfo};
use wgpu_rnn::ndarray::ArrayD;

use super::Args;
use crate::adapter::{self, AdapterArgs};
use crate::failure::{Failure, Result};
use crate::files::{self, ArrayFormat};
use crate::text;

pub fn run(args: &Args, onnx: Onnx, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<()> {
    refuse_options(args)?;
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

/// What is said of a stack of layers means nothing to a graph, which says it itself.
fn refuse_options(args: &Args) -> Result<()> {
    let given = [
        ("--prefix", args.prefix.is_some()),
        ("--reset-before", args.reset.is_given()),
        ("--nonlinearity", args.nonlinearity.is_some()),
        ("--h0", args.h0.is_some()),
        ("--c0", args.c0.is_some()),
        ("--h-n", args.h_n.is_some()),
        ("--c-n", args.c_n.is_some()),
        ("--batch-first", args.batch_first),
        ("--lengths", args.lengths.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((option, _)) => Err(Failure::Request(format!(
            "{option} is for a stack of layers, not for a graph: its inputs and outputs are --input and --output NAME=FILE"
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
        Dtype::I64 => read_integers(path).map(Tensor::I64),
        other => {
            let reason = format!("input {} of {other} cannot be read from a file", info.name);
            Err(Failure::Request(reason))
        }
    }
}

fn read_integers(path: &Path) -> Result<ArrayD<i64>> {
    let array = read_npy(path).or_else(|error| match error {
        ReadNpyError::WrongDescriptor(_) => {
            read_npy(path).map(|narrow: ArrayD<i32>| narrow.mapv(i64::from))
        }
        other => Err(other),
    });
    array.map_err(|error| match error {
        ReadNpyError::Io(error) => Failure::file(path, error),
        ReadNpyError::WrongDescriptor(given) => {
            Failure::file(path, format!("has dtype {given}, expected i64 or i32"))
        }
        other => Failure::file(path, other),
    })
}

fn write(path: &Path, tensor: &Tensor) -> Result<()> {
    match tensor {
        Tensor::F32(array) => files::write_array(path, array),
        Tensor::I64(array) => write_npy(path, array).map_err(|error| Failure::file(path, error)),
        other => Err(Failure::file(path, format!("{} cannot be written", other.dtype()))),
    }
}
