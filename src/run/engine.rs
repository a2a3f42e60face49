//! A stack of layers on a device: its weights, and a workspace for each shape in use.

use std::sync::Arc;

use ndarray::{Array3, ArrayView3};

use super::recent::Recent;
use super::workspace::Workspace;
use crate::cell::{CellOptions, Flavour};
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, DeviceLengths, Gpu, Pending, lock};
use crate::pack::pack_weights;
use crate::plan::{Options, Plan, check_weights, plan};
use crate::problem::{LayerSizes, Problem};
use crate::weights::Weights;

#[derive(Debug)]
pub(crate) struct Engine {
    pub gpu: Gpu,
    pub sizes: LayerSizes,
    pub batch_first: bool,
    pub weights: wgpu::Buffer,
    options: Options,
    cell_options: CellOptions,
    flavour: Flavour,
    workspaces: Recent<Shape, Workspace>,
}

/// What runs must have in common to share a workspace.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    seq_len: usize,
    batch: usize,
    has_lengths: bool,
}

/// Hidden states, and cell states where the cell has them, on the host: `[L*D, B, H]`.
#[derive(Clone, Debug)]
pub(crate) struct States {
    pub h: Array3<f32>,
    pub c: Option<Array3<f32>>,
}

/// The arguments of a run from the host.
pub(crate) struct Arguments<'a> {
    pub x: ArrayView3<'a, f32>,
    pub state: Option<&'a States>,
    pub lengths: Option<&'a [usize]>,
}

/// A run on the caller's buffers.
pub(crate) struct Encoded<'a> {
    pub x: &'a DeviceArray,
    pub y: &'a DeviceArray,
    pub h0: Option<&'a DeviceArray>,
    pub c0: Option<&'a DeviceArray>,
    pub h_n: Option<&'a DeviceArray>,
    pub c_n: Option<&'a DeviceArray>,
    pub lengths: Option<&'a DeviceLengths>,
}

impl Engine {
    pub fn new(gpu: &Gpu, weights: &Weights, batch_first: bool, options: Options) -> Result<Self> {
        let sizes = weights.sizes();
        // One step of one row is the least that anybody runs: what it refuses can never run.
        Problem::new(sizes, 1, 1, batch_first)?;
        check_weights(&sizes, gpu.caps())?;
        let packed = pack_weights(weights);
        let buffer = gpu.scoped(|| {
            let usage = wgpu::BufferUsages::STORAGE;
            Ok(gpu.create_buffer_with("weights", bytemuck::cast_slice(&packed), usage))
        })?;
        Ok(Engine {
            gpu: gpu.clone(),
            sizes,
            batch_first,
            weights: buffer,
            options,
            cell_options: *weights.options(),
            flavour: weights.flavour(),
            workspaces: Recent::new(),
        })
    }

    pub fn plan(&self, seq_len: usize, batch: usize, has_lengths: bool) -> Result<Plan> {
        let problem = Problem::new(self.sizes, seq_len, batch, self.batch_first)?;
        let problem = Problem { has_lengths, flavour: self.flavour, ..problem };
        plan(&problem, self.gpu.caps(), &self.options)
    }

    /// A workspace for a stream of its own: single steps from either half of the h ring, all states zero.
    pub fn stream_workspace(&self, batch: usize) -> Result<Workspace> {
        let problem = Problem::new(self.sizes, 1, batch, false)?;
        let problem = Problem { flavour: self.flavour, ..problem };
        let plan = plan(&problem, self.gpu.caps(), &self.options)?;
        self.gpu.scoped(|| Ok(Workspace::new(&self.gpu, &plan, &self.cell_options, 2)))
    }

    fn workspace(&self, shape: Shape) -> Result<Arc<Workspace>> {
        let Shape { seq_len, batch, has_lengths } = shape;
        self.workspaces.get_or_make(shape, || {
            let plan = self.plan(seq_len, batch, has_lengths)?;
            Ok(Workspace::new(&self.gpu, &plan, &self.cell_options, 1))
        })
    }

    /// Does `work` with the workspace of a shape; if the device objects, it is forgotten.
    fn with_workspace<T>(
        &self,
        shape: Shape,
        work: impl FnOnce(&Arc<Workspace>) -> Result<T>,
    ) -> Result<T> {
        let result = self.gpu.scoped(|| work(&self.workspace(shape)?));
        if matches!(result, Err(Error::Gpu { .. })) {
            self.workspaces.clear();
        }
        result
    }

    /// The shape of a run over x, and the problem; x and the states are of their shapes then.
    fn shape_of(&self, x: &[usize], has_lengths: bool) -> Result<(Shape, Problem)> {
        let [first, second, _]: [usize; 3] =
            x.try_into().map_err(|_| Error::shape("x", "three axes", x))?;
        let (seq_len, batch) = if self.batch_first { (second, first) } else { (first, second) };
        let problem = Problem::new(self.sizes, seq_len, batch, self.batch_first)?;
        check_shape("x", x, &problem.x_shape())?;
        Ok((Shape { seq_len, batch, has_lengths }, problem))
    }

    /// Uploads, runs, and asks for the results.
    pub fn forward(&self, arguments: &Arguments<'_>) -> Result<Job> {
        let Arguments { x, state, lengths } = *arguments;
        let (shape, problem) = self.shape_of(x.shape(), lengths.is_some())?;
        if let Some(States { h, c }) = state {
            check_shape("h0", h.shape(), &problem.h_shape())?;
            c.iter().try_for_each(|c| check_shape("c0", c.shape(), &problem.c_shape()))?;
        }
        let lengths = lengths.map(|lengths| check_lengths(lengths, &problem)).transpose()?;
        self.with_workspace(shape, |workspace| {
            let host = workspace.host(self, 0);
            let readback = host.take_readback(&self.gpu);
            let mut encoder = self.encoder();
            let upload = lock(&host.upload);
            self.gpu.write(&host.x, 0, x);
            if let Some(lengths) = &lengths {
                workspace.write_lengths(&self.gpu, lengths);
            }
            match state {
                Some(state) => workspace.write_state(&self.gpu, 0, state),
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
        let (shape, problem) = self.shape_of(io.x.shape(), io.lengths.is_some())?;
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
            let Some(array) = array else { continue };
            let is_c = name.starts_with('c');
            if is_c && !self.sizes.cell.has_c() {
                let expected = format!("none: {} has no cell state", self.sizes.cell);
                return Err(Error::argument(name, expected, "an array"));
            }
            let shape = if is_c { problem.c_shape() } else { problem.h_shape() };
            array.check(name, &self.gpu, &shape)?;
            array.check_usage(name, usage)?;
        }
        if let Some(lengths) = io.lengths {
            lengths.check("lengths", &self.gpu, problem.batch)?;
        }
        self.with_workspace(shape, |workspace| {
            let bound = workspace.bind_cached(self, 0, io.x.buffer(), io.y.buffer())?;
            if let Some(lengths) = io.lengths {
                workspace.load_lengths(encoder, lengths);
            }
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

fn check_lengths(lengths: &[usize], problem: &Problem) -> Result<Vec<u32>> {
    check_shape("lengths", &[lengths.len()], &[problem.batch])?;
    let checked = lengths.iter().enumerate().map(|(row, length)| {
        if *length <= problem.seq_len {
            return Ok(*length as u32);
        }
        let expected = format!("at most seq_len = {}", problem.seq_len);
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
