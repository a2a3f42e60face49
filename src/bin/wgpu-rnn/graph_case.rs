//! Cases in the layout of ONNX' own tests: a model, what goes into it and what should come out.

use std::path::{Path, PathBuf};

use wgpu_rnn::io::onnx::{self, Onnx, Tensor};
use wgpu_rnn::{Error, Gpu, LayerConfig};

use crate::cases::{Fixture, Kind};
use crate::compare::Deviation;
use crate::failure::{Failure, Result};
use crate::model_file;

/// The name that a case's model has.
pub const MODEL: &str = "model.onnx";
const DATA_SET: &str = "test_data_set_";

/// A model, and one of the data sets beside it.
pub struct GraphCase {
    path: PathBuf,
    /// In the order of the graph.
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

impl GraphCase {
    /// Whether a file is a model that has data sets.
    pub fn is_in(model: &Path) -> bool {
        model.extension().is_some_and(|extension| extension == "onnx")
            && model.is_file()
            && model.with_file_name(format!("{DATA_SET}0")).is_dir()
    }

    /// A case for each of its data sets.
    pub fn read(model: &Path) -> Result<Vec<Fixture>> {
        let folder = model.parent().and_then(Path::file_name).unwrap_or_default();
        let name = folder.to_string_lossy();
        let data_set = |n: usize| model.with_file_name(format!("{DATA_SET}{n}"));
        let data_sets: Vec<PathBuf> =
            (0..).map(data_set).take_while(|folder| folder.is_dir()).collect();
        let is_only = data_sets.len() == 1;
        let case = |(n, folder): (usize, PathBuf)| {
            let (inputs, outputs) = (tensors(&folder, "input")?, tensors(&folder, "output")?);
            if outputs.is_empty() {
                return Err(Failure::file(&folder, "no output_0.pb"));
            }
            let name = if is_only { name.to_string() } else { format!("{name}/{n}") };
            let case = GraphCase { path: model.to_path_buf(), inputs, outputs };
            Ok(Fixture { name, case: Kind::Graph(case) })
        };
        data_sets.into_iter().enumerate().map(case).collect()
    }

    /// How far what a device puts out is from what it should be, as [`Deviation::mixed`] has it.
    pub fn deviation(&self, gpu: &Gpu, config: LayerConfig) -> wgpu_rnn::Result<Deviation> {
        let onnx = onnx::open(&self.path)?;
        let names: Vec<String> = names(&onnx);
        if names.len() != self.inputs.len() {
            return Err(Error::Format {
                format: "ONNX",
                reason: format!("{} inputs for {}", self.inputs.len(), names.join(", ")),
            });
        }
        let inputs = names.iter().map(String::as_str).zip(self.inputs.iter().cloned());
        let outputs = onnx.load(gpu, config)?.run(&inputs.collect::<Vec<_>>())?;
        if outputs.len() != self.outputs.len() {
            let place = format!("{} outputs, expected {}", outputs.len(), self.outputs.len());
            return Ok(Deviation { error: f64::INFINITY, place });
        }
        let each = outputs.iter().zip(&self.outputs).map(|((name, given), expected)| {
            match (given, expected) {
                (Tensor::F32(given), Tensor::F32(expected)) => {
                    let [given, expected] = [given, expected].map(|array| array.mapv(f64::from));
                    Deviation::mixed(name, &given, &expected)
                }
                (given, expected) if given == expected => Deviation::none(),
                _ => Deviation { error: f64::INFINITY, place: format!("{name} differs") },
            }
        });
        Ok(Deviation::worst(each))
    }
}

fn names(onnx: &Onnx) -> Vec<String> {
    onnx.inputs().iter().map(|input| input.name.clone()).collect()
}

/// `input_0.pb` and so on.
fn tensors(folder: &Path, kind: &str) -> Result<Vec<Tensor>> {
    let path = |n: usize| folder.join(format!("{kind}_{n}.pb"));
    let paths = (0..).map(path).take_while(|path| path.is_file());
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, error))?;
        Tensor::from_bytes(&bytes).map_err(|error| model_file::failure(&path, error))
    };
    paths.map(read).collect()
}
