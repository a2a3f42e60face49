//! The LSTM layer.

use std::sync::Arc;

use ndarray::{Array, Array3, ArrayD, ArrayView, Axis, Dimension, Ix3};

use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::io::safetensors::Model;
use crate::plan::{Options, Plan};
use crate::problem::{Cell, LayerSizes};
use crate::run::{Encoded, Engine, Job};
use crate::stream::LstmStream;
use crate::weights::Weights;

/// A stack of LSTM layers on a device, with the semantics of PyTorch's `nn.LSTM`.
///
/// For each time step, layer and direction:
///
/// ```text
/// i, f, o = sigmoid(W_ih x + b_ih + W_hh h + b_hh)     g = tanh(...)
/// c' = f * c + i * g                                   h' = o * tanh(c')
/// ```
///
/// (Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000, gates in PyTorch's order i, f, g, o.)
/// Shapes, with T = `seq_len`, B = `batch`, I = `input_size`, H = `hidden_size`, L = `num_layers` and D = 2 if
/// bidirectional, else 1:
///
/// | array | shape |
/// |---|---|
/// | x | `[T, B, I]`; `[B, T, I]` if `batch_first`; `[T, I]` unbatched |
/// | y | `[T, B, D*H]`; `[B, T, D*H]`; `[T, D*H]` |
/// | h0, c0, h_n, c_n | `[L*D, B, H]` in either layout; `[L*D, H]` unbatched |
///
/// Cloning is cheap and shares the weights. A layer can run from several threads at once. Its first run of a shape
/// makes what that shape needs; later runs of that shape make no GPU object. The shapes used last stay ready.
#[derive(Clone, Debug)]
pub struct Lstm {
    engine: Arc<Engine>,
}

/// How an [`Lstm`] takes its arguments and runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LstmConfig {
    /// x and y are `[batch, seq_len, features]` instead of `[seq_len, batch, features]`.
    pub batch_first: bool,
    /// What to force instead of leaving it to the planner.
    pub options: Options,
}

/// Hidden and cell state of all layers and directions: `[L*D, B, H]`, or `[L*D, H]` unbatched.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmState {
    /// The hidden state.
    pub h: ArrayD<f32>,
    /// The cell state.
    pub c: ArrayD<f32>,
}

/// The arrays of an encoded run, see [`Lstm::encode`]. An initial state that is none is zero.
#[derive(Clone, Copy, Debug)]
pub struct LstmIo<'a> {
    /// Input, read in place.
    pub x: &'a DeviceArray,
    /// Output, written in place.
    pub y: &'a DeviceArray,
    /// Initial hidden state.
    pub h0: Option<&'a DeviceArray>,
    /// Initial cell state.
    pub c0: Option<&'a DeviceArray>,
    /// Where to put the final hidden state.
    pub h_n: Option<&'a DeviceArray>,
    /// Where to put the final cell state.
    pub c_n: Option<&'a DeviceArray>,
}

impl<'a> LstmIo<'a> {
    /// From zero states, the final ones not wanted.
    pub fn new(x: &'a DeviceArray, y: &'a DeviceArray) -> Self {
        LstmIo { x, y, h0: None, c0: None, h_n: None, c_n: None }
    }
}

impl Lstm {
    /// Copies the weights to the device.
    ///
    /// # Errors
    /// [`Error::Argument`] where the weights are of another cell, [`Error::Limit`] where the device cannot hold them.
    pub fn new(gpu: &Gpu, weights: &Weights, config: LstmConfig) -> Result<Self> {
        let cell = weights.sizes().cell;
        if cell != Cell::Lstm {
            return Err(Error::argument("weights", "those of an LSTM", cell));
        }
        let engine = Engine::new(gpu, weights, config.batch_first, config.options)?;
        Ok(Lstm { engine: Arc::new(engine) })
    }

    /// Loads the layers under `prefix` of a safetensors file, `seq_len` first; see [`Model::lstm`] for the names.
    ///
    /// # Errors
    /// Those of [`Model::lstm`] and [`Lstm::new`].
    pub fn load(gpu: &Gpu, model: &Model, prefix: &str) -> Result<Self> {
        Self::new(gpu, &model.lstm(prefix)?, LstmConfig::default())
    }

    /// The sizes of the layers.
    pub fn sizes(&self) -> LayerSizes {
        self.engine.sizes
    }

    /// The device that the layers are on.
    pub fn gpu(&self) -> &Gpu {
        &self.engine.gpu
    }

