//! Single time steps of a model, its states on the GPU.

use ndarray::{Array2, ArrayView, ArrayView1, ArrayView2, Dimension};

use super::plain::function_of;
use super::{Model, RunShape, Stage, check_num_states};
use crate::any::{AnyState, AnyStream};
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Element, Gpu, Pending};
use crate::linear::Linear;
use crate::problem::InputKind;
use crate::run::{HostSide, Single, check_apart, check_ids, check_shape};
use crate::stream::{check_row, to_rows};

/// Advances `batch` sequences by one time step per call through all stages of a [`Model`]; the states stay on the GPU,
/// and a step is one submission. Made by [`Model::stream`]; for what a step is see [`Stream`](crate::Stream).
#[derive(Debug)]
pub struct ModelStream {
    gpu: Gpu,
    batch: usize,
    /// Elements of one sequence's input to a step.
    input_size: usize,
    /// All but `Last`: every step is the last one so far.
    stages: Vec<StageStream>,
    /// The outputs of all of these but the last.
    between: Vec<DeviceArray>,
    /// With y_t.
    host: HostSide<DeviceArray>,
}

#[derive(Debug)]
enum StageStream {
    Recurrent(Box<AnyStream>),
    Linear(Linear),
    Embedding(Embedding),
    Function(Box<Single>),
}

impl ModelStream {
    /// `input` of the first stage, none is ids; `table` where it is tokens.
    pub(super) fn new(
        model: &Model,
        batch: usize,
        input: Option<InputKind>,
        table: Option<&DeviceArray>,
    ) -> Result<Self> {
        model.stages()[0].check_input(input)?;
        let shape = RunShape { seq_len: 1, batch, input, has_lengths: false };
        model.plans(&shape)?;
        let gpu = model.gpu().clone();
        let input_size = match (input, model.stages()[0].as_recurrent()) {
            (Some(InputKind::Projected), Some(layer)) => layer.sizes().projected_size(),
            (Some(InputKind::Tokens { .. }), _) => 1,
            _ => model.input_size(),
        };
        let (mut stages, mut widths) = (Vec::new(), Vec::new());
        for (i, width) in model.inner.widths.outputs.iter().enumerate() {
            let stage = match &model.stages()[i] {
                Stage::Recurrent(layer) => {
                    let stream = match (input, table) {
                        (_, Some(table)) if i == 0 => layer.stream_tokens(batch, table),
                        (Some(InputKind::Projected), _) if i == 0 => layer.stream_projected(batch),
                        _ => layer.stream(batch),
                    };
                    StageStream::Recurrent(stream?.into())
                }
                Stage::Linear(linear) => StageStream::Linear(linear.clone()),
                Stage::Embedding(embedding) => StageStream::Embedding(embedding.clone()),
                Stage::Function(function) => {
                    let launch = function_of(&gpu, *function, batch as u64, *width as u64)?;
                    StageStream::Function(gpu.scoped(|| Ok(Single::new(&gpu, launch)))?.into())
                }
                Stage::Last(_) => continue,
            };
            stages.push(stage);
            widths.push(*width);
        }
        let output_size = widths.pop().unwrap_or_default();
        let between = |width: &usize| DeviceArray::zeroed(&gpu, "between", &[batch, *width]);
        let (between, host) = gpu.scoped(|| {
            let [x_bytes, y_bytes] = [input_size, output_size].map(|n| 4 * (batch * n) as u64);
            let host = HostSide::new(&gpu, x_bytes, y_bytes, y_bytes, |_, y| {
                DeviceArray::new(&gpu, y.clone(), &[batch, output_size])
            });
            Ok((widths.iter().map(between).collect(), host))
        })?;
        Ok(ModelStream { gpu, batch, input_size, stages, between, host })
    }

    /// Sequences that run side by side.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Features of one time step of y.
    pub fn output_size(&self) -> usize {
        self.host.bound.shape()[1]
    }

