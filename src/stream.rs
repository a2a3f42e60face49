//! Single time steps of a recurrent layer, its state on the GPU.

use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::Pod;
use ndarray::{Array2, ArrayD, ArrayView, ArrayView1, ArrayView2, Dimension, Ix3};

use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Pending, Readback};
use crate::layer::Kind;
use crate::problem::{InputKind, Problem};
use crate::run::{
    Engine, States, Workspace, check_apart, check_ids, check_shape, check_states, check_table,
};

/// Advances `batch` sequences by one time step per call, like PyTorch's `nn.LSTMCell` for a whole stack; the
/// state stays on the GPU. Made by [`Layer::stream`](crate::Layer::stream); streams of one layer share its weights, nothing else.
///
/// For a bidirectional stack a step is a sequence of length 1 for both directions.
#[derive(Debug)]
pub struct Stream<K: Kind> {
    engine: Arc<Engine>,
    workspace: Workspace,
    batch: usize,
    /// The rows that token ids pick, where a step takes token ids.
    table: Option<DeviceArray>,
    /// The half of the h ring that holds h now.
    half: usize,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Stream<K> {
    pub(crate) fn new(
        engine: Arc<Engine>,
        batch: usize,
        input: InputKind,
        table: Option<DeviceArray>,
    ) -> Result<Self> {
        // A step has no layout: its one time step is the outer axis.
        let problem = Problem { batch_first: false, ..engine.problem(1, batch, input, false)? };
        if let Some(table) = &table {
            check_table(table, &engine.gpu, &problem)?;
        }
        let workspace = engine.stream_workspace(&problem, table.as_ref())?;
        let kind = PhantomData;
        let mut stream = Stream { engine, workspace, batch, table, half: 0, kind };
        stream.reset()?;
        Ok(stream)
    }

    /// Sequences that run side by side.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Advances all sequences by one time step: x_t `[batch, input_size]`, or projected `[batch, D*G*H]`, to y_t
    /// `[batch, D*H]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where x_t does not fit, [`Error::Argument`] where the stream takes token ids: the state is then
    /// as it was. [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step(&mut self, x_t: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check_features(x_t.shape())?;
        self.run(x_t)
    }

    /// The async twin of [`Stream::step`]. The step is taken when this is first polled, even if the future is
    /// dropped before it ends.
    pub async fn step_async(&mut self, x_t: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        self.check_features(x_t.shape())?;
        self.run_async(x_t).await
    }

