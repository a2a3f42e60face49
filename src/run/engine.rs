//! A stack of layers on a device: its weights, and a workspace for each shape in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::Array3;

use super::input::{HostInput, no_embedding, run_sizes};
use super::io::{LayerIo, States, check_apart, check_shape};
use super::recent::Recent;
use super::training::{BackwardWorkspace, Buffers, Reserve};
use super::workspace::Workspace;
use crate::cell::{CellOptions, Flavour};
use crate::error::{Error, Result};
use crate::format::WeightFormat;
use crate::gpu::{DeviceArray, Gpu, Pending, lock};
use crate::pack::pack_weights;
use crate::plan::{Options, Plan, check_untuned, check_weights, plan};
use crate::problem::{InputKind, LayerSizes, Problem};
use crate::tensors::{WeightTensor, tensors_of, unflatten};
use crate::weights::Weights;

/// How a layer takes its arguments and runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerConfig {
    /// x and y are `[batch, seq_len, features]` instead of `[seq_len, batch, features]`.
    pub batch_first: bool,
    /// What to force instead of leaving it to the planner.
    pub options: Options,
    /// The same for the backward pass; `chunk` is the distance of its checkpoints, see
    /// [`BackwardPlan`](crate::BackwardPlan).
    pub backward: Options,
    /// How the weights lie on the device. One that is not f32 is for inference: training is
    /// [`Error::Unsupported`] then.
    pub weight_format: WeightFormat,
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub gpu: Gpu,
    pub sizes: LayerSizes,
    pub config: LayerConfig,
    pub weights: wgpu::Buffer,
    pub(super) cell_options: CellOptions,
    pub tensors: Vec<WeightTensor>,
    flavour: Flavour,
    workspaces: Recent<Shape, Workspace>,
    pub(super) backward_workspaces: Recent<Problem, BackwardWorkspace>,
    /// Counts what `set_weights` has put on the device, from 1.
    weights_version: AtomicU64,
}

/// What runs must have in common to share a workspace.
#[derive(Clone, Debug, PartialEq)]
struct Shape {
    problem: Problem,
    table: Option<wgpu::Buffer>,
}

impl Engine {
    pub fn new(gpu: &Gpu, weights: &Weights, config: LayerConfig) -> Result<Self> {
        let LayerConfig { batch_first, weight_format, .. } = config;
        let sizes = weights.sizes();
        // One step of one row is the least that anybody runs: what it refuses can never run.
        Problem::new(sizes, 1, 1, batch_first)?;
        check_weights(&sizes, weight_format, gpu.caps())?;
        check_untuned(&config.backward)?;
        weights.check_format(weight_format)?;
        let packed = pack_weights(weights, weight_format);
        let buffer = gpu.scoped(|| {
            let usage = wgpu::BufferUsages::STORAGE;
            Ok(gpu.create_buffer_with("weights", &packed, usage))
        })?;
        Ok(Engine {
            gpu: gpu.clone(),
            sizes,
            config,
            weights: buffer,
            cell_options: *weights.options(),
            tensors: tensors_of(weights),
            flavour: weights.flavour(),
            workspaces: Recent::new(),
            backward_workspaces: Recent::new(),
            weights_version: AtomicU64::new(1),
        })
    }

