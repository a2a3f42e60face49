//! The orders in which other formats stack gates: the only place that permutes them.

use ndarray::{Array, ArrayView, Axis, RemoveAxis, concatenate};

use crate::cell::Cell;
use crate::error::{Error, Result};

/// A format whose gates are not in the canonical order, which is PyTorch's: i, f, g, o and r, z, n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateOrder {
    /// LSTM i, o, f, c; GRU z, r, h; peepholes i, o, f.
    #[cfg(feature = "onnx")]
    Onnx,
    /// LSTM i, f, c, o; GRU z, r, h.
    #[cfg(feature = "keras")]
    Keras,
}

impl GateOrder {
    /// Where the format has each gate of the canonical order.
    fn places(self, cell: Cell) -> &'static [usize] {
        match (self, cell) {
            #[cfg(feature = "onnx")]
            (GateOrder::Onnx, Cell::Lstm) => &[0, 2, 3, 1],
            #[cfg(feature = "onnx")]
            (GateOrder::Onnx, Cell::Gru { .. }) => &[1, 0, 2],
            #[cfg(feature = "onnx")]
            (GateOrder::Onnx, Cell::Rnn) => &[0],
            #[cfg(feature = "keras")]
            (GateOrder::Keras, Cell::Lstm) => &[0, 1, 2, 3],
            #[cfg(feature = "keras")]
            (GateOrder::Keras, Cell::Gru { .. }) => &[1, 0, 2],
            #[cfg(feature = "keras")]
            (GateOrder::Keras, Cell::Rnn) => &[0],
        }
    }

    /// `[G*H, ..]` with its gates in the canonical order.
    ///
    /// # Errors
    /// [`Error::Shape`] naming `name` where the first axis is not a multiple of the number of gates.
    pub fn to_canonical<D: RemoveAxis>(
        self,
        cell: Cell,
        name: &str,
        array: ArrayView<'_, f32, D>,
    ) -> Result<Array<f32, D>> {
        permuted(self.places(cell), name, array)
    }

    /// The peepholes of an LSTM, `[3*H, ..]`, in the order i, f, o.
    ///
    /// # Errors
    /// As [`GateOrder::to_canonical`].
    #[cfg(feature = "onnx")]
    pub fn peepholes<D: RemoveAxis>(
        self,
        name: &str,
        array: ArrayView<'_, f32, D>,
    ) -> Result<Array<f32, D>> {
        match self {
            GateOrder::Onnx => permuted(&[0, 2, 1], name, array),
            #[cfg(feature = "keras")]
            GateOrder::Keras => permuted(&[0, 1, 2], name, array),
        }
    }
}

fn permuted<D: RemoveAxis>(
    places: &[usize],
    name: &str,
    array: ArrayView<'_, f32, D>,
) -> Result<Array<f32, D>> {
    let gates = places.len();
    let misfit =
        || Error::shape(name, format!("{gates} gates along the first axis"), array.shape());
    let rows = array.shape().first().copied().unwrap_or(0);
    if rows == 0 || rows % gates != 0 {
        return Err(misfit());
    }
    let parts: Vec<_> = array.axis_chunks_iter(Axis(0), rows / gates).collect();
    let parts: Vec<_> = places.iter().filter_map(|place| parts.get(*place).cloned()).collect();
    concatenate(Axis(0), &parts).map_err(|_| misfit())
}
