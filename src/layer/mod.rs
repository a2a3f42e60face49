//! A stack of recurrent layers: what LSTM, GRU and RNN have in common.

mod training;

pub use crate::run::LayerConfig;

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{Array, Array3, ArrayD, ArrayView, Dimension};

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::plan::Plan;
use crate::pool::StreamPool;
use crate::problem::{InputKind, LayerSizes};
use crate::run::{
    Batching, Buffers, Engine, Job, LayerInput, LayerIo, States, features, tokens_of, typed,
};
use crate::stream::Stream;
use crate::weights::Weights;

/// A kind of layer: the cell it takes and the state it has. Implemented for [`LstmKind`](crate::LstmKind),
/// [`GruKind`](crate::GruKind), [`RnnKind`](crate::RnnKind) and [`AnyKind`](crate::AnyKind) only.
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

/// A stack of recurrent layers on a device: [`Lstm`](crate::Lstm), [`Gru`](crate::Gru), [`Rnn`](crate::Rnn), or
/// [`AnyLayer`](crate::AnyLayer) where the program learns which only when it runs.
///
/// Shapes, with T = `seq_len`, B = `batch`, I = `input_size`, H = `hidden_size`, L = `num_layers` and D = 2 if
/// bidirectional, else 1. Of an LSTM with projection, y and h have `proj_size` features where H stands here, c has H:
///
/// | array | shape |
/// |---|---|
/// | x | `[T, B, I]`; `[B, T, I]` if `batch_first`; `[T, I]` unbatched |
/// | y | `[T, B, D*H]`; `[B, T, D*H]`; `[T, D*H]` |
/// | h0, h_n (and c0, c_n) | `[L*D, B, H]` in either layout; `[L*D, H]` unbatched |
///
/// Cloning is cheap and shares the weights. A layer can run from several threads at once. Its first run of a shape
/// makes what that shape needs; later runs of that shape make no GPU object, but for the arrays that
/// [`Layer::forward_tape`] and [`Tape::backward`](crate::Tape::backward) work on. The shapes used last stay ready.
#[derive(Debug)]
pub struct Layer<K: Kind> {
    pub(crate) engine: Arc<Engine>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Clone for Layer<K> {
    fn clone(&self) -> Self {
        Layer::of_engine(Arc::clone(&self.engine))
    }
}

impl<K: Kind> Layer<K> {
    /// Copies the weights to the device.
    ///
    /// # Errors
    /// [`Error::Argument`] where the weights are of another cell or beyond what their format holds, [`Error::Limit`]
    /// where the device cannot hold them.
    pub fn new(gpu: &Gpu, weights: &Weights, config: LayerConfig) -> Result<Self> {
        let cell = weights.sizes().cell;
        if !K::accepts(cell) {
            return Err(Error::argument("weights", format!("those of {}", K::NAME), cell));
        }
        let engine = Engine::new(gpu, weights, config)?;
        Ok(Self::of_engine(Arc::new(engine)))
    }

    /// The layers of an engine whose cell is of this kind.
    pub(crate) fn of_engine(engine: Arc<Engine>) -> Self {
        Layer { engine, kind: PhantomData }
    }

    /// Puts other weights of the same sizes and options in the place of those on the device, for all clones of this
    /// layer and its streams. Runs that have not been submitted yet use them.
    ///
    /// Go back through training runs before: a backward pass makes the gates again from the weights on the device, so
    /// after this one of a run made before, a [`Tape`](crate::Tape) or a recorded one, is refused
    /// ([`Error::Argument`] naming `reserve`).
    ///
    /// # Errors
    /// [`Error::Argument`] where they are not the same in kind.
    pub fn set_weights(&self, weights: &Weights) -> Result<()> {
        self.engine.set_weights(weights)
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
        let (batching, job) = self.submit(input, lengths, state)?;
        Self::finish(&batching, job.wait()?)
    }

    /// The async twin of [`Layer::forward_input`].
    pub async fn forward_input_async(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<(ArrayD<f32>, K::State)> {
        let (batching, job) = self.submit(input, lengths, state)?;
        Self::finish(&batching, job.ready().await?)
    }

    fn submit(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<(Batching, Job)> {
        let (batching, input) = Batching::of(input, self.engine.config.batch_first)?;
        let states = state.map(|state| batching.states(K::parts(state))).transpose()?;
        let job = self.engine.forward(&input, states.as_ref(), lengths)?;
        Ok((batching, job))
    }

    fn finish(
        batching: &Batching,
        (y, states): (Array3<f32>, States),
    ) -> Result<(ArrayD<f32>, K::State)> {
        let (h, c) = batching.parts(states);
        Ok((batching.output(y), K::state(h, c)?))
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
        self.engine.encode(encoder, io, None, Buffers::Kept)
    }

    /// A stream of single time steps for `batch` sequences, whose state stays on the GPU. It begins at zero.
    ///
    /// # Errors
    /// Those of [`Layer::plan`] for one time step.
    pub fn stream(&self, batch: usize) -> Result<Stream<K>> {
        Stream::new(Arc::clone(&self.engine), batch, InputKind::Features, None)
    }

    /// A pool of up to `capacity` streams that come and go and advance together, see [`StreamPool`]. It begins empty.
    ///
    /// # Errors
    /// [`Error::Schedule`] where another schedule than Stepwise is forced, those of [`Layer::plan`] for one time step
    /// of `capacity` sequences.
    pub fn stream_pool(&self, capacity: usize) -> Result<StreamPool<K>> {
        StreamPool::new(Arc::clone(&self.engine), capacity)
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
        Stream::new(Arc::clone(&self.engine), batch, tokens_of(table), Some(table.clone()))
    }
}
