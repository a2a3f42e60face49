//! A stack of recurrent layers: what LSTM, GRU and RNN have in common.

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{Array, Array3, ArrayD, ArrayView, Axis, Dimension, Ix3};

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, DeviceLengths, Gpu};
use crate::plan::{Options, Plan};
use crate::problem::LayerSizes;
use crate::run::{Arguments, Encoded, Engine, Job, States};
use crate::stream::Stream;
use crate::weights::Weights;

/// A kind of layer: the cell it takes and the state it has. Implemented for [`LstmKind`](crate::LstmKind),
/// [`GruKind`](crate::GruKind) and [`RnnKind`](crate::RnnKind) only.
pub trait Kind: sealed::Sealed + 'static {
    /// The state of all layers and directions.
    type State: std::fmt::Debug + Clone + Send + Sync;
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    fn accepts(cell: Cell) -> bool;
    #[doc(hidden)]
    fn parts(state: &Self::State) -> (&ArrayD<f32>, Option<&ArrayD<f32>>);
    #[doc(hidden)]
    fn state(h: ArrayD<f32>, c: Option<ArrayD<f32>>) -> Result<Self::State>;
}

pub(crate) mod sealed {
    /// Keeps [`Kind`](super::Kind) to this crate.
    pub trait Sealed {}
}

/// A stack of recurrent layers on a device: [`Lstm`](crate::Lstm), [`Gru`](crate::Gru) or [`Rnn`](crate::Rnn).
///
/// Shapes, with T = `seq_len`, B = `batch`, I = `input_size`, H = `hidden_size`, L = `num_layers` and D = 2 if
/// bidirectional, else 1:
///
/// | array | shape |
/// |---|---|
/// | x | `[T, B, I]`; `[B, T, I]` if `batch_first`; `[T, I]` unbatched |
/// | y | `[T, B, D*H]`; `[B, T, D*H]`; `[T, D*H]` |
/// | h0, h_n (and c0, c_n) | `[L*D, B, H]` in either layout; `[L*D, H]` unbatched |
///
/// Cloning is cheap and shares the weights. A layer can run from several threads at once. Its first run of a shape
/// makes what that shape needs; later runs of that shape make no GPU object. The shapes used last stay ready.
#[derive(Debug)]
pub struct Layer<K: Kind> {
    engine: Arc<Engine>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Clone for Layer<K> {
    fn clone(&self) -> Self {
        Layer { engine: Arc::clone(&self.engine), kind: PhantomData }
    }
}

/// How a layer takes its arguments and runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerConfig {
    /// x and y are `[batch, seq_len, features]` instead of `[seq_len, batch, features]`.
    pub batch_first: bool,
    /// What to force instead of leaving it to the planner.
    pub options: Options,
}

/// The arrays of an encoded run, see [`Layer::encode`]. An initial state that is none is zero.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LayerIo<'a> {
    /// Input, read in place.
    pub x: &'a DeviceArray,
    /// Output, written in place.
    pub y: &'a DeviceArray,
    /// Initial hidden state.
    pub h0: Option<&'a DeviceArray>,
    /// Initial cell state (LSTM).
    pub c0: Option<&'a DeviceArray>,
    /// Where to put the final hidden state.
    pub h_n: Option<&'a DeviceArray>,
    /// Where to put the final cell state (LSTM).
    pub c_n: Option<&'a DeviceArray>,
    /// The length of each batch row; none is the full length for all.
    pub lengths: Option<&'a DeviceLengths>,
}

impl<'a> LayerIo<'a> {
    /// From zero states, the final ones not wanted, all rows of full length.
    pub fn new(x: &'a DeviceArray, y: &'a DeviceArray) -> Self {
        LayerIo { x, y, h0: None, c0: None, h_n: None, c_n: None, lengths: None }
    }
}

impl<K: Kind> Layer<K> {
    /// Copies the weights to the device.
    ///
    /// # Errors
    /// [`Error::Argument`] where the weights are of another cell, [`Error::Limit`] where the device cannot hold them.
    pub fn new(gpu: &Gpu, weights: &Weights, config: LayerConfig) -> Result<Self> {
        let cell = weights.sizes().cell;
        if !K::accepts(cell) {
            return Err(Error::argument("weights", format!("those of {}", K::NAME), cell));
        }
        let engine = Engine::new(gpu, weights, config.batch_first, config.options)?;
        Ok(Layer { engine: Arc::new(engine), kind: PhantomData })
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
        self.engine.plan(seq_len, batch, false)
    }