    /// How a run of this shape would go, and why so.
    ///
    /// # Errors
    /// [`Error::Argument`] where a size is 0, [`Error::Limit`] or [`Error::Schedule`] where it cannot run.
    pub fn plan(&self, seq_len: usize, batch: usize) -> Result<Plan> {
        self.engine.plan(seq_len, batch)
    }

    /// Runs a sequence from host arrays to host arrays and waits for it. y has the rank of x.
    ///
    /// # Errors
    /// [`Error::Shape`] where x or a state does not fit, those of [`Lstm::plan`], [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&LstmState>,
    ) -> Result<(Array<f32, D>, LstmState)> {
        let call = Call::new(self, x, state)?;
        let (y, state) = call.submit(self)?.wait()?;
        call.finish(y, state)
    }

    /// The async twin of [`Lstm::forward`].
    pub async fn forward_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&LstmState>,
    ) -> Result<(Array<f32, D>, LstmState)> {
        let call = Call::new(self, x, state)?;
        let (y, state) = call.submit(self)?.ready().await?;
        call.finish(y, state)
    }

    /// Records a run into the caller's encoder. It submits nothing and waits for nothing; x and y are used where
    /// they lie, states are copied on the GPU.
    ///
    /// The work of several recorded runs of one shape shares buffers; they run in the order of submission, whatever
    /// the order of recording.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::WrongDevice`] or [`Error::BufferUsage`] where an array does not fit, those of
    /// [`Lstm::plan`]. Nothing has been recorded then.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, io: &LstmIo<'_>) -> Result<()> {
        let LstmIo { x, y, h0, c0, h_n, c_n } = *io;
        self.engine.encode(encoder, &Encoded { x, y, h0, c0, h_n, c_n })
    }

    /// A stream of single time steps for `batch` sequences, whose state stays on the GPU. It begins at zero.
    ///
    /// # Errors
    /// Those of [`Lstm::plan`] for one time step.
    pub fn stream(&self, batch: usize) -> Result<LstmStream> {
        LstmStream::new(Arc::clone(&self.engine), batch)
    }
}

/// A forward call with its arguments brought to three axes.
struct Call<'a, D: Dimension> {
    x: ArrayView<'a, f32, Ix3>,
    state: Option<(Array3<f32>, Array3<f32>)>,
    /// The axis of the batch that x has not got.
    unbatched: Option<Axis>,
    rank: std::marker::PhantomData<D>,
}

impl<'a, D: Dimension> Call<'a, D> {
    fn new(lstm: &Lstm, x: ArrayView<'a, f32, D>, state: Option<&LstmState>) -> Result<Self> {
        let expected = "3 axes (batched) or 2 axes (unbatched)";
        let misfit = Error::shape("x", expected, x.shape());
        let unbatched = match x.ndim() {
            2 => Some(Axis(usize::from(!lstm.engine.batch_first))),
            3 => None,
            _ => return Err(misfit),
        };
        let x = x.into_dyn();
        let x = if let Some(axis) = unbatched { x.insert_axis(axis) } else { x };
        let x = x.into_dimensionality::<Ix3>().map_err(|_| misfit)?;
        let state = state.map(|state| {
            let part = |argument, array: &ArrayD<f32>| {
                let rank = if unbatched.is_some() { 2 } else { 3 };
                let misfit = Error::shape(argument, format!("{rank} axes, as x"), array.shape());
                if array.ndim() != rank {
                    return Err(misfit);
                }
                let array = array.clone();
                let array = if rank == 2 { array.insert_axis(Axis(1)) } else { array };
                array.into_dimensionality::<Ix3>().map_err(|_| misfit)
            };
            Ok::<_, Error>((part("h0", &state.h)?, part("c0", &state.c)?))
        });
        Ok(Call { x, state: state.transpose()?, unbatched, rank: std::marker::PhantomData })
    }

    fn submit(&self, lstm: &Lstm) -> Result<Job> {
        let initials = self.state.as_ref().map(|(h, c)| (h.view(), c.view()));
        lstm.engine.forward(self.x, initials)
    }

    fn finish(&self, y: Array3<f32>, state: LstmState) -> Result<(Array<f32, D>, LstmState)> {
        let (y, state) = match self.unbatched {
            Some(axis) => {
                let [h, c] = [state.h, state.c].map(|part| part.index_axis_move(Axis(1), 0));
                (y.into_dyn().index_axis_move(axis, 0), LstmState { h, c })
            }
            None => (y.into_dyn(), state),
        };
        let y =
            y.into_dimensionality().map_err(|error| Error::Gpu { reason: error.to_string() })?;
        Ok((y, state))
    }
}
