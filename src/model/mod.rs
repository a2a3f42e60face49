//! A chain of layers of different sizes and cells, on the device from x to y.

mod load;
mod plain;
mod run;
mod stage;
mod stream;

use std::sync::Arc;

use ndarray::{Array, Array3, ArrayD, ArrayView, Dimension};

use crate::any::{AnyKind, AnyLayer, AnyState};
use crate::chain::{self, Last, Widths};
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::layer::Kind;
use crate::plan::Plan;
use crate::problem::{InputKind, at_least_one};
use crate::run::{
    Batching, DeviceInput, LayerInput, Recent, StageState, States, features, no_embedding,
    run_sizes, tokens_of, typed,
};
use run::{Job, Run};
pub use stage::Stage;
pub use stream::ModelStream;

/// A chain of stages, each of which takes the output of the one before: recurrent layers of different cells and sizes,
/// linear layers, an embedding at the front, functions such as softmax, and the choice of the last time step. What goes
/// from stage to stage stays on the GPU, and a run is one submission.
///
/// ```no_run
/// use wgpu_rnn::ndarray::Array3;
/// use wgpu_rnn::{Gpu, Gru, Linear, Lstm, Model, io};
///
/// let gpu = Gpu::new()?;
/// let file = io::safetensors::open("model.safetensors")?;
/// let model = Model::new(vec![
///     Lstm::load(&gpu, &file, "encoder")?.into(), // 80 features to 256
///     Gru::load(&gpu, &file, "decoder")?.into(),  // 256 to 128
///     Linear::load(&gpu, &file, "head")?.into(),  // 128 to 10
/// ])?;
/// let x = Array3::<f32>::zeros((100, 4, model.input_size())); // [seq_len, batch, 80]
/// let (y, states) = model.forward(x.view(), None)?;           // [seq_len, batch, 10]
/// assert_eq!(states.len(), 2); // those of the LSTM and of the GRU
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// Shapes are those of [`Layer`](crate::Layer): x `[T, B, I]`, `[B, T, I]` if the recurrent stages are `batch_first`,
/// without B unbatched; token ids have no axis of features. Behind a [`Last`] there is one time step. States are one for
/// each recurrent stage, in their order. Lengths hold for the recurrent stages and for [`Last::Step`]; beyond a row's
/// length recurrent stages put out 0, which a linear stage turns into its bias.
///
/// Cloning is cheap and shares everything. A model can run from several threads at once. Its first run of a shape makes
/// what that shape needs; later runs of that shape make no GPU object. The shapes used last stay ready.
#[derive(Clone, Debug)]
pub struct Model {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stages: Vec<Stage>,
    gpu: Gpu,
    widths: Widths,
    batch_first: bool,
    runs: Recent<RunShape, Run>,
}

/// What runs must have in common to share their buffers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RunShape {
    seq_len: usize,
    batch: usize,
    /// None is ids.
    input: Option<InputKind>,
    has_lengths: bool,
}

/// The arrays of an encoded run, see [`Model::encode`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ModelIo<'a> {
    /// Input of the first stage, read in place.
    pub input: DeviceInput<'a>,
    /// Output of the last stage, written in place.
    pub y: &'a DeviceArray,
    /// The length of each batch row, see [`LayerIo::lengths`](crate::LayerIo::lengths).
    pub lengths: Option<&'a DeviceArray<u32>>,
    /// One for each recurrent stage; or none at all: from zero states, the final ones not wanted.
    pub states: &'a [StageState<'a>],
}

impl<'a> ModelIo<'a> {
    /// From zero states, the final ones not wanted, all rows of full length.
    pub fn new(x: &'a DeviceArray, y: &'a DeviceArray) -> Self {
        Self::from_input(DeviceInput::Features(x), y)
    }

    /// As [`ModelIo::new`], from projected rows or token ids.
    pub fn from_input(input: DeviceInput<'a>, y: &'a DeviceArray) -> Self {
        ModelIo { input, y, lengths: None, states: &[] }
    }
}