    /// Runs a sequence from host arrays to host arrays and waits for it. y has the rank of x.
    ///
    /// # Errors
    /// [`Error::Shape`] where x or a state does not fit, those of [`Layer::plan`], [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&K::State>,
    ) -> Result<(Array<f32, D>, K::State)> {
        let call = Call::new(self, x, state)?;
        let (y, states) = call.submit(self, None)?.wait()?;
        call.finish(y, states)
    }

    /// The async twin of [`Layer::forward`].
    pub async fn forward_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&K::State>,
    ) -> Result<(Array<f32, D>, K::State)> {
        let call = Call::new(self, x, state)?;
        let (y, states) = call.submit(self, None)?.ready().await?;
        call.finish(y, states)
    }

    /// As [`Layer::forward`], each batch row with a length of its own (PyTorch's packed sequences, rows in any
    /// order): nothing of x beyond a row's length has an effect, y is 0 there, the final states are those after the
    /// row's own last step, and its reverse direction begins there.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are not as many lengths as rows, [`Error::Argument`] where one is more than
    /// `seq_len`, those of [`Layer::forward`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward_lengths<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        lengths: &[usize],
        state: Option<&K::State>,
    ) -> Result<(Array<f32, D>, K::State)> {
        let call = Call::new(self, x, state)?;
        let (y, states) = call.submit(self, Some(lengths))?.wait()?;
        call.finish(y, states)
    }

    /// The async twin of [`Layer::forward_lengths`].
    pub async fn forward_lengths_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        lengths: &[usize],
        state: Option<&K::State>,
    ) -> Result<(Array<f32, D>, K::State)> {
        let call = Call::new(self, x, state)?;
        let (y, states) = call.submit(self, Some(lengths))?.ready().await?;
        call.finish(y, states)
    }

    /// Records a run into the caller's encoder. It submits nothing and waits for nothing; x and y are used where
    /// they lie, states and lengths are copied on the GPU.
    ///
    /// The work of several recorded runs of one shape shares buffers; they run in the order of submission, whatever
    /// the order of recording.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::WrongDevice`] or [`Error::BufferUsage`] where an array does not fit,
    /// [`Error::Argument`] where a cell state is given to a cell without, those of [`Layer::plan`]. Nothing has been
    /// recorded then.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, io: &LayerIo<'_>) -> Result<()> {
        let LayerIo { x, y, h0, c0, h_n, c_n, lengths } = *io;
        self.engine.encode(encoder, &Encoded { x, y, h0, c0, h_n, c_n, lengths })
    }

    /// A stream of single time steps for `batch` sequences, whose state stays on the GPU. It begins at zero.
    ///
    /// # Errors
    /// Those of [`Layer::plan`] for one time step.
    pub fn stream(&self, batch: usize) -> Result<Stream<K>> {
        Stream::new(Arc::clone(&self.engine), batch)
    }
}

/// A forward call with its arguments brought to three axes.
struct Call<'a, K, D> {
    x: ArrayView<'a, f32, Ix3>,
    state: Option<States>,
    /// The axis of the batch that x has not got.
    unbatched: Option<Axis>,
    types: PhantomData<fn() -> (K, D)>,
}

impl<'a, K: Kind, D: Dimension> Call<'a, K, D> {
    fn new(layer: &Layer<K>, x: ArrayView<'a, f32, D>, state: Option<&K::State>) -> Result<Self> {
        let misfit = Error::shape("x", "3 axes (batched) or 2 axes (unbatched)", x.shape());
        let unbatched = match x.ndim() {
            2 => Some(Axis(usize::from(!layer.engine.batch_first))),
            3 => None,
            _ => return Err(misfit),
        };
        let x = x.into_dyn();
        let x = if let Some(axis) = unbatched { x.insert_axis(axis) } else { x };
        let x = x.into_dimensionality::<Ix3>().map_err(|_| misfit)?;
        let rank = if unbatched.is_some() { 2 } else { 3 };
        let part = |argument, array: &ArrayD<f32>| {
            let misfit = Error::shape(argument, format!("{rank} axes, as x"), array.shape());
            if array.ndim() != rank {
                return Err(misfit);
            }
            let array = array.clone();
            let array = if rank == 2 { array.insert_axis(Axis(1)) } else { array };
            array.into_dimensionality::<Ix3>().map_err(|_| misfit)
        };
        let state = state.map(|state| {
            let (h, c) = K::parts(state);
            Ok::<_, Error>(States { h: part("h0", h)?, c: c.map(|c| part("c0", c)).transpose()? })
        });
        Ok(Call { x, state: state.transpose()?, unbatched, types: PhantomData })
    }

    fn submit(&self, layer: &Layer<K>, lengths: Option<&[usize]>) -> Result<Job> {
        layer.engine.forward(&Arguments { x: self.x, state: self.state.as_ref(), lengths })
    }

    fn finish(&self, y: Array3<f32>, states: States) -> Result<(Array<f32, D>, K::State)> {
        let (h, c) = (states.h.into_dyn(), states.c.map(Array::into_dyn));
        let (y, h, c) = match self.unbatched {
            Some(axis) => {
                let unbatch = |part: ArrayD<f32>| part.index_axis_move(Axis(1), 0);
                (y.into_dyn().index_axis_move(axis, 0), unbatch(h), c.map(unbatch))
            }
            None => (y.into_dyn(), h, c),
        };
        let y =
            y.into_dimensionality().map_err(|error| Error::Gpu { reason: error.to_string() })?;
        Ok((y, K::state(h, c)?))
    }
}
