//! A stack of recurrent layers: what LSTM, GRU and RNN have in common.

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{Array, Array3, ArrayD, ArrayView, ArrayViewD, Axis, Dimension, Ix2, Ix3};

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::plan::{Options, Plan};
use crate::problem::{InputKind, LayerSizes};
use crate::run::{Engine, HostInput, Job, LayerInput, LayerIo, States};
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
        let problem = self.engine.problem(seq_len, batch, InputKind::Features, false)?;
        self.engine.plan(&problem)
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
        typed(self.forward_input(features(x), None, state)?)
    }

    /// The async twin of [`Layer::forward`].
    pub async fn forward_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&K::State>,
    ) -> Result<(Array<f32, D>, K::State)> {
        typed(self.forward_input_async(features(x), None, state).await?)
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
        typed(self.forward_input(features(x), Some(lengths), state)?)
    }

    /// The async twin of [`Layer::forward_lengths`].
    pub async fn forward_lengths_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        lengths: &[usize],
        state: Option<&K::State>,
    ) -> Result<(Array<f32, D>, K::State)> {
        typed(self.forward_input_async(features(x), Some(lengths), state).await?)
    }

    /// As [`Layer::forward`], or [`Layer::forward_lengths`] where there are lengths, from any kind of input: x,
    /// its projection made elsewhere, or token ids that pick rows of a projected embedding.
    ///
    /// ```no_run
    /// use wgpu_rnn::ndarray::{Array1, Array2};
    /// use wgpu_rnn::{Gpu, LayerConfig, LayerInput, Linear, Lstm, io};
    ///
    /// let gpu = Gpu::new()?;
    /// let weights = io::safetensors::open("model.safetensors")?.lstm("encoder.lstm")?;
    /// let embedding = Array2::zeros((30_000, weights.sizes().input_size));
    /// let table = Linear::input_projection(&gpu, &weights)?.forward(embedding.view())?; // once
    /// let table = gpu.upload(table.view())?;
    ///
    /// let lstm = Lstm::new(&gpu, &weights, LayerConfig::default())?;
    /// let ids = Array1::from(vec![17, 4, 29_999]);
    /// let input = LayerInput::Tokens { ids: ids.view().into_dyn(), table: &table };
    /// let (y, state) = lstm.forward_input(input, None, None)?; // [3, D*H]
    /// # Ok::<(), wgpu_rnn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] where a token is not in the table, those of [`Layer::forward_lengths`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward_input(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<(ArrayD<f32>, K::State)> {
        let call = Call::new(self, input, state)?;
        let (y, states) = call.submit(self, lengths)?.wait()?;
        call.finish(y, states)
    }

    /// The async twin of [`Layer::forward_input`].
    pub async fn forward_input_async(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<(ArrayD<f32>, K::State)> {
        let call = Call::new(self, input, state)?;
        let (y, states) = call.submit(self, lengths)?.ready().await?;
        call.finish(y, states)
    }

    /// Records a run into the caller's encoder. It submits nothing and waits for nothing; input and y are used where
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
        self.engine.encode(encoder, io)
    }

    /// A stream of single time steps for `batch` sequences, whose state stays on the GPU. It begins at zero.
    ///
    /// # Errors
    /// Those of [`Layer::plan`] for one time step.
    pub fn stream(&self, batch: usize) -> Result<Stream<K>> {
        Stream::new(Arc::clone(&self.engine), batch, InputKind::Features, None)
    }

    /// As [`Layer::stream`], of steps whose input is projected already, see [`LayerInput::Projected`].
    ///
    /// # Errors
    /// Those of [`Layer::stream`].
    pub fn stream_projected(&self, batch: usize) -> Result<Stream<K>> {
        Stream::new(Arc::clone(&self.engine), batch, InputKind::Projected, None)
    }

    /// As [`Layer::stream`], of token ids that pick rows of `table`, see [`LayerInput::Tokens`].
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::WrongDevice`] where the table does not fit, those of [`Layer::stream`].
    pub fn stream_tokens(&self, batch: usize, table: &DeviceArray) -> Result<Stream<K>> {
        let vocabulary = table.shape().first().copied().unwrap_or(0);
        let kind = InputKind::Tokens { vocabulary };
        Stream::new(Arc::clone(&self.engine), batch, kind, Some(table.clone()))
    }
}

fn features<D: Dimension>(x: ArrayView<'_, f32, D>) -> LayerInput<'_> {
    LayerInput::Features(x.into_dyn())
}

/// y with the rank that x has.
fn typed<D: Dimension, S>((y, state): (ArrayD<f32>, S)) -> Result<(Array<f32, D>, S)> {
    let y = y.into_dimensionality().map_err(|error| Error::Gpu { reason: error.to_string() })?;
    Ok((y, state))
}

/// A forward call with its arguments brought to three axes.
struct Call<'a, K> {
    input: HostInput<'a>,
    state: Option<States>,
    /// The axis of the batch that the input has not got.
    unbatched: Option<Axis>,
    kind: PhantomData<fn() -> K>,
}

impl<'a, K: Kind> Call<'a, K> {
    fn new(layer: &Layer<K>, input: LayerInput<'a>, state: Option<&K::State>) -> Result<Self> {
        let batch_axis = Axis(usize::from(!layer.engine.batch_first));
        let (name, batched, shape) = match &input {
            LayerInput::Features(x) => ("x", 3, x.shape()),
            LayerInput::Projected(x_proj) => ("x_proj", 3, x_proj.shape()),
            LayerInput::Tokens { ids, .. } => ("ids", 2, ids.shape()),
        };
        let unbatched = match batched - shape.len() as isize {
            0 => None,
            1 => Some(batch_axis),
            _ => {
                let expected =
                    format!("{batched} axes (batched) or {} axes (unbatched)", batched - 1);
                return Err(Error::shape(name, expected, shape));
            }
        };
        let input = match input {
            LayerInput::Features(x) => HostInput::Features(with_axes(name, x, unbatched)?),
            LayerInput::Projected(x) => HostInput::Projected(with_axes(name, x, unbatched)?),
            LayerInput::Tokens { ids, table } => {
                HostInput::Tokens { ids: with_axes::<_, Ix2>(name, ids, unbatched)?, table }
            }
        };
        let rank = if unbatched.is_some() { 2 } else { 3 };
        let part = |argument, array: &ArrayD<f32>| {
            if array.ndim() != rank {
                let expected = format!("{rank} axes, as {name}");
                return Err(Error::shape(argument, expected, array.shape()));
            }
            let axis = unbatched.map(|_| Axis(1));
            with_axes::<_, Ix3>(argument, array.view(), axis).map(|array| array.to_owned())
        };
        let state = state.map(|state| {
            let (h, c) = K::parts(state);
            Ok::<_, Error>(States { h: part("h0", h)?, c: c.map(|c| part("c0", c)).transpose()? })
        });
        Ok(Call { input, state: state.transpose()?, unbatched, kind: PhantomData })
    }

    fn submit(&self, layer: &Layer<K>, lengths: Option<&[usize]>) -> Result<Job> {
        layer.engine.forward(&self.input, self.state.as_ref(), lengths)
    }

    fn finish(&self, y: Array3<f32>, states: States) -> Result<(ArrayD<f32>, K::State)> {
        let (y, h, c) = (y.into_dyn(), states.h.into_dyn(), states.c.map(Array::into_dyn));
        let Some(axis) = self.unbatched else { return Ok((y, K::state(h, c)?)) };
        let unbatch = |part: ArrayD<f32>| part.index_axis_move(Axis(1), 0);
        Ok((y.index_axis_move(axis, 0), K::state(unbatch(h), c.map(unbatch))?))
    }
}

/// The array with an axis of length 1 for a batch, if so wished.
fn with_axes<'a, T, D: Dimension>(
    argument: &str,
    array: ArrayViewD<'a, T>,
    batch: Option<Axis>,
) -> Result<ArrayView<'a, T, D>> {
    let misfit = Error::shape(argument, "another number of axes", array.shape());
    let array = if let Some(axis) = batch { array.insert_axis(axis) } else { array };
    array.into_dimensionality().map_err(|_| misfit)
}