    /// As [`Stream::step`], in a stream of token ids: `[batch]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where there is not one for each sequence, [`Error::Argument`] where one is not in the table or
    /// the stream takes no token ids: the state is then as it was. [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step_tokens(&mut self, ids: ArrayView1<'_, u32>) -> Result<Array2<f32>> {
        self.check_tokens(ids)?;
        self.run(ids)
    }

    /// The async twin of [`Stream::step_tokens`].
    pub async fn step_tokens_async(&mut self, ids: ArrayView1<'_, u32>) -> Result<Array2<f32>> {
        self.check_tokens(ids)?;
        self.run_async(ids).await
    }

    /// Records a step into the caller's encoder: x_t `[batch, input_size]`, or projected `[batch, D*G*H]`, to y_t
    /// `[batch, D*H]`, both used in place. Encoders must be submitted in the order of these calls.
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
        x_t.check("x_t", &self.engine.gpu, x_t.shape())?;
        self.encode(encoder, x_t.buffer(), y_t)
    }

    /// As [`Stream::encode_step`], in a stream of token ids: `[batch]`. One beyond the table picks its last row.
    ///
    /// # Errors
    /// As [`Stream::encode_step`].
    pub fn encode_step_tokens(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        ids: &DeviceArray<u32>,
        y_t: &DeviceArray,
    ) -> Result<()> {
        self.table_of_tokens()?;
        ids.check("ids", &self.engine.gpu, &[self.batch])?;
        self.encode(encoder, ids.buffer(), y_t)
    }

    pub(crate) fn check_features(&self, shape: &[usize]) -> Result<()> {
        if self.table.is_some() {
            return Err(Error::argument(
                "x_t",
                "token ids: the stream was made for them",
                "features",
            ));
        }
        check_shape("x_t", shape, &self.workspace.problem().x_shape()[1..])
    }

    pub(crate) fn table_of_tokens(&self) -> Result<&DeviceArray> {
        let expected = "features: the stream was made for them";
        self.table.as_ref().ok_or_else(|| Error::argument("ids", expected, "token ids"))
    }

    pub(crate) fn check_tokens(&self, ids: ArrayView1<'_, u32>) -> Result<()> {
        let table = self.table_of_tokens()?;
        check_shape("ids", ids.shape(), &[self.batch])?;
        check_ids(&ids, table.shape()[0])
    }

    /// As [`Stream::encode_step`], from an input that has been checked.
    pub(crate) fn encode(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        input: &wgpu::Buffer,
        y_t: &DeviceArray,
    ) -> Result<()> {
        let Engine { gpu, sizes, .. } = &*self.engine;
        y_t.check("y_t", gpu, &[self.batch, sizes.output_size()])?;
        check_apart("y_t", y_t, input, self.table.as_ref())?;
        gpu.scoped(|| {
            let y = y_t.buffer();
            let bound = self.workspace.bind_cached(&self.engine, self.half, ([input, y], None))?;
            self.workspace.record(gpu, encoder, self.half, &bound);
            Ok(())
        })?;
        self.advance();
        Ok(())
    }

    /// Sets the state of all sequences to zero.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    pub fn reset(&mut self) -> Result<()> {
        self.engine.submit(|encoder| self.workspace.clear_state(encoder))
    }

    /// Sets the state of one sequence to zero, the others go on.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such row, [`Error::DeviceLost`].
    pub fn reset_row(&mut self, row: usize) -> Result<()> {
        check_row(row, self.batch)?;
        self.engine.submit(|encoder| self.workspace.clear_row(encoder, row))
    }

    /// Copies the state to the host: `[L*D, batch, H]` each.
    ///
    /// # Errors
    /// [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn save(&self) -> Result<K::State> {
        let state = self.request_state()?.wait(|values| self.workspace.split_state(values))?.0?;
        K::state(state.h.into_dyn(), state.c.map(|c| c.into_dyn()))
    }

    /// The async twin of [`Stream::save`].
    pub async fn save_async(&self) -> Result<K::State> {
        let pending = self.request_state()?;
        let state = pending.ready(|values| self.workspace.split_state(values)).await?.0?;
        K::state(state.h.into_dyn(), state.c.map(|c| c.into_dyn()))
    }

    /// Sets the state of all sequences to one that was saved, here or by a run of a whole sequence.
    ///
    /// # Errors
    /// [`Error::Shape`] where it does not fit, [`Error::Argument`] where a cell state is missing or superfluous,
    /// [`Error::DeviceLost`].
    pub fn load(&mut self, state: &K::State) -> Result<()> {
        let states = self.to_states(state)?;
        self.write(&states)
    }

    pub(crate) fn to_states(&self, state: &K::State) -> Result<States> {
        to_states::<K>(state, self.workspace.problem())
    }

    pub(crate) fn write(&mut self, states: &States) -> Result<()> {
        let gpu = &self.engine.gpu;
        gpu.scoped(|| {
            self.workspace.write_state(gpu, self.half, states);
            Ok(())
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn run<T: Pod, D: Dimension>(&mut self, input: ArrayView<'_, T, D>) -> Result<Array2<f32>> {
        let (half, pending) = self.submit(input)?;
        let (y, readback) = pending.wait(|values| to_rows(self.batch, values))?;
        self.workspace.return_readback(half, readback);
        y
    }

    async fn run_async<T: Pod, D: Dimension>(
        &mut self,
        input: ArrayView<'_, T, D>,
    ) -> Result<Array2<f32>> {
        let (half, pending) = self.submit(input)?;
        let (y, readback) = pending.ready(|values| to_rows(self.batch, values)).await?;
        self.workspace.return_readback(half, readback);
        y
    }

    /// Uploads the step's input, runs it and asks for y_t. Returns also the half it began from.
    fn submit<T: Pod, D: Dimension>(
        &mut self,
        input: ArrayView<'_, T, D>,
    ) -> Result<(usize, Pending)> {
        let gpu = &self.engine.gpu;
        let half = self.half;
        let pending = gpu.scoped(|| {
            let host = self.workspace.host(&self.engine, half);
            let readback = host.take_readback(gpu);
            gpu.write(&host.x, 0, input);
            let mut encoder = self.engine.encoder();
            self.workspace.record(gpu, &mut encoder, half, &host.bound);
            let bytes = self.workspace.collect_output(&mut encoder, host, &readback);
            gpu.queue().submit([encoder.finish()]);
            Ok(readback.map(gpu, bytes))
        })?;
        self.advance();
        Ok((half, pending))
    }

    fn advance(&mut self) {
        self.half = self.workspace.final_half(self.half);
    }

    fn request_state(&self) -> Result<Pending> {
        let bytes = self.workspace.state_bytes();
        Readback::submit(&self.engine.gpu, self.engine.encoder(), bytes, |encoder, target| {
            self.workspace.collect_state(encoder, target, 0, self.half);
        })
    }
}

/// A state that fits the problem, `[L*D, B, H]` each.
pub(crate) fn to_states<K: Kind>(state: &K::State, problem: &Problem) -> Result<States> {
    let (h, c) = K::parts(state);
    check_states(("h", h.shape()), ("c", c.map(ArrayD::shape)), problem)?;
    let part = |array: &ArrayD<f32>| {
        let misfit = Error::shape("state", "three axes", array.shape());
        array.clone().into_dimensionality::<Ix3>().map_err(|_| misfit)
    };
    Ok(States { h: part(h)?, c: c.map(part).transpose()? })
}

pub(crate) fn check_row(row: usize, batch: usize) -> Result<()> {
    if row < batch {
        return Ok(());
    }
    Err(Error::argument("row", format!("less than batch = {batch}"), row))
}

/// y_t, `[batch, features]`.
pub(crate) fn to_rows(batch: usize, values: &[f32]) -> Result<Array2<f32>> {
    Array2::from_shape_vec((batch, values.len() / batch), values.to_vec())
        .map_err(|error| Error::Gpu { reason: error.to_string() })
}
