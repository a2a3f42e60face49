//! Files that hold models.

use std::path::Path;

use wgpu_rnn::io::keras::{self, Keras};
use wgpu_rnn::io::onnx::{self, Onnx};
use wgpu_rnn::io::safetensors::File;
use wgpu_rnn::{Error, ModelWeights, StageWeights};

use crate::failure::{Failure, Result};
use crate::files;
use crate::keras_layers::LayerArgs;

/// A file by its format, which the end of its name tells; what is none of the others is safetensors.
pub enum ModelFile {
    /// Tensors by PyTorch's names: recurrent stacks to choose from.
    Safetensors(File),
    /// A graph: a whole model.
    Onnx(Onnx),
    /// A whole model, or its weights and what was said of them.
    Keras(Keras),
}

impl ModelFile {
    pub fn open(path: &Path, layers: &LayerArgs) -> Result<Self> {
        let end = path.extension().and_then(|extension| extension.to_str());
        if !layers.is_empty() && end != Some("h5") {
            return Err(Failure::Request("--layer is for .weights.h5 files".into()));
        }
        match end {
            Some("onnx") => onnx::open(path).map(ModelFile::Onnx).map_err(|e| failure(path, e)),
            Some("keras") => keras::open(path).map(ModelFile::Keras).map_err(|e| failure(path, e)),
            Some("h5") => {
                let keras = keras::open_weights(path, &layers.arguments());
                keras.map(ModelFile::Keras).map_err(|e| failure(path, e))
            }
            _ => files::open_safetensors(path).map(ModelFile::Safetensors),
        }
    }
}

impl ModelFile {
    /// The stages of the model; of safetensors the only recurrent stack.
    pub fn weights(&self, path: &Path) -> Result<ModelWeights> {
        match self {
            ModelFile::Onnx(onnx) => onnx.weights(),
            ModelFile::Keras(keras) => keras.weights(),
            ModelFile::Safetensors(file) => {
                let prefix = files::only_stack(path, file, None)?;
                let weights = file.cell(&prefix).and_then(|cell| file.weights(&prefix, cell));
                let stage = weights.map(|weights| (prefix, StageWeights::Recurrent(weights)));
                stage.and_then(|stage| ModelWeights::new(vec![stage], false))
            }
        }
        .map_err(|error| failure(path, error))
    }
}

/// Names the file once.
pub fn failure(path: &Path, error: Error) -> Failure {
    match error {
        Error::Io { source, path: given } if Path::new(&given) == path => {
            Failure::file(path, source)
        }
        other => Failure::file(path, other),
    }
}
