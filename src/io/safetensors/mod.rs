//! Safetensors files, by PyTorch's names: weights from them, whole models to them.

mod write;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use ::safetensors::tensor::{Dtype, TensorView};
use ::safetensors::{SafeTensorError, SafeTensors};
use half::{bf16, f16};
use ndarray::{ArrayD, Dimension, IxDyn};

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::problem::LayerSizes;
use crate::weights::{LayerWeights, Weights, tensor_name};

/// A safetensors file in memory.
#[derive(Clone, Debug)]
pub struct File {
    bytes: Vec<u8>,
    tensors: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

/// A tensor's dtype and shape, and where its bytes begin.
#[derive(Clone, Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: std::ops::Range<usize>,
}

/// Recurrent layers found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLayers {
    /// What stands before `weight_ih_l0`, without the dot; empty at the top level.
    pub prefix: String,
    /// The sizes, as the shapes of the weights tell them.
    pub sizes: LayerSizes,
    /// Whether there are biases.
    pub bias: bool,
}

/// Reads a file. See [`File::lstm`] for what to do with it.
///
/// ```no_run
/// use wgpu_rnn::{Gpu, Lstm, io};
///
/// let gpu = Gpu::new()?;
/// let file = io::safetensors::open("model.safetensors")?;
/// let lstm = Lstm::load(&gpu, &file, "encoder.lstm")?;
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`], or [`Error::Format`] where the header does not describe the data.
pub fn open(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    let bytes = std::fs::read(path)
        .map_err(|source| Error::Io { path: path.display().to_string(), source })?;
    from_bytes(bytes)
}

/// As [`open`], from the bytes of a file.
///
/// # Errors
/// [`Error::Format`].
pub fn from_bytes(bytes: Vec<u8>) -> Result<File> {
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(invalid)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(&bytes).map_err(invalid)?;
    let start = bytes.as_ptr() as usize;
    let entry = |view: TensorView<'_>| {
        let first = view.data().as_ptr() as usize - start;
        let bytes = first..first + view.data().len();
        Entry { dtype: view.dtype(), shape: view.shape().to_vec(), bytes }
    };
    let tensors = file.iter().map(|(name, view)| (name.to_string(), entry(view))).collect();
    Ok(File { tensors, metadata, bytes })
}

/// The name of a module's tensor in a `state_dict`.
pub(crate) fn path(prefix: &str, tensor: &str) -> String {
    if prefix.is_empty() { tensor.into() } else { format!("{prefix}.{tensor}") }
}

fn invalid(error: SafeTensorError) -> Error {
    Error::Format { format: "safetensors", reason: error.to_string() }
}

impl File {
    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The strings of the header's `__metadata__`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The dtype of a tensor, by its name in the format: `F32`, `BF16`.
    pub fn dtype(&self, name: &str) -> Option<String> {
        self.tensors.get(name).map(|entry| format!("{:?}", entry.dtype))
    }

    /// A tensor of F32, F16 or BF16, as f32.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorDtype`].
    pub fn tensor(&self, name: &str) -> Result<ArrayD<f32>> {
        let entry = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        let bytes = &self.bytes[entry.bytes.clone()];
        let values: Vec<f32> = match entry.dtype {
            Dtype::F32 => words(bytes).map(f32::from_le_bytes).collect(),
            Dtype::F16 => words(bytes).map(|w| f16::from_le_bytes(w).to_f32()).collect(),
            Dtype::BF16 => words(bytes).map(|w| bf16::from_le_bytes(w).to_f32()).collect(),
            other => {
                let (name, given) = (name.to_string(), format!("{other:?}"));
                return Err(Error::TensorDtype { name, given });
            }
        };
        ArrayD::from_shape_vec(IxDyn(&entry.shape), values).map_err(|error| Error::Format {
            format: "safetensors",
            reason: format!("tensor `{name}`: {error}"),
        })
    }

    /// The values of a tensor of I64 or I32, such as the lengths of the rows of a batch.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Unsupported`] where the tensor has another dtype.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let entry = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        let bytes = &self.bytes[entry.bytes.clone()];
        match entry.dtype {
            Dtype::I64 => Ok(words(bytes).map(i64::from_le_bytes).collect()),
            Dtype::I32 => Ok(words(bytes).map(|word| i32::from_le_bytes(word).into()).collect()),
            other => {
                let what = format!("tensor `{name}` of dtype {other:?} as integers");
                Err(Error::Unsupported { what, reason: "it is not I64 or I32".into() })
            }
        }
    }

    /// A tensor with a certain number of axes.
    ///
    /// # Errors
    /// Those of [`File::tensor`], [`Error::Shape`].
    pub fn array<D: Dimension>(&self, name: &str) -> Result<ndarray::Array<f32, D>> {
        let array = self.tensor(name)?;
        let axes = D::NDIM.unwrap_or(array.ndim());
        let misfit = Error::shape(name, format!("{axes} axes"), array.shape());
        array.into_dimensionality().map_err(|_| misfit)
    }

    /// The weights of the LSTM under `prefix`: `{prefix}.weight_ih_l0`, `{prefix}.weight_hh_l0_reverse` and so on,
    /// as in the `state_dict` of `nn.LSTM`; an empty prefix is the top level. Sizes, number of layers, directions,
    /// bias and projection are inferred from what is there.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorDtype`], [`Error::Shape`] where a tensor does not fit the others,
    /// [`Error::Format`] where one would be left out.
    pub fn lstm(&self, prefix: &str) -> Result<Weights> {
        self.weights(prefix, Cell::Lstm)
    }

    /// As [`File::lstm`], of an `nn.GRU`.
    ///
    /// # Errors
    /// As [`File::lstm`].
    pub fn gru(&self, prefix: &str) -> Result<Weights> {
        self.weights(prefix, Cell::Gru { reset_after: true })
    }

    /// As [`File::lstm`], of an `nn.RNN` with tanh; the file does not tell the nonlinearity.
    ///
    /// # Errors
    /// As [`File::lstm`].
    pub fn rnn(&self, prefix: &str) -> Result<Weights> {
        self.weights(prefix, Cell::Rnn)
    }

    /// As [`File::lstm`], of any cell, such as the one that [`File::cell`] finds, or a GRU with reset before: the
    /// file does not tell it from one with reset after.
    ///
    /// # Errors
    /// As [`File::lstm`].
    pub fn weights(&self, prefix: &str, cell: Cell) -> Result<Weights> {
        let first = self.name(prefix, "weight_ih", 0, 0);
        if !self.tensors.contains_key(&first) {
            return Err(self.missing(&first));
        }
        let has_projection = self.has(prefix, "weight_hr", 0, 0);
        let num_directions = 1 + usize::from(self.has(prefix, "weight_ih", 0, 1));
        let has_bias = self.has_bias(prefix);
        let num_layers = (0..).take_while(|l| self.has(prefix, "weight_ih", *l, 0)).count();
        let tensors = [
            ("weight_ih", true),
            ("weight_hh", true),
            ("weight_hr", has_projection),
            ("bias_ih", has_bias),
            ("bias_hh", has_bias),
        ];
        self.check_all_read(prefix, &tensors, num_layers, num_directions)?;
        let direction = |l, d| {
            let bias =
                |tensor| has_bias.then(|| self.array(&self.name(prefix, tensor, l, d))).transpose();
            let w_ih = self.array(&self.name(prefix, "weight_ih", l, d))?;
            let w_hh = self.array(&self.name(prefix, "weight_hh", l, d))?;
            let weights = LayerWeights::new(w_ih, w_hh);
            let weights = weights.with_bias(bias("bias_ih")?, bias("bias_hh")?);
            if !has_projection {
                return Ok(weights);
            }
            let w_hr = self.array(&self.name(prefix, "weight_hr", l, d))?;
            Ok(weights.with_projection(w_hr))
        };
        let layer = |l| (0..num_directions).map(|d| direction(l, d)).collect();
        Weights::new(cell, (0..num_layers).map(layer).collect::<Result<_>>()?)
    }

    /// A tensor that looks like one of the stack but would be left out, such as those above a missing layer, would
    /// silently make another model. `tensors`: the names of a layer's, and whether they are read.
    fn check_all_read(
        &self,
        prefix: &str,
        tensors: &[(&str, bool)],
        num_layers: usize,
        num_directions: usize,
    ) -> Result<()> {
        let directions = (0..num_layers).flat_map(|l| (0..num_directions).map(move |d| (l, d)));
        let read: HashSet<String> = directions
            .flat_map(|(l, d)| {
                let is_read = tensors.iter().filter(|(_, is_read)| *is_read);
                is_read.map(move |(tensor, _)| self.name(prefix, tensor, l, d))
            })
            .collect();
        let first = tensors.iter().map(|(tensor, _)| self.name(prefix, tensor, 0, 0));
        let starts: Vec<String> = first.map(|name| name.trim_end_matches('0').into()).collect();
        let left_out = self.names().find(|name| {
            !read.contains(*name) && starts.iter().any(|start| name.starts_with(start))
        });
        left_out.map_or(Ok(()), |name| {
            let reason = format!(
                "tensor `{name}` belongs to none of the {num_layers} layers with {num_directions} directions"
            );
            Err(Error::Format { format: "safetensors", reason })
        })
    }

    /// One of the two is enough to expect the other.
    fn has_bias(&self, prefix: &str) -> bool {
        self.has(prefix, "bias_ih", 0, 0) || self.has(prefix, "bias_hh", 0, 0)
    }

    /// The prefix of every recurrent stack in the file, also of those that are refused.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let parents = self.names().filter_map(|name| name.strip_suffix("weight_ih_l0"));
        parents.filter_map(
            |parent| if parent.is_empty() { Some("") } else { parent.strip_suffix('.') },
        )
    }

    /// The cell of the stack under `prefix`, as the shapes tell it: `weight_hh` has as many rows for each unit as the
    /// cell has gates. Of a GRU it is the one with reset after, PyTorch's.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`] where no cell has such weights.
    pub fn cell(&self, prefix: &str) -> Result<Cell> {
        let name = self.name(prefix, "weight_hh", 0, 0);
        let shape = self.shape(&name).ok_or_else(|| self.missing(&name))?;
        // With a projection, the columns are those of the projected h.
        let w_hr = self.shape(&self.name(prefix, "weight_hr", 0, 0));
        let fits = |cell: &Cell| match (shape, w_hr.unwrap_or(shape)) {
            (&[rows, _], &[_, hidden_size]) => {
                Some(rows) == hidden_size.checked_mul(cell.num_gates())
            }
            _ => false,
        };
        let cells = [Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Rnn];
        cells.into_iter().find(fits).ok_or_else(|| {
            let expected = "2 axes with 4 (LSTM), 3 (GRU) or 1 (RNN) times hidden_size rows";
            Error::shape(&name, expected, shape)
        })
    }

    /// Every recurrent layer in the file, see [`File::cell`].
    pub fn layers(&self) -> Vec<FoundLayers> {
        self.prefixes()
            .filter_map(|prefix| {
                let sizes = self.weights(prefix, self.cell(prefix).ok()?).ok()?.sizes();
                let bias = self.has_bias(prefix);
                Some(FoundLayers { prefix: prefix.to_string(), sizes, bias })
            })
            .collect()
    }

    fn has(&self, prefix: &str, tensor: &str, layer: usize, direction: usize) -> bool {
        self.tensors.contains_key(&self.name(prefix, tensor, layer, direction))
    }

    fn name(&self, prefix: &str, tensor: &str, layer: usize, direction: usize) -> String {
        path(prefix, &tensor_name(tensor, layer, direction))
    }

    fn missing(&self, name: &str) -> Error {
        const SHOWN: usize = 8;
        let mut available = self.names().take(SHOWN).collect::<Vec<_>>().join(", ");
        if self.tensors.len() > SHOWN {
            available += &format!(", and {} more", self.tensors.len() - SHOWN);
        }
        Error::MissingTensor { name: name.into(), available }
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}
