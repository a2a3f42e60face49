//! A recurrent layer whose cell is known only when the program runs.

use ndarray::ArrayD;

use crate::cell::Cell;
use crate::error::Result;
use crate::gru::GruKind;
use crate::layer::{Kind, Layer, sealed::Sealed};
use crate::lstm::LstmKind;
use crate::rnn::RnnKind;
use crate::stream::Stream;

/// A stack of recurrent layers of any cell: what a program has that takes its layers from a file, and what the stages
/// of a [`Model`](crate::Model) are. For shapes and methods see [`Layer`].
pub type AnyLayer = Layer<AnyKind>;

/// A stream of the time steps of a layer of any cell.
pub type AnyStream = Stream<AnyKind>;

/// Marks a [`Layer`] as one of any cell.
#[derive(Debug)]
pub enum AnyKind {}

/// Hidden state, and cell state where the cell has one, of all layers and directions: `[L*D, B, H]`, or `[L*D, H]`
/// unbatched.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyState {
    /// The hidden state.
    pub h: ArrayD<f32>,
    /// The cell state of an LSTM; other cells have none, and giving them one is an error.
    pub c: Option<ArrayD<f32>>,
}

impl Sealed for AnyKind {}

impl Kind for AnyKind {
    type State = AnyState;
    const NAME: &'static str = "any cell";

    fn accepts(_: Cell) -> bool {
        true
    }

    fn parts(state: &AnyState) -> (&ArrayD<f32>, Option<&ArrayD<f32>>) {
        (&state.h, state.c.as_ref())
    }

    fn state(h: ArrayD<f32>, c: Option<ArrayD<f32>>) -> Result<AnyState> {
        Ok(AnyState { h, c })
    }
}

impl<K: Kind> Layer<K> {
    /// The same layers on the same device memory, as layers of any cell.
    pub fn into_any(self) -> AnyLayer {
        Layer::of_engine(self.engine)
    }
}

impl From<Layer<LstmKind>> for AnyLayer {
    fn from(layer: Layer<LstmKind>) -> Self {
        layer.into_any()
    }
}

impl From<Layer<GruKind>> for AnyLayer {
    fn from(layer: Layer<GruKind>) -> Self {
        layer.into_any()
    }
}

impl From<Layer<RnnKind>> for AnyLayer {
    fn from(layer: Layer<RnnKind>) -> Self {
        layer.into_any()
    }
}
