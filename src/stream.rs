//! Single time steps of a recurrent layer, its state on the GPU.

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{Array2, ArrayD, ArrayView2, Ix3};

use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Pending, Readback};
use crate::layer::Kind;
use crate::run::{Engine, States, Workspace, check_shape};

/// Advances `batch` sequences by one time step per call, like PyTorch's `nn.LSTMCell` for a whole stack; the
/// state stays on the GPU. Made by [`Layer::stream`](crate::Layer::stream); streams of one layer share its weights, nothing else.
///
/// For a bidirectional stack a step is a sequence of length 1 for both directions.
#[derive(Debug)]
pub struct Stream<K: Kind> {
    engine: Arc<Engine>,
    workspace: Workspace,
    batch: usize,
    /// The half of the h ring that holds h now.
    half: usize,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Stream<K> {
    pub(crate) fn new(engine: Arc<Engine>, batch: usize) -> Result<Self> {
        let workspace = engine.stream_workspace(batch)?;
        let mut stream = Stream { engine, workspace, batch, half: 0, kind: PhantomData };
        stream.reset()?;
        Ok(stream)
    }

    /// Sequences that run side by side.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Advances all sequences by one time step: x_t `[batch, input_size]` to y_t `[batch, D*H]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where x_t does not fit: the state is then as it was. [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step(&mut self, x_t: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        let (half, pending) = self.submit(x_t)?;
        let (y, readback) = pending.wait(|values| self.rows(values))?;
        self.workspace.return_readback(half, readback);
        y
    }

    /// The async twin of [`Stream::step`]. The step is taken when this is first polled, even if the future is
    /// dropped before it ends.
    pub async fn step_async(&mut self, x_t: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        let (half, pending) = self.submit(x_t)?;
        let (y, readback) = pending.ready(|values| self.rows(values)).await?;
        self.workspace.return_readback(half, readback);
        y
    }

    /// Records a step into the caller's encoder: x_t `[batch, input_size]` to y_t `[batch, D*H]`, both used in
    /// place. Encoders must be submitted in the order of these calls.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::WrongDevice`] where an array does not fit; nothing has been recorded then.
    pub fn encode_step(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        x_t: &DeviceArray,
        y_t: &DeviceArray,
    ) -> Result<()> {
        let Engine { gpu, sizes, .. } = &*self.engine;
        x_t.check("x_t", gpu, &[self.batch, sizes.input_size])?;
        y_t.check("y_t", gpu, &[self.batch, sizes.output_size()])?;
        if x_t.buffer() == y_t.buffer() {
            return Err(Error::argument("y_t", "another buffer than x_t", "the buffer of x_t"));
        }
        gpu.scoped(|| {
            let (x, y) = (x_t.buffer(), y_t.buffer());
            let bound = self.workspace.bind_cached(&self.engine, self.half, x, y)?;
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
        self.change(|workspace, encoder| workspace.clear_state(encoder))
    }

    /// Sets the state of one sequence to zero, the others go on.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such row, [`Error::DeviceLost`].
    pub fn reset_row(&mut self, row: usize) -> Result<()> {
        if row >= self.batch {
            return Err(Error::argument("row", format!("less than batch = {}", self.batch), row));
        }
        self.change(|workspace, encoder| workspace.clear_row(encoder, row))
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
    /// [`Error::Shape`] where it does not fit, [`Error::DeviceLost`].
    pub fn load(&mut self, state: &K::State) -> Result<()> {
        let problem = self.workspace.problem();
        let part = |argument, array: &ArrayD<f32>, shape: [usize; 3]| {
            check_shape(argument, array.shape(), &shape)?;
            let misfit = Error::shape(argument, format!("{shape:?}"), array.shape());
            array.clone().into_dimensionality::<Ix3>().map_err(|_| misfit)
        };
        let (h, c) = K::parts(state);
        let state = States {
            h: part("h", h, problem.h_shape())?,
            c: c.map(|c| part("c", c, problem.c_shape())).transpose()?,
        };
        let gpu = &self.engine.gpu;
        gpu.scoped(|| {
            self.workspace.write_state(gpu, self.half, &state);
            Ok(())
        })
    }

    /// Uploads x_t, runs the step and asks for y_t. Returns also the half it began from.
    fn submit(&mut self, x_t: ArrayView2<'_, f32>) -> Result<(usize, Pending)> {
        let Engine { gpu, sizes, .. } = &*self.engine;
        check_shape("x_t", x_t.shape(), &[self.batch, sizes.input_size])?;
        let half = self.half;
        let pending = gpu.scoped(|| {
            let host = self.workspace.host(&self.engine, half);
            let readback = host.take_readback(gpu);
            gpu.write(&host.x, 0, x_t);
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

    fn rows(&self, values: &[f32]) -> Result<Array2<f32>> {
        let shape = (self.batch, self.engine.sizes.output_size());
        Array2::from_shape_vec(shape, values.to_vec())
            .map_err(|error| Error::Gpu { reason: error.to_string() })
    }

    fn change(&mut self, edit: impl FnOnce(&Workspace, &mut wgpu::CommandEncoder)) -> Result<()> {
        let gpu = &self.engine.gpu;
        gpu.scoped(|| {
            let mut encoder = self.engine.encoder();
            edit(&self.workspace, &mut encoder);
            gpu.queue().submit([encoder.finish()]);
            Ok(())
        })
    }

    fn request_state(&self) -> Result<Pending> {
        let gpu = &self.engine.gpu;
        gpu.scoped(|| {
            let bytes = self.workspace.state_bytes();
            let readback = Readback::new(gpu, bytes);
            let mut encoder = self.engine.encoder();
            self.workspace.collect_state(&mut encoder, &readback, 0, self.half);
            gpu.queue().submit([encoder.finish()]);
            Ok(readback.map(gpu, bytes))
        })
    }
}
