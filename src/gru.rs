//! The GRU layer.

use ndarray::ArrayD;

use crate::cell::Cell;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::io::safetensors::File;
use crate::layer::{Kind, Layer, LayerConfig, sealed::Sealed};
use crate::stream::Stream;

/// A stack of GRU layers, with the semantics of PyTorch's `nn.GRU`; for shapes and methods see [`Layer`].
///
/// For each time step, layer and direction:
///
/// ```text
/// r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh)
/// n = tanh(W_in x + b_in + r * (W_hn h + b_hn))        h' = (1 - z) * n + z * h
/// ```
///
/// (Cho et al. 2014 in the form of cuDNN, gates in PyTorch's order r, z, n.)
pub type Gru = Layer<GruKind>;

/// A stream of a GRU's time steps.
pub type GruStream = Stream<GruKind>;

/// Marks a [`Layer`] as a GRU. Its state is h: `[L*D, B, H]`, or `[L*D, H]` unbatched.
#[derive(Debug)]
pub enum GruKind {}

impl Sealed for GruKind {}

impl Kind for GruKind {
    type State = ArrayD<f32>;
    const NAME: &'static str = "a GRU";

    fn accepts(cell: Cell) -> bool {
        matches!(cell, Cell::Gru { .. })
    }

    fn parts(state: &ArrayD<f32>) -> (&ArrayD<f32>, Option<&ArrayD<f32>>) {
        (state, None)
    }

    fn state(h: ArrayD<f32>, _c: Option<ArrayD<f32>>) -> Result<ArrayD<f32>> {
        Ok(h)
    }
}

impl Gru {
    /// Loads the layers under `prefix` of a safetensors file, `seq_len` first; see [`File::gru`] for the names.
    ///
    /// # Errors
    /// Those of [`File::gru`] and [`Layer::new`].
    pub fn load(gpu: &Gpu, file: &File, prefix: &str) -> Result<Self> {
        Self::new(gpu, &file.gru(prefix)?, LayerConfig::default())
    }
}