    /// Advances all sequences by one time step: x_t `[batch, input_size]`, or projected `[batch, D*G*H]` of the first
    /// stage, to y_t `[batch, output_size]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where x_t does not fit, [`Error::Argument`] where the stream takes token ids: the states are then
    /// as they were. [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step(&mut self, x_t: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check_features(x_t.shape())?;
        self.run(x_t)
    }

    /// The async twin of [`ModelStream::step`]. The step is taken when this is first polled, even if the future is
    /// dropped before it ends.
    pub async fn step_async(&mut self, x_t: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check_features(x_t.shape())?;
        self.run_async(x_t).await
    }

    /// As [`ModelStream::step`], in a stream of token ids: `[batch]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is not one for each sequence, [`Error::Argument`] where one is not in the table or
    /// the stream takes no token ids: the states are then as they were. [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step_tokens(&mut self, ids: ArrayView1<'_, u32>) -> Result<Array2<f32>> {
        self.check_tokens(ids)?;
        self.run(ids)
    }

    /// The async twin of [`ModelStream::step_tokens`].
    pub async fn step_tokens_async(&mut self, ids: ArrayView1<'_, u32>) -> Result<Array2<f32>> {
        self.check_tokens(ids)?;
        self.run_async(ids).await
    }

    /// Records a step into the caller's encoder: x_t `[batch, input_size]`, or projected `[batch, D*G*H]` of the first
    /// stage, to y_t `[batch, output_size]`, both used in place. Encoders must be submitted in the order of these calls.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::WrongDevice`] where an array does not fit, [`Error::Argument`] where the stream
    /// takes token ids; nothing has been recorded then.
    pub fn encode_step(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        x_t: &DeviceArray,
        y_t: &DeviceArray,
    ) -> Result<()> {
        self.check_features(x_t.shape())?;
        x_t.check("x_t", &self.gpu, x_t.shape())?;
        self.record(encoder, x_t.buffer(), y_t)
    }

    /// As [`ModelStream::encode_step`], in a stream of token ids: `[batch]`. One beyond the table picks its last row.
    ///
    /// # Errors
    /// As [`ModelStream::encode_step`].
    pub fn encode_step_tokens(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        ids: &DeviceArray<u32>,
        y_t: &DeviceArray,
    ) -> Result<()> {
        self.table_of_tokens()?;
        ids.check("ids", &self.gpu, &[self.batch])?;
        self.record(encoder, ids.buffer(), y_t)
    }

    fn check_features(&self, shape: &[usize]) -> Result<()> {
        match &self.stages[0] {
            StageStream::Recurrent(stream) => stream.check_features(shape),
            StageStream::Embedding(_) => {
                Err(Error::argument("x_t", "token ids: stages[0] is an embedding", "features"))
            }
            StageStream::Linear(_) | StageStream::Function(_) => {
                check_shape("x_t", shape, &[self.batch, self.input_size])
            }
        }
    }

    fn check_tokens(&self, ids: ArrayView1<'_, u32>) -> Result<()> {
        match &self.stages[0] {
            StageStream::Recurrent(stream) => stream.check_tokens(ids),
            StageStream::Embedding(embedding) => {
                check_shape("ids", ids.shape(), &[self.batch])?;
                check_ids(&ids, embedding.num_embeddings())
            }
            StageStream::Linear(_) | StageStream::Function(_) => self.table_of_tokens().map(drop),
        }
    }

    /// The caller's table that token ids pick rows of; none where that is the first stage's.
    fn table_of_tokens(&self) -> Result<Option<&DeviceArray>> {
        let is = match &self.stages[0] {
            StageStream::Recurrent(stream) => return stream.table_of_tokens().map(Some),
            StageStream::Embedding(_) => return Ok(None),
            StageStream::Linear(_) => "linear",
            StageStream::Function(_) => "a function",
        };
        Err(Error::argument("ids", format!("features: stages[0] is {is}"), "token ids"))
    }

    /// With the input and y_t checked, nothing can be wrong at a later stage, after others have been recorded.
    fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        input: &wgpu::Buffer,
        y_t: &DeviceArray,
    ) -> Result<()> {
        y_t.check("y_t", &self.gpu, self.host.bound.shape())?;
        check_apart("y_t", y_t, input, self.table_of_tokens().ok().flatten())?;
        let mut input = input;
        for (i, stage) in self.stages.iter_mut().enumerate() {
            let y_t = self.between.get(i).unwrap_or(y_t);
            match stage {
                StageStream::Recurrent(stream) => stream.encode(encoder, input, y_t)?,
                StageStream::Linear(linear) => {
                    linear.record(encoder, self.batch, input, y_t.buffer())?;
                }
                StageStream::Embedding(embedding) => {
                    embedding.record(encoder, self.batch, input, y_t.buffer())?;
                }
                StageStream::Function(single) => {
                    self.gpu
                        .scoped(|| single.record(&self.gpu, encoder, &[input, y_t.buffer()]))?;
                }
            }
            input = y_t.buffer();
        }
        Ok(())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn run<T: Element, D: Dimension>(&mut self, input: ArrayView<'_, T, D>) -> Result<Array2<f32>> {
        let pending = self.submit(input)?;
        let (y_t, readback) = pending.wait(|values| to_rows(self.batch, values))?;
        self.host.give_back(readback);
        y_t
    }

    async fn run_async<T: Element, D: Dimension>(
        &mut self,
        input: ArrayView<'_, T, D>,
    ) -> Result<Array2<f32>> {
        let pending = self.submit(input)?;
        let (y_t, readback) = pending.ready(|values| to_rows(self.batch, values)).await?;
        self.host.give_back(readback);
        y_t
    }

    /// Uploads the step's input, runs it and asks for y_t.
    fn submit<T: Element, D: Dimension>(&mut self, input: ArrayView<'_, T, D>) -> Result<Pending> {
        let gpu = self.gpu.clone();
        gpu.scoped(|| {
            let readback = self.host.take_readback(&gpu);
            let (x, y_t) = (self.host.x.clone(), self.host.bound.clone());
            gpu.write(&x, 0, input);
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            self.record(&mut encoder, &x, &y_t)?;
            encoder.copy_buffer_to_buffer(y_t.buffer(), 0, &readback.buffer, 0, y_t.bytes());
            gpu.queue().submit([encoder.finish()]);
            Ok(readback.map(&gpu, y_t.bytes()))
        })
    }

    /// Sets the states of all sequences to zero.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub fn reset(&mut self) -> Result<()> {
        self.recurrent_mut().try_for_each(AnyStream::reset)
    }

    /// Sets the states of one sequence to zero, the others go on.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such row, [`Error::DeviceLost`].
    pub fn reset_row(&mut self, row: usize) -> Result<()> {
        check_row(row, self.batch)?;
        self.recurrent_mut().try_for_each(|stream| stream.reset_row(row))
    }

    /// Copies the states to the host, one for each recurrent stage: `[L*D, batch, H]` each.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn save(&self) -> Result<Vec<AnyState>> {
        self.recurrent().map(AnyStream::save).collect()
    }

    /// The async twin of [`ModelStream::save`].
    pub async fn save_async(&self) -> Result<Vec<AnyState>> {
        let mut states = Vec::new();
        for stream in self.recurrent() {
            states.push(stream.save_async().await?);
        }
        Ok(states)
    }

    /// Sets the states of all sequences to some that were saved, here or by a run of a whole sequence.
    ///
    /// # Errors
    /// [`Error::Shape`] where one does not fit, [`Error::Argument`] where there is not one for each recurrent stage or a
    /// cell state is missing or superfluous: the states are then as they were. [`Error::DeviceLost`].
    pub fn load(&mut self, states: &[AnyState]) -> Result<()> {
        check_num_states(states.len(), self.recurrent().count())?;
        let checked = self.recurrent().zip(states).enumerate().map(|(k, (stream, state))| {
            stream.to_states(state).map_err(|error| error.within(&format!("states[{k}]")))
        });
        let states = checked.collect::<Result<Vec<_>>>()?;
        self.recurrent_mut().zip(&states).try_for_each(|(stream, states)| stream.write(states))
    }

    fn recurrent(&self) -> impl Iterator<Item = &AnyStream> {
        self.stages.iter().filter_map(|stage| match stage {
            StageStream::Recurrent(stream) => Some(&**stream),
            _ => None,
        })
    }

    fn recurrent_mut(&mut self) -> impl Iterator<Item = &mut AnyStream> {
        self.stages.iter_mut().filter_map(|stage| match stage {
            StageStream::Recurrent(stream) => Some(&mut **stream),
            _ => None,
        })
    }
}