impl Model {
    /// Puts stages into a chain. Without a recurrent stage, which says whether it is `batch_first`, it is not.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no stage with weights, where one does not take what the one before puts out or
    /// may not stand where it does, see [`Stage`], or where the recurrent stages are not all `batch_first` or all not;
    /// [`Error::WrongDevice`] where they are on several devices.
    pub fn new(stages: Vec<Stage>) -> Result<Self> {
        let mut recurrent = stages.iter().filter_map(Stage::as_recurrent);
        let batch_first = recurrent.next().is_some_and(|layer| layer.engine.config.batch_first);
        Self::laid_out(stages, batch_first)
    }

    fn laid_out(stages: Vec<Stage>, batch_first: bool) -> Result<Self> {
        let links: Vec<_> = stages.iter().map(Stage::link).collect();
        let widths = chain::check(&links)?;
        let gpu = stages.iter().find_map(Stage::gpu).ok_or_else(chain::no_weights)?.clone();
        for (i, stage) in stages.iter().enumerate() {
            let name = format!("stages[{i}]");
            if stage.gpu().is_some_and(|other| !other.is(&gpu)) {
                return Err(Error::WrongDevice { argument: name });
            }
            if stage
                .as_recurrent()
                .is_some_and(|layer| layer.engine.config.batch_first != batch_first)
            {
                let expected = format!("{batch_first}, as in the recurrent stages before");
                let name = format!("{name}.batch_first");
                return Err(Error::argument(&name, expected, !batch_first));
            }
        }
        let inner = Inner { stages, gpu, widths, batch_first, runs: Recent::new() };
        Ok(Model { inner: Arc::new(inner) })
    }

    /// The stages, in their order.
    pub fn stages(&self) -> &[Stage] {
        &self.inner.stages
    }

    /// The device that the stages are on.
    pub fn gpu(&self) -> &Gpu {
        &self.inner.gpu
    }

    /// Whether x and y are `[batch, seq_len, features]` instead of `[seq_len, batch, features]`.
    pub fn batch_first(&self) -> bool {
        self.inner.batch_first
    }

    /// Whether the model takes token ids: its first stage is an embedding.
    pub fn takes_ids(&self) -> bool {
        matches!(self.stages()[0], Stage::Embedding(_))
    }

    /// Features of one time step of x; 1 where the model takes token ids.
    pub fn input_size(&self) -> usize {
        self.inner.widths.input_size
    }

    /// Features of one time step of y.
    pub fn output_size(&self) -> usize {
        self.inner.widths.output_size()
    }

    fn recurrent(&self) -> impl Iterator<Item = &AnyLayer> {
        self.stages().iter().filter_map(Stage::as_recurrent)
    }

    /// How each recurrent stage would go in a run of this shape, and why so.
    ///
    /// # Errors
    /// [`Error::Argument`] where a size is 0, [`Error::Limit`] or [`Error::Schedule`] where a stage cannot run.
    pub fn plan(&self, seq_len: usize, batch: usize) -> Result<Vec<Plan>> {
        self.plans(&RunShape { seq_len, batch, input: self.plain_input(), has_lengths: false })
    }

    /// Features, or ids where the model takes them.
    fn plain_input(&self) -> Option<InputKind> {
        (!self.takes_ids()).then_some(InputKind::Features)
    }

    fn plans(&self, shape: &RunShape) -> Result<Vec<Plan>> {
        // These are the caller's, whatever stage would be the first to miss them.
        at_least_one("seq_len", shape.seq_len)?;
        at_least_one("batch", shape.batch)?;
        let mut plans = Vec::new();
        for (i, shape) in self.shapes(shape).enumerate() {
            let rows = shape.seq_len.saturating_mul(shape.batch);
            let plan = match &self.stages()[i] {
                Stage::Recurrent(layer) => plan_of(layer, &shape).map(Some),
                Stage::Linear(linear) => linear.launch(rows).map(|_| None),
                Stage::Embedding(embedding) => embedding.launch(rows).map(|_| None),
                Stage::Function(_) | Stage::Last(_) => self.plain(i, &shape).map(|_| None),
            };
            plans.extend(plan.map_err(|error| error.within(&format!("stages[{i}]")))?);
        }
        Ok(plans)
    }

