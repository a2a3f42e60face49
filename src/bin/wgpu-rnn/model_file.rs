//! Files that hold models.

use std::path::Path;

use wgpu_rnn::Error;
use wgpu_rnn::io::onnx::{self, Onnx};
use wgpu_rnn::io::safetensors::File;

use crate::failure::{Failure, Result};
use crate::files;

/// A file by its format, which the end of its name tells; what is none of the others is safetensors.
pub enum ModelFile {
    /// Tensors by PyTorch's names: recurrent stacks to choose from.
    Safetensors(File),
    /// A graph: a whole model.
    Onnx(Onnx),
}

impl ModelFile {
    pub fn open(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => onnx::open(path).map(ModelFile::Onnx).map_err(|e| failure(path, e)),
            _ => files::open_safetensors(path).map(ModelFile::Safetensors),
        }
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