    /// Other weights in the place of those on the device.
    pub fn set_weights(&self, weights: &Weights) -> Result<()> {
        let (sizes, options) = (weights.sizes(), weights.options());
        if sizes != self.sizes {
            let (expected, given) = (format!("{:?}", self.sizes), format!("{sizes:?}"));
            return Err(Error::argument("weights", expected, given));
        }
        if *options != self.cell_options {
            let (expected, given) = (format!("{:?}", self.cell_options), format!("{options:?}"));
            return Err(Error::argument("weights", expected, given));
        }
        if tensors_of(weights) != self.tensors {
            let names = |tensors: &[WeightTensor]| {
                tensors.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>().join(", ")
            };
            let (expected, given) = (names(&self.tensors), names(&tensors_of(weights)));
            return Err(Error::argument("weights", expected, given));
        }
        let format = self.config.weight_format;
        weights.check_format(format)?;
        let packed = pack_weights(weights, format);
        self.gpu.scoped(|| {
            self.gpu.write(&self.weights, 0, ndarray::aview1(&packed));
            self.weights_version.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }

    pub(super) fn weights_version(&self) -> u64 {
        self.weights_version.load(Ordering::Relaxed)
    }

    /// The problem of a run.
    pub fn problem(
        &self,
        seq_len: usize,
        batch: usize,
        input: InputKind,
        has_lengths: bool,
    ) -> Result<Problem> {
        let problem = Problem::new(self.sizes, seq_len, batch, self.config.batch_first)?;
        let LayerConfig { weight_format, .. } = self.config;
        Ok(Problem { has_lengths, input, weight_format, flavour: self.flavour, ..problem })
    }

    pub fn plan(&self, problem: &Problem) -> Result<Plan> {
        #[cfg(not(target_arch = "wasm32"))]
        if self.config.options.tune {
            return super::tune::tuned_plan(self, problem);
        }
        plan(problem, self.gpu.caps(), &self.config.options)
    }

    /// A workspace for a stream of its own: single steps from either half of the h ring, all states zero.
    pub fn stream_workspace(
        &self,
        problem: &Problem,
        table: Option<&DeviceArray>,
    ) -> Result<Workspace> {
        let plan = self.plan(problem)?;
        let table = table.map(|table| table.buffer().clone());
        self.gpu.scoped(|| Ok(Workspace::new(&self.gpu, &plan, &self.cell_options, 2, table)))
    }

    /// Does `work` with the workspace of a shape.
    fn with_workspace<T>(
        &self,
        shape: Shape,
        work: impl FnOnce(&Arc<Workspace>) -> Result<T>,
    ) -> Result<T> {
        let Shape { problem, table } = shape.clone();
        let make = || {
            let plan = self.plan(&problem)?;
            Ok(Workspace::new(&self.gpu, &plan, &self.cell_options, 1, table))
        };
        self.workspaces.scoped(&self.gpu, shape, make, work)
    }

    /// The problem of a run over an input of a shape; whether the input fits is still to be seen.
    pub fn problem_of(
        &self,
        input: Option<InputKind>,
        shape: &[usize],
        has_lengths: bool,
    ) -> Result<Problem> {
        let (seq_len, batch) = run_sizes(input, shape, self.config.batch_first)?;
        self.problem(seq_len, batch, input.ok_or_else(no_embedding)?, has_lengths)
    }

    /// Uploads, runs, and asks for the results.
    pub fn forward(
        &self,
        input: &HostInput<'_>,
        state: Option<&States>,
        lengths: Option<&[usize]>,
    ) -> Result<Job> {
        let problem = self.problem_of(input.kind(), input.shape(), lengths.is_some())?;
        input.check(&self.gpu, &problem)?;
        state.map_or(Ok(()), |state| state.check(&problem))?;
        let Problem { seq_len, batch, .. } = problem;
        let lengths = lengths.map(|lengths| check_lengths(lengths, seq_len, batch)).transpose()?;
        let table = input.table().map(|table| table.buffer().clone());
        self.with_workspace(Shape { problem, table }, |workspace| {
            let host = workspace.host(self, 0);
            let readback = host.take_readback(&self.gpu);
            let mut encoder = self.encoder();
            let upload = lock(&host.upload);
            input.write(&self.gpu, &host.x);
            workspace.upload(&self.gpu, &mut encoder, state, lengths.as_deref());
            workspace.record(&self.gpu, &mut encoder, 0, &host.bound);
            let bytes = workspace.collect(&mut encoder, host, &readback, 0);
            self.gpu.queue().submit([encoder.finish()]);
            drop(upload);
            let pending = readback.map(&self.gpu, bytes);
            Ok(Job { workspace: Arc::clone(workspace), pending })
        })
    }

    /// Whether all arrays but the states fit, and the problem that they pose.
    pub fn check(&self, io: &LayerIo<'_>) -> Result<Problem> {
        let has_lengths = io.lengths.is_some();
        let problem = self.problem_of(io.input.kind(), io.input.shape(), has_lengths)?;
        io.input.check(&self.gpu, &problem)?;
        io.y.check("y", &self.gpu, &problem.y_shape())?;
        check_apart("y", io.y, io.input.buffer(), io.input.table())?;
        if let Some(lengths) = io.lengths {
            lengths.check("lengths", &self.gpu, &[problem.batch])?;
            lengths.check_usage("lengths", wgpu::BufferUsages::COPY_SRC)?;
        }
        Ok(problem)
    }

    /// Records a run on the caller's buffers.
    ///
    /// `reserve`: where a training run keeps what the backward pass needs.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        io: &LayerIo<'_>,
        reserve: Option<&Reserve>,
        buffers: Buffers,
    ) -> Result<()> {
        let mut problem = self.check(io)?;
        if let Some(reserve) = reserve {
            problem.is_training = true;
            reserve.check(&self.gpu, &problem)?;
        }
        io.state().check(&self.gpu, &problem)?;
        let (x, table) = (io.input.buffer(), io.input.table().map(DeviceArray::buffer));
        let shape = Shape { problem, table: table.cloned() };
        self.with_workspace(shape, |workspace| {
            let arrays = ([x, io.y.buffer()], reserve.map(Reserve::buffer));
            let bound = match buffers {
                Buffers::Kept => workspace.bind_cached(self, 0, arrays)?,
                Buffers::Passing => Arc::new(workspace.bind(self, 0, arrays)),
            };
            if let Some(reserve) = reserve {
                reserve.fill(self.weights_version());
            }
            if let Some(lengths) = io.lengths {
                workspace.load_lengths(encoder, lengths);
            }
            workspace.load_state(encoder, 0, io.h0, io.c0);
            workspace.record(&self.gpu, encoder, 0, &bound);
            workspace.store_state(encoder, 0, io.h_n, io.c_n);
            Ok(())
        })
    }

    /// Weights, or gradients of them, from a flat array.
    pub fn unflatten(&self, values: &[f32]) -> Result<Weights> {
        unflatten(&self.tensors, self.sizes, self.cell_options, values)
    }

    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Submits what is recorded.
    pub fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        self.gpu.scoped(|| {
            let mut encoder = self.encoder();
            record(&mut encoder);
            self.gpu.queue().submit([encoder.finish()]);
            Ok(())
        })
    }
}

pub(crate) fn check_lengths(lengths: &[usize], seq_len: usize, batch: usize) -> Result<Vec<u32>> {
    check_shape("lengths", &[lengths.len()], &[batch])?;
    let checked = lengths.iter().enumerate().map(|(row, length)| {
        if *length <= seq_len {
            return Ok(*length as u32);
        }
        let expected = format!("at most seq_len = {seq_len}");
        Err(Error::argument(&format!("lengths[{row}]"), expected, length))
    });
    checked.collect()
}

/// A run that has been submitted.
pub(crate) struct Job {
    workspace: Arc<Workspace>,
    pending: Pending,
}

impl Job {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<(Array3<f32>, States)> {
        let (results, readback) = self.pending.wait(|values| self.workspace.split(values))?;
        self.workspace.return_readback(0, readback);
        results
    }

    pub async fn ready(self) -> Result<(Array3<f32>, States)> {
        let (results, readback) = self.pending.ready(|values| self.workspace.split(values)).await?;
        self.workspace.return_readback(0, readback);
        results
    }
}
