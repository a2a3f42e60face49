//! Whole models as safetensors files, by PyTorch's names.

use std::borrow::Cow;
use std::collections::HashMap;
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;

use ::safetensors::tensor::{Dtype, View, serialize};
use ndarray::{Array1, ArrayView, Dimension};

use crate::cell::{Activation, Activations, Cell, CellOptions};
use crate::error::{Error, Result};
use crate::problem::Direction;
use crate::weights::{ModelWeights, StageWeights, Weights, tensor_name};

impl ModelWeights {
    /// The weights as a safetensors file in F32, with the names that the modules' `state_dict` have in PyTorch:
    /// `{name}.weight_ih_l0`, `{name}.weight`; without the dot where the name is empty. Where one bias of a stack is
    /// missing and others are there, it is written as zeros: PyTorch has all of them or none.
    ///
    /// Such a file holds tensors only. What else makes the modules, such as `batch_first`, an RNN's
    /// `nonlinearity="relu"`, functions and which time step is picked, is to be said where they are made.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where PyTorch has no such module: peepholes, clips, coupled gates, other activations, a GRU
    /// with reset before, a stack of the reverse direction alone.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let mut tensors = Vec::new();
        for (i, (name, stage)) in self.stages().iter().enumerate() {
            let path = |tensor: &str| super::path(name, tensor);
            match stage {
                StageWeights::Recurrent(weights) => {
                    check_pytorch(weights, &format!("stages[{i}], `{name}`,"))?;
                    let stack = stack_tensors(weights).into_iter();
                    tensors.extend(stack.map(|(name, tensor)| (path(&name), tensor)));
                }
                StageWeights::Linear { weight, bias } => {
                    tensors.push((path("weight"), Tensor::of(weight.view())));
                    let bias = bias.as_ref().map(|bias| Tensor::of(bias.view()));
                    tensors.extend(bias.map(|bias| (path("bias"), bias)));
                }
                StageWeights::Embedding { weight } => {
                    tensors.push((path("weight"), Tensor::of(weight.view())));
                }
                StageWeights::Function(_) | StageWeights::Last(_) => {}
            }
        }
        // What PyTorch's own writer says, and some readers ask for.
        let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
        serialize(tensors, Some(metadata)).map_err(super::invalid)
    }

    /// Writes [`ModelWeights::to_safetensors`] to a file, which is the old one until it is the whole new one.
    ///
    /// ```no_run
    /// # fn example(weights: &wgpu_rnn::ModelWeights) -> wgpu_rnn::Result<()> {
    /// weights.save("model.safetensors")?; // module.load_state_dict(safetensors.torch.load_file("model.safetensors"))
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`ModelWeights::to_safetensors`], [`Error::Io`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, bytes) = (path.as_ref(), self.to_safetensors()?);
        crate::replace::replace(path, &bytes)
            .map_err(|source| Error::Io { path: path.display().to_string(), source })
    }
}

/// Whether `nn.LSTM`, `nn.GRU` or `nn.RNN` can have these weights.
fn check_pytorch(weights: &Weights, stage: &str) -> Result<()> {
    let (sizes, options) = (weights.sizes(), weights.options());
    let CellOptions { coupled, preact_clip, cell_clip, .. } = *options;
    let standard = sizes.cell.standard_activations();
    // An RNN's nonlinearity is a choice in PyTorch, too, but one for both directions.
    let wanted = match options.activations_of(sizes.cell, 0).f {
        Activation::Relu if sizes.cell == Cell::Rnn => {
            Activations { f: Activation::Relu, ..standard }
        }
        _ => standard,
    };
    let is_standard = (0..sizes.num_directions())
        .all(|direction| options.activations_of(sizes.cell, direction) == wanted);
    let lacks = [
        ("a GRU with reset before", sizes.cell == Cell::Gru { reset_after: false }),
        ("the reverse direction alone", sizes.direction == Direction::Reverse),
        ("peepholes", weights.directions().any(|(.., layer)| layer.peepholes.is_some())),
        ("coupled gates", coupled),
        ("preact_clip", preact_clip.is_some()),
        ("cell_clip", cell_clip.is_some()),
        ("other activations", !is_standard),
    ];
    match lacks.into_iter().find(|(_, is_there)| *is_there) {
        None => Ok(()),
        Some((what, _)) => Err(Error::Unsupported {
            what: format!("saving {stage} with {what}"),
            reason: "PyTorch's modules have no such thing".into(),
        }),
    }
}

/// The tensors of a stack of recurrent layers. PyTorch has all biases or none.
fn stack_tensors(weights: &Weights) -> Vec<(String, Tensor)> {
    let has_bias =
        weights.directions().any(|(.., layer)| layer.b_ih.is_some() || layer.b_hh.is_some());
    let mut tensors = Vec::new();
    for (l, d, layer) in weights.directions() {
        for (tensor, matrix) in layer.matrices() {
            tensors.push((tensor_name(tensor, l, d), Tensor::of(matrix.view())));
        }
        let biases = [("bias_ih", &layer.b_ih), ("bias_hh", &layer.b_hh)];
        for (tensor, bias) in biases.into_iter().filter(|_| has_bias) {
            let zeros = || Tensor::of(Array1::zeros(layer.w_ih.nrows()).view());
            let bias = bias.as_ref().map_or_else(zeros, |bias| Tensor::of(bias.view()));
            tensors.push((tensor_name(tensor, l, d), bias));
        }
    }
    tensors
}

/// A tensor of F32.
struct Tensor {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn of<D: Dimension>(array: ArrayView<'_, f32, D>) -> Self {
        let bytes = array.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { shape: array.shape().to_vec(), bytes }
    }
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
