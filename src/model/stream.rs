//! Single time steps of a model, its states on the GPU.

use ndarray::{Array2, ArrayView, ArrayView1, ArrayView2, Dimension};

use super::{Model, RunShape, Stage, check_num_states};
use crate::any::{AnyState, AnyStream};
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Element, Gpu, Pending};
use crate::linear::Linear;
use crate::problem::InputKind;
use crate::run::{HostSide, check_apart, check_shape};
use crate::stream::{check_row, to_rows};

/// Advances `batch` sequences by one time step per call through all stages of a [`Model`]; the states stay on the GPU,
/// and a step is one submission. Made by [`Model::stream`]; for what a step is see [`Stream`](crate::Stream).
#[derive(Debug)]
pub struct ModelStream {
    gpu: Gpu,
    batch: usize,
    /// Elements of one sequence's input to a step.
    input_size: usize,
    stages: Vec<StageStream>,
    /// The outputs of all stages but the last.
    between: Vec<DeviceArray>,
    /// With y_t.
    host: HostSide<DeviceArray>,
}

#[derive(Debug)]
enum StageStream {
    Recurrent(Box<AnyStream>),
    Linear(Linear),
}

impl ModelStream {
    /// `input` of the first stage; `table` where it is token ids.
    pub(super) fn new(
        model: &Model,
        batch: usize,
        input: InputKind,
        table: Option<&DeviceArray>,
    ) -> Result<Self> {
        model.stages()[0].check_input(input)?;
        model.plans(&RunShape { seq_len: 1, batch, input, has_lengths: false })?;
        let stages = model.stages().iter().enumerate().map(|(i, stage)| {
            let layer = match stage {
                Stage::Recurrent(layer) => layer,
                Stage::Linear(linear) => return Ok(StageStream::Linear(linear.clone())),
            };
            let stream = match (input, table) {
                (InputKind::Tokens { .. }, Some(table)) if i == 0 => {
                    layer.stream_tokens(batch, table)
                }
                (InputKind::Projected, _) if i == 0 => layer.stream_projected(batch),
                _ => layer.stream(batch),
            };
            Ok(StageStream::Recurrent(stream?.into()))
        });
        let gpu = model.gpu().clone();
        let input_size = match (input, model.stages()[0].as_recurrent()) {
            (InputKind::Projected, Some(layer)) => layer.sizes().projected_size(),
            (InputKind::Tokens { .. }, _) => 1,
            _ => model.input_size(),
        };
        let stages = stages.collect::<Result<_>>()?;
        let between =
            |stage: &Stage| DeviceArray::zeroed(&gpu, "between", &[batch, stage.output_size()]);
        let (between, host) = gpu.scoped(|| {
            let y_shape = [batch, model.output_size()];
            let [x_bytes, y_bytes] = [input_size, y_shape[1]].map(|n| 4 * (batch * n) as u64);
            let host = HostSide::new(&gpu, x_bytes, y_bytes, y_bytes, |_, y| {
                DeviceArray::new(&gpu, y.clone(), &y_shape)
            });
            Ok((model.all_but_last().iter().map(between).collect(), host))
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
        self.first_of_tokens()?.check_tokens(ids)?;
        self.run(ids)
    }

    /// The async twin of [`ModelStream::step_tokens`].
    pub async fn step_tokens_async(&mut self, ids: ArrayView1<'_, u32>) -> Result<Array2<f32>> {
        self.first_of_tokens()?.check_tokens(ids)?;
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
        self.first_of_tokens()?.table_of_tokens()?;
        ids.check("ids", &self.gpu, &[self.batch])?;
        self.record(encoder, ids.buffer(), y_t)
    }

    fn check_features(&self, shape: &[usize]) -> Result<()> {
        match &self.stages[0] {
            StageStream::Recurrent(stream) => stream.check_features(shape),
            StageStream::Linear(_) => check_shape("x_t", shape, &[self.batch, self.input_size]),
        }
    }

    fn first_of_tokens(&self) -> Result<&AnyStream> {
        match &self.stages[0] {
            StageStream::Recurrent(stream) => Ok(stream),
            StageStream::Linear(_) => {
                Err(Error::argument("ids", "features: stages[0] is linear", "token ids"))
            }
        }
    }

    /// With the input and y_t checked, nothing can be wrong at a later stage, after others have been recorded.
    fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        input: &wgpu::Buffer,
        y_t: &DeviceArray,
    ) -> Result<()> {
        y_t.check("y_t", &self.gpu, self.host.bound.shape())?;
        let table = self.first_of_tokens().and_then(AnyStream::table_of_tokens).ok();
        check_apart("y_t", y_t, input, table)?;
        let mut input = input;
        for (i, stage) in self.stages.iter_mut().enumerate() {
            let y_t = self.between.get(i).unwrap_or(y_t);
            match stage {
                StageStream::Recurrent(stream) => stream.encode(encoder, input, y_t)?,
                StageStream::Linear(linear) => {
                    linear.record(encoder, self.batch, input, y_t.buffer())?;
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
            StageStream::Linear(_) => None,
        })
    }

    fn recurrent_mut(&mut self) -> impl Iterator<Item = &mut AnyStream> {
        self.stages.iter_mut().filter_map(|stage| match stage {
            StageStream::Recurrent(stream) => Some(&mut **stream),
            StageStream::Linear(_) => None,
        })
    }
}
