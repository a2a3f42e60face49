//! Runs an ONNX graph, from whatever it takes to whatever it puts out:
//!
//!     cargo run --features onnx --example onnx [-- model.onnx [model.safetensors]]
//!
//! In Python, such a graph is exported by
//!
//! ```python
//! import torch
//! from torch import nn
//!
//! class Tokens(nn.Module):
//!     def __init__(self):
//!         super().__init__()
//!         self.embedding = nn.Embedding(11, 4)
//!         self.rnn = nn.GRU(4, 6, batch_first=True, bidirectional=True)
//!         self.head = nn.Linear(12, 3)
//!
//!     def forward(self, ids):
//!         _, h_n = self.rnn(self.embedding(ids))
//!         return torch.softmax(self.head(torch.cat([h_n[0], h_n[1]], 1)), 1)
//!
//! ids = torch.zeros(3, 5, dtype=torch.int64)
//! torch.onnx.export(Tokens().eval(), (ids,), "model.onnx", input_names=["ids"], output_names=["out"], dynamo=True)
//! ```
//!
//! The graph that is run by default is this one, with random weights. Where a second file is named, the weights are saved
//! there by PyTorch's names, for `load_state_dict(safetensors.torch.load_file("model.safetensors"))` of its modules.

use std::error::Error;

use wgpu_rnn::io::onnx::{Dim, Dtype, Tensor, ValueInfo};
use wgpu_rnn::ndarray::ArrayD;
use wgpu_rnn::{Gpu, LayerConfig, io};

const DEFAULT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/onnx/torch_tokens_states_dynamo/model.onnx"
);
/// Of sides that the file leaves open.
const SIDE: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or(DEFAULT.into());
    let onnx = io::onnx::open(&path)?;
    if let Some(path) = std::env::args().nth(2) {
        onnx.weights()?.save(&path)?;
        println!("saved {path}");
    }
    let gpu = Gpu::new()?;
    let model = onnx.load(&gpu, LayerConfig::default())?;
    let inputs: Vec<_> =
        model.inputs().iter().map(|input| (input.name.as_str(), zeros(input))).collect();
    for (name, tensor) in &inputs {
        println!("{name}: {} {:?} of zeros", tensor.dtype(), tensor.shape());
    }
    for (name, tensor) in model.run(&inputs)? {
        match tensor {
            Tensor::F32(array) => println!("{name}:\n{array:.4}"),
            other => println!("{name}: {other:?}"),
        }
    }
    Ok(())
}

fn zeros(input: &ValueInfo) -> Tensor {
    let side = |dim: &Dim| match dim {
        Dim::Known(side) => *side,
        Dim::Named(_) => SIDE,
    };
    let shape: Vec<usize> = input.dims.iter().flatten().map(side).collect();
    match input.dtype {
        Dtype::I64 => Tensor::I64(ArrayD::zeros(shape)),
        Dtype::Bool => Tensor::Bool(ArrayD::from_elem(shape, false)),
        _ => Tensor::F32(ArrayD::zeros(shape)),
    }
}
