//! The tensors of a stack's weights, one behind the other in one flat array.

use ndarray::{Array1, Array2};

use crate::cell::CellOptions;
use crate::error::{Error, Result};
use crate::problem::LayerSizes;
use crate::weights::{LayerWeights, Weights, tensor_name};

/// Which tensor of a direction of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    WeightIh,
    WeightHh,
    BiasIh,
    BiasHh,
    WeightHr,
    Peepholes,
}

/// One tensor in a flat array of all weights of a stack, or of their gradients; see
/// [`Layer::weight_tensors`](crate::Layer::weight_tensors).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightTensor {
    /// PyTorch's name: `weight_ih_l0`, `bias_hh_l1_reverse`; peephole weights are `peepholes_l0`.
    pub name: String,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
    /// Its first element in the flat array.
    pub offset: usize,
    /// Its layer.
    pub layer: usize,
    /// 0, or 1 for the reverse direction of a bidirectional layer.
    pub direction: usize,
    pub(crate) kind: TensorKind,
}

impl WeightTensor {
    /// Its number of elements.
    pub fn num_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Units, columns and gates: the shape is `[gates * units, columns]`.
    pub(crate) fn parts(&self, sizes: &LayerSizes) -> (usize, usize, usize) {
        let (rows, columns) = (self.shape[0], self.shape.get(1).copied().unwrap_or(1));
        match self.kind {
            TensorKind::WeightHr => (rows, columns, 1),
            TensorKind::Peepholes => (columns, 1, rows),
            _ => (sizes.hidden_size, columns, sizes.cell.num_gates()),
        }
    }
}

/// The tensors that some weights have, in the order of PyTorch's state_dict.
pub fn tensors_of(weights: &Weights) -> Vec<WeightTensor> {
    use TensorKind::{BiasHh, BiasIh, Peepholes, WeightHh, WeightHr, WeightIh};
    let mut offset = 0;
    let mut tensors = Vec::new();
    for (layer, direction, source) in weights.directions() {
        let LayerWeights { w_ih, w_hh, b_ih, b_hh, w_hr, peepholes } = source;
        let parts = [
            (WeightIh, "weight_ih", Some(w_ih.shape())),
            (WeightHh, "weight_hh", Some(w_hh.shape())),
            (BiasIh, "bias_ih", b_ih.as_ref().map(|b| b.shape())),
            (BiasHh, "bias_hh", b_hh.as_ref().map(|b| b.shape())),
            (WeightHr, "weight_hr", w_hr.as_ref().map(|w| w.shape())),
            (Peepholes, "peepholes", peepholes.as_ref().map(|p| p.shape())),
        ];
        for (kind, name, shape) in parts {
            let Some(shape) = shape.map(<[usize]>::to_vec) else { continue };
            let name = tensor_name(name, layer, direction);
            let tensor = WeightTensor { name, shape, offset, layer, direction, kind };
            offset += tensor.num_elements();
            tensors.push(tensor);
        }
    }
    tensors
}

/// Elements of the flat array.
pub(crate) fn flat_len(tensors: &[WeightTensor]) -> usize {
    tensors.last().map_or(0, |last| last.offset + last.num_elements())
}

/// The weights whose tensors lie in `values`, which are as many as [`flat_len`] says.
pub(crate) fn unflatten(
    tensors: &[WeightTensor],
    sizes: LayerSizes,
    options: CellOptions,
    values: &[f32],
) -> Result<Weights> {
    let empty = || LayerWeights::new(Array2::zeros((0, 0)), Array2::zeros((0, 0)));
    let directions = || (0..sizes.num_directions()).map(|_| empty()).collect::<Vec<_>>();
    let mut layers: Vec<_> = (0..sizes.num_layers).map(|_| directions()).collect();
    for tensor in tensors {
        let values = &values[tensor.offset..][..tensor.num_elements()];
        let layer = &mut layers[tensor.layer][tensor.direction];
        let matrix = || {
            Array2::from_shape_vec((tensor.shape[0], tensor.shape[1]), values.to_vec())
                .map_err(|error| Error::Gpu { reason: error.to_string() })
        };
        match tensor.kind {
            TensorKind::WeightIh => layer.w_ih = matrix()?,
            TensorKind::WeightHh => layer.w_hh = matrix()?,
            TensorKind::BiasIh => layer.b_ih = Some(Array1::from(values.to_vec())),
            TensorKind::BiasHh => layer.b_hh = Some(Array1::from(values.to_vec())),
            TensorKind::WeightHr => layer.w_hr = Some(matrix()?),
            TensorKind::Peepholes => layer.peepholes = Some(matrix()?),
        }
    }
    Ok(Weights::from_parts(sizes, options, layers))
}
