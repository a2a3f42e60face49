//! Files for the tool: fixtures, whole and spoilt, and arrays.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use wgpu_rnn::io::safetensors::open;
use wgpu_rnn::ndarray::ArrayD;

/// The PyTorch cases of the repository.
pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pytorch");
pub const MODEL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mackey_glass_lstm.safetensors");

/// A safetensors file that can be changed.
#[derive(Default)]
pub struct Safetensors {
    pub tensors: HashMap<String, ArrayD<f32>>,
    pub metadata: HashMap<String, String>,
}

impl Safetensors {
    pub fn fixture(case: &str) -> Self {
        let model = open(format!("{FIXTURES}/{case}.safetensors")).expect("a fixture");
        let read = |name: &str| (name.to_string(), model.tensor(name).expect("F32"));
        let metadata = model.metadata().clone().into_iter().collect();
        Safetensors { tensors: model.names().map(read).collect(), metadata }
    }

    pub fn tensor(&mut self, name: &str) -> &mut ArrayD<f32> {
        self.tensors.get_mut(name).expect("the tensor")
    }

    pub fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    pub fn save(self, path: &Path) -> PathBuf {
        let dense: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, array)| {
                let bytes = array.iter().flat_map(|value| value.to_le_bytes()).collect();
                (name.clone(), array.shape().to_vec(), bytes)
            })
            .collect();
        let views = dense.iter().map(|(name, shape, bytes)| {
            (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a dense tensor"))
        });
        safetensors::serialize_to_file(views, Some(self.metadata), path).expect("a writable file");
        path.to_path_buf()
    }
}

/// Paths made of the repository's and of names in the tests can be written on a command line.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