    /// What each stage sees of a run: behind the first features, behind a `Last` one time step.
    fn shapes(&self, shape: &RunShape) -> impl Iterator<Item = RunShape> {
        let last = self.stages().iter().position(|stage| matches!(stage, Stage::Last(_)));
        let shape = *shape;
        (0..self.stages().len()).map(move |i| {
            let input = if i == 0 { shape.input } else { Some(InputKind::Features) };
            match last {
                Some(last) if last < i => {
                    RunShape { seq_len: 1, has_lengths: false, input, ..shape }
                }
                _ => RunShape { input, ..shape },
            }
        })
    }

    /// Runs a sequence from host arrays to host arrays and waits for it. y has the rank of x.
    ///
    /// # Errors
    /// [`Error::Shape`] where x or a state does not fit, [`Error::Argument`] where there is not one state for each
    /// recurrent stage or a cell state is missing or superfluous, those of [`Model::plan`], [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        states: Option<&[AnyState]>,
    ) -> Result<(Array<f32, D>, Vec<AnyState>)> {
        typed(self.forward_input(features(x), None, states)?)
    }

    /// The async twin of [`Model::forward`].
    pub async fn forward_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        states: Option<&[AnyState]>,
    ) -> Result<(Array<f32, D>, Vec<AnyState>)> {
        typed(self.forward_input_async(features(x), None, states).await?)
    }

    /// As [`Model::forward`], from any kind of input, each batch row with a length of its own where there are lengths;
    /// see [`Layer::forward_input`](crate::Layer::forward_input) and
    /// [`Layer::forward_lengths`](crate::Layer::forward_lengths).
    ///
    /// # Errors
    /// [`Error::Argument`] where a token is not in the table, where a length is more than `seq_len`, where the first
    /// stage does not take such an input (only an embedding takes [`LayerInput::Ids`], only a recurrent stage what is
    /// projected), or where there are lengths and no stage that heeds them; [`Error::Shape`] where there are not as many
    /// lengths as rows; those of [`Model::forward`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward_input(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        states: Option<&[AnyState]>,
    ) -> Result<(ArrayD<f32>, Vec<AnyState>)> {
        let (batching, job) = self.submit(input, lengths, states)?;
        Self::finish(&batching, job.wait()?)
    }

    /// The async twin of [`Model::forward_input`].
    pub async fn forward_input_async(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        states: Option<&[AnyState]>,
    ) -> Result<(ArrayD<f32>, Vec<AnyState>)> {
        let (batching, job) = self.submit(input, lengths, states)?;
        Self::finish(&batching, job.ready().await?)
    }

    fn submit(
        &self,
        input: LayerInput<'_>,
        lengths: Option<&[usize]>,
        states: Option<&[AnyState]>,
    ) -> Result<(Batching, Job)> {
        let (batching, input) = Batching::of(input, self.inner.batch_first)?;
        let shape = self.shape(input.kind(), input.shape(), lengths.is_some())?;
        let to_states = |states: &[AnyState]| {
            check_num_states(states.len(), self.recurrent().count())?;
            let parts = states.iter().enumerate().map(|(k, state)| {
                let states = batching.states(AnyKind::parts(state));
                states.map_err(|error| error.within(&format!("states[{k}]")))
            });
            parts.collect::<Result<Vec<_>>>()
        };
        let states = states.map(to_states).transpose()?;
        let job =
            self.scoped(shape, |run| run.forward(self, &input, lengths, states.as_deref()))?;
        Ok((batching, job))
    }

    fn finish(
        batching: &Batching,
        (y, states): (Array3<f32>, Vec<States>),
    ) -> Result<(ArrayD<f32>, Vec<AnyState>)> {
        let state = |states| {
            let (h, c) = batching.parts(states);
            AnyState { h, c }
        };
        Ok((batching.output(y), states.into_iter().map(state).collect()))
    }

    /// Records a run into the caller's encoder. It submits nothing and waits for nothing; input and y are used where
    /// they lie, states and lengths are copied on the GPU, each before or after its stage.
    ///
    /// The work of several recorded runs of one shape shares buffers; they run in the order of submission, whatever
    /// the order of recording.
    ///
    /// # Errors
    /// Those of [`Layer::encode`](crate::Layer::encode) and of [`Model::forward_input`]. Nothing has been recorded then.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, io: &ModelIo<'_>) -> Result<()> {
        let shape = self.shape(io.input.kind(), io.input.shape(), io.lengths.is_some())?;
        self.scoped(shape, |run| run.record(self, encoder, io))
    }

    /// A stream of single time steps for `batch` sequences, whose states stay on the GPU. It begins at zero. Where the
    /// first stage is an embedding its steps take token ids. Each step is the last one so far: a [`Last`] passes it on.
    ///
    /// # Errors
    /// Those of [`Model::plan`] for one time step.
    pub fn stream(&self, batch: usize) -> Result<ModelStream> {
        ModelStream::new(self, batch, self.plain_input(), None)
    }

    /// As [`Model::stream`], of steps whose input is projected already, see [`LayerInput::Projected`].
    ///
    /// # Errors
    /// [`Error::Argument`] where the first stage is not recurrent, those of [`Model::stream`].
    pub fn stream_projected(&self, batch: usize) -> Result<ModelStream> {
        ModelStream::new(self, batch, Some(InputKind::Projected), None)
    }

    /// As [`Model::stream`], of token ids that pick rows of `table`, see [`LayerInput::Tokens`].
    ///
    /// # Errors
    /// [`Error::Argument`] where the first stage is not recurrent, [`Error::Shape`] or [`Error::WrongDevice`] where the
    /// table does not fit, those of [`Model::stream`].
    pub fn stream_tokens(&self, batch: usize, table: &DeviceArray) -> Result<ModelStream> {
        ModelStream::new(self, batch, Some(tokens_of(table)), Some(table))
    }

    fn shape(
        &self,
        input: Option<InputKind>,
        shape: &[usize],
        has_lengths: bool,
    ) -> Result<RunShape> {
        self.stages()[0].check_input(input)?;
        let heeds_lengths =
            |stage: &Stage| matches!(stage, Stage::Recurrent(_) | Stage::Last(Last::Step));
        if has_lengths && !self.stages().iter().any(heeds_lengths) {
            let expected = "none: no stage is recurrent or picks the last step";
            return Err(Error::argument("lengths", expected, "given"));
        }
        let (seq_len, batch) = run_sizes(input, shape, self.inner.batch_first)?;
        Ok(RunShape { seq_len, batch, input, has_lengths })
    }

    fn scoped<T>(&self, shape: RunShape, work: impl FnOnce(&Arc<Run>) -> Result<T>) -> Result<T> {
        self.inner.runs.scoped(self.gpu(), shape, || Run::new(self, &shape), work)
    }
}

/// The plan of a recurrent stage.
fn plan_of(layer: &AnyLayer, shape: &RunShape) -> Result<Plan> {
    let RunShape { seq_len, batch, input, has_lengths } = *shape;
    let input = input.ok_or_else(no_embedding)?;
    layer.engine.plan(&layer.engine.problem(seq_len, batch, input, has_lengths)?)
}

fn check_num_states(given: usize, recurrent: usize) -> Result<()> {
    if given == recurrent {
        return Ok(());
    }
    let expected = format!("one for each of {recurrent} recurrent stages");
    Err(Error::argument("states", expected, format!("of length {given}")))
}
