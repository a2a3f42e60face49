//! A stack of layers on a device: its weights, and a workspace for each shape in use.

use std::sync::Arc;

use ndarray::{Array3, ArrayView3};

use super::recent::Recent;
use super::workspace::Workspace;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu, Pending, lock};
use crate::lstm::LstmState;
use crate::pack::pack_weights;
use crate::plan::{Options, Plan, check_weights, plan};
use crate::problem::{LayerSizes, Problem};
use crate::weights::Weights;

#[derive(Debug)]
pub(crate) struct Engine {
    pub gpu: Gpu,
    pub sizes: LayerSizes,
    pub batch_first: bool,
    options: Options,
    pub weights: wgpu::Buffer,
    workspaces: Recent<(usize, usize), Workspace>,
}

/// Initial states on the host, both or none.
pub(crate) type Initials<'a> = Option<(ArrayView3<'a, f32>, ArrayView3<'a, f32>)>;

/// A run on the caller's buffers.
pub(crate) struct Encoded<'a> {
    pub x: &'a DeviceArray,
    pub y: &'a DeviceArray,
    pub h0: Option<&'a DeviceArray>,
    pub c0: Option<&'a DeviceArray>,
    pub h_n: Option<&'a DeviceArray>,
    pub c_n: Option<&'a DeviceArray>,
}

impl Engine {
    pub fn new(gpu: &Gpu, weights: &Weights, batch_first: bool, options: Options) -> Result<Self> {
        let sizes = weights.sizes();
        // One step of one row is the least that anybody runs: what it refuses can never run.
        Problem::new(sizes, 1, 1, batch_first)?;
        check_weights(&sizes, gpu.caps())?;
        let words = pack_weights(weights);
        let weights = gpu.scoped(|| {
            let usage = wgpu::BufferUsages::STORAGE;
            Ok(gpu.create_buffer_with("weights", bytemuck::cast_slice(&words), usage))
        })?;
        let gpu = gpu.clone();
        Ok(Engine { gpu, sizes, batch_first, options, weights, workspaces: Recent::new() })
    }

    pub fn plan(&self, seq_len: usize, batch: usize) -> Result<Plan> {
        let problem = Problem::new(self.sizes, seq_len, batch, self.batch_first)?;
        plan(&problem, self.gpu.caps(), &self.options)
    }

    /// A workspace for a stream of its own: single steps from either half of the h ring, all states zero.
    pub fn stream_workspace(&self, batch: usize) -> Result<Workspace> {
        let problem = Problem::new(self.sizes, 1, batch, false)?;
        let plan = plan(&problem, self.gpu.caps(), &self.options)?;
        self.gpu.scoped(|| Ok(Workspace::new(&self.gpu, &plan, 2)))
    }

    fn workspace(&self, seq_len: usize, batch: usize) -> Result<Arc<Workspace>> {
        self.workspaces.get_or_make((seq_len, batch), || {
            Ok(Workspace::new(&self.gpu, &self.plan(seq_len, batch)?, 1))
        })
    }

    /// Does `work` with the workspace of a shape; if the device objects, it is forgotten.
    fn with_workspace<T>(
        &self,
        seq_len: usize,
        batch: usize,
        work: impl FnOnce(&Arc<Workspace>) -> Result<T>,
    ) -> Result<T> {
        let result = self.gpu.scoped(|| work(&self.workspace(seq_len, batch)?));
        if matches!(result, Err(Error::Gpu { .. })) {
            self.workspaces.clear();
        }
        result
    }

    /// Uploads, runs, and asks for the results.
    pub fn forward(&self, x: ArrayView3<'_, f32>, initials: Initials<'_>) -> Result<Job> {
        let (seq_len, batch) = match (self.batch_first, x.dim()) {
            (false, (seq_len, batch, _)) | (true, (batch, seq_len, _)) => (seq_len, batch),
        };
        let problem = Problem::new(self.sizes, seq_len, batch, self.batch_first)?;
        check_shape("x", x.shape(), &problem.x_shape())?;
        if let Some((h0, c0)) = &initials {
            check_shape("h0", h0.shape(), &problem.state_shape())?;
            check_shape("c0", c0.shape(), &problem.state_shape())?;
        }
        self.with_workspace(seq_len, batch, |workspace| {
            let host = workspace.host(self, 0);
            let readback = host.take_readback(&self.gpu);
            let mut encoder = self.encoder();
            let upload = lock(&host.upload);
            self.gpu.write(&host.x, 0, x);
            match initials {
                Some((h0, c0)) => workspace.write_state(&self.gpu, 0, h0, c0),
                None => workspace.clear_state(&mut encoder),
            }
            workspace.record(&self.gpu, &mut encoder, 0, &host.bound);
            let bytes = workspace.collect(&mut encoder, host, &readback, 0);
            self.gpu.queue().submit([encoder.finish()]);
            drop(upload);
            let pending = readback.map(&self.gpu, bytes);
            Ok(Job { workspace: Arc::clone(workspace), pending })
        })
    }

    /// Records a run on the caller's buffers.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, io: &Encoded<'_>) -> Result<()> {
        let [first, second, _] = rank_3("x", io.x.shape())?;
        let (seq_len, batch) = if self.batch_first { (second, first) } else { (first, second) };
        let problem = Problem::new(self.sizes, seq_len, batch, self.batch_first)?;
        io.x.check("x", &self.gpu, &problem.x_shape())?;
        io.y.check("y", &self.gpu, &problem.y_shape())?;
        if io.x.buffer() == io.y.buffer() {
            return Err(Error::argument("y", "another buffer than x", "the buffer of x"));
        }
        use wgpu::BufferUsages as Usage;
        let states = [
            ("h0", io.h0, Usage::COPY_SRC),
            ("c0", io.c0, Usage::COPY_SRC),
            ("h_n", io.h_n, Usage::COPY_DST),
            ("c_n", io.c_n, Usage::COPY_DST),
        ];
        for (name, array, usage) in states {
            if let Some(array) = array {
                array.check(name, &self.gpu, &problem.state_shape())?;
                array.check_usage(name, usage)?;
            }
        }
        self.with_workspace(seq_len, batch, |workspace| {
            let bound = workspace.bind_cached(self, 0, io.x.buffer(), io.y.buffer())?;
            workspace.load_state(encoder, 0, io.h0, io.c0);
            workspace.record(&self.gpu, encoder, 0, &bound);
            workspace.store_state(encoder, 0, io.h_n, io.c_n);
            Ok(())
        })
    }

    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }
}

pub(crate) fn check_shape(argument: &str, given: &[usize], expected: &[usize]) -> Result<()> {
    if given == expected {
        Ok(())
    } else {
        Err(Error::shape(argument, format!("{expected:?}"), given))
    }
}

fn rank_3(argument: &str, shape: &[usize]) -> Result<[usize; 3]> {
    shape.try_into().map_err(|_| Error::shape(argument, "three axes", shape))
}

/// A run that has been submitted.
pub(crate) struct Job {
    workspace: Arc<Workspace>,
    pending: Pending,
}

impl Job {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<(Array3<f32>, LstmState)> {
        let (results, readback) = self.pending.wait(|values| self.workspace.split(values))?;
        self.workspace.return_readback(0, readback);
        results
    }

    pub async fn ready(self) -> Result<(Array3<f32>, LstmState)> {
        let (results, readback) = self.pending.ready(|values| self.workspace.split(values)).await?;
        self.workspace.return_readback(0, readback);
        results
    }
}
