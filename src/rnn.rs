//! The RNN layer.

use ndarray::ArrayD;

use crate::cell::Cell;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::io::safetensors::File;
use crate::layer::{Kind, Layer, LayerConfig, sealed::Sealed};
use crate::stream::Stream;

/// A stack of vanilla (Elman) RNN layers, with the semantics of PyTorch's `nn.RNN`; for shapes and methods see
/// [`Layer`].
///
/// For each time step, layer and direction `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`, or with relu instead of tanh
/// where the weights' [`CellOptions`](crate::CellOptions) say so (PyTorch's `nonlinearity`).
pub type Rnn = Layer<RnnKind>;

/// A stream of an RNN's time steps.
pub type RnnStream = Stream<RnnKind>;

/// Marks a [`Layer`] as an RNN. Its state is h: `[L*D, B, H]`, or `[L*D, H]` unbatched.
#[derive(Debug)]
pub enum RnnKind {}

impl Sealed for RnnKind {}

impl Kind for RnnKind {
    type State = ArrayD<f32>;
    const NAME: &'static str = "an RNN";

    fn accepts(cell: Cell) -> bool {
        cell == Cell::Rnn
    }

    fn parts(state: &ArrayD<f32>) -> (&ArrayD<f32>, Option<&ArrayD<f32>>) {
        (state, None)
    }

    fn state(h: ArrayD<f32>, _c: Option<ArrayD<f32>>) -> Result<ArrayD<f32>> {
        Ok(h)
    }
}

impl Rnn {
    /// Loads the layers under `prefix` of a safetensors file, `seq_len` first; see [`File::rnn`] for the names.
    ///
    /// # Errors
    /// Those of [`File::rnn`] and [`Layer::new`].
    pub fn load(gpu: &Gpu, file: &File, prefix: &str) -> Result<Self> {
        Self::new(gpu, &file.rnn(prefix)?, LayerConfig::default())
    }
}
