//! The LSTM layer.

use ndarray::ArrayD;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::io::safetensors::File;
use crate::layer::{Kind, Layer, LayerConfig, sealed::Sealed};
use crate::stream::Stream;

/// A stack of LSTM layers, with the semantics of PyTorch's `nn.LSTM`; for shapes and methods see [`Layer`].
///
/// For each time step, layer and direction:
///
/// ```text
/// i, f, o = sigmoid(W_ih x + b_ih + W_hh h + b_hh)     g = tanh(...)
/// c' = f * c + i * g                                   h' = o * tanh(c')
/// ```
///
/// (Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000, gates in PyTorch's order i, f, g, o.)
/// Peepholes, coupled gates, clips and other activations are choices of the weights, see
/// [`CellOptions`](crate::CellOptions).
pub type Lstm = Layer<LstmKind>;

/// A stream of an LSTM's time steps.
pub type LstmStream = Stream<LstmKind>;

/// Marks a [`Layer`] as an LSTM.
#[derive(Debug)]
pub enum LstmKind {}

/// Hidden and cell state of all layers and directions: `[L*D, B, H]`, or `[L*D, H]` unbatched.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmState {
    /// The hidden state.
    pub h: ArrayD<f32>,
    /// The cell state.
    pub c: ArrayD<f32>,
}

impl Sealed for LstmKind {}

impl Kind for LstmKind {
    type State = LstmState;
    const NAME: &'static str = "an LSTM";

    fn accepts(cell: Cell) -> bool {
        cell == Cell::Lstm
    }

    fn parts(state: &LstmState) -> (&ArrayD<f32>, Option<&ArrayD<f32>>) {
        (&state.h, Some(&state.c))
    }

    fn state(h: ArrayD<f32>, c: Option<ArrayD<f32>>) -> Result<LstmState> {
        let c = c.ok_or_else(|| Error::Gpu { reason: "an LSTM without c".into() })?;
        Ok(LstmState { h, c })
    }
}

impl Lstm {
    /// Loads the layers under `prefix` of a safetensors file, `seq_len` first; see [`File::lstm`] for the names.
    ///
    /// # Errors
    /// Those of [`File::lstm`] and [`Layer::new`].
    pub fn load(gpu: &Gpu, file: &File, prefix: &str) -> Result<Self> {
        Self::new(gpu, &file.lstm(prefix)?, LayerConfig::default())
    }
}
