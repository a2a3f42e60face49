//! Runs that a backward pass follows, and that pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::backward::{BackwardRole, Wanted};
use super::engine::Engine;
use super::executable::{Bound, Executable};
use super::input::run_sizes;
use super::io::{Part, check_state_array};
use super::program::Program;
use super::recent::Recent;
use super::workspace::{bytes, load, store};
use crate::caps::check_limit;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::plan::{BackwardPlan, Carry, plan_backward, section_bytes};
use crate::problem::{InputKind, Problem};
use crate::tensors::flat_len;

/// What a training run keeps for its backward pass beside x, y and the initial states: the outputs of the lower layers
/// (cuDNN's reserve space). It can serve one run after the other; from a run to its backward pass it belongs to them.
#[derive(Clone, Debug)]
pub struct Reserve {
    gpu: Gpu,
    problem: Problem,
    buffer: wgpu::Buffer,
    /// Those of the run that filled it.
    weights_version: Arc<AtomicU64>,
}

/// The version of no weights.
const EMPTY: u64 = 0;

/// Whether bind groups for the caller's buffers stay ready, and keep the buffers alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffers {
    /// They come again.
    Kept,
    /// They are for this once.
    Passing,
}

/// The arrays of an encoded backward pass, see [`Layer::encode_backward`](crate::Layer::encode_backward). Those of the
/// run before it must be as they were after it; shapes as there, a gradient has the shape of what it is of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BackwardIo<'a> {
    /// The run's input.
    pub x: &'a DeviceArray,
    /// The run's output.
    pub y: &'a DeviceArray,
    /// What the run kept.
    pub reserve: &'a Reserve,
    /// The run's initial hidden state; none is zero.
    pub h0: Option<&'a DeviceArray>,
    /// The run's initial cell state (LSTM); none is zero.
    pub c0: Option<&'a DeviceArray>,
    /// The run's lengths, `[B]`.
    pub lengths: Option<&'a DeviceArray<u32>>,
    /// The gradient of y; nothing beyond a row's length has an effect.
    pub d_y: &'a DeviceArray,
    /// The gradient of the final hidden state; none is zero.
    pub d_h_n: Option<&'a DeviceArray>,
    /// The gradient of the final cell state (LSTM); none is zero.
    pub d_c_n: Option<&'a DeviceArray>,
    /// Where to put the gradient of x.
    pub d_x: Option<&'a DeviceArray>,
    /// Where to put the gradient of the initial hidden state.
    pub d_h0: Option<&'a DeviceArray>,
    /// Where to put the gradient of the initial cell state (LSTM).
    pub d_c0: Option<&'a DeviceArray>,
    /// Where to put the gradients of all weights, one tensor behind the other: see
    /// [`Layer::weight_tensors`](crate::Layer::weight_tensors).
    pub d_weights: Option<&'a DeviceArray>,
    /// The gradients of the weights are added to what is in `d_weights`, instead of taking its place.
    pub accumulate: bool,
}

impl<'a> BackwardIo<'a> {
    /// Of a run from zero states with rows of full length, of whose outputs only y has a gradient; none wanted yet.
    pub fn new(
        x: &'a DeviceArray,
        y: &'a DeviceArray,
        reserve: &'a Reserve,
        d_y: &'a DeviceArray,
    ) -> Self {
        BackwardIo {
            x,
            y,
            reserve,
            h0: None,
            c0: None,
            lengths: None,
            d_y,
            d_h_n: None,
            d_c_n: None,
            d_x: None,
            d_h0: None,
            d_c0: None,
            d_weights: None,
            accumulate: false,
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            d_x: self.d_x.is_some(),
            d_weights: self.d_weights.is_some(),
            accumulate: self.accumulate,
        }
    }

    /// The arrays that kernels use, a buffer for each role or what stands in for one that is not used.
    fn buffers(&self) -> [&'a wgpu::Buffer; 7] {
        [
            self.x.buffer(),
            self.y.buffer(),
            self.reserve.buffer(),
            self.lengths.map_or(self.reserve.buffer(), DeviceArray::buffer),
            self.d_y.buffer(),
            self.d_x.map_or(self.reserve.buffer(), DeviceArray::buffer),
            self.d_weights.map_or(self.reserve.buffer(), DeviceArray::buffer),
        ]
    }
}

impl Reserve {
    pub(super) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    pub(super) fn check(&self, gpu: &Gpu, problem: &Problem) -> Result<()> {
        if !self.gpu.is(gpu) {
            return Err(Error::WrongDevice { argument: "reserve".into() });
        }
        // Whether rows have lengths, and what they are made of, is the run's affair.
        let input = InputKind::Features;
        let shape = |problem: &Problem| Problem { has_lengths: false, input, ..*problem };
        if shape(problem) == shape(&self.problem) {
            return Ok(());
        }
        let words = |problem: &Problem| {
            let Problem { sizes, seq_len, batch, batch_first, .. } = problem;
            format!(
                "one of seq_len {seq_len} and batch {batch} (batch_first {batch_first}) of {sizes:?}"
            )
        };
        Err(Error::argument("reserve", words(problem), words(&self.problem)))
    }

    /// What is in it belongs to a run with these weights.
    pub(super) fn fill(&self, weights_version: u64) {
        self.weights_version.store(weights_version, Ordering::Relaxed);
    }

    fn check_weights(&self, weights_version: u64) -> Result<()> {
        let given = match self.weights_version.load(Ordering::Relaxed) {
            EMPTY => "none yet",
            version if version == weights_version => return Ok(()),
            _ => "one before `set_weights`",
        };
        Err(Error::argument("reserve", "that of a training run with the present weights", given))
    }
}

/// What backward passes of one shape need on the device.
#[derive(Debug)]
pub(super) struct BackwardWorkspace {
    plan: BackwardPlan,
    offsets: Carry,
    gates: wgpu::Buffer,
    carry: wgpu::Buffer,
    weights_t: wgpu::Buffer,
    d_between: [wgpu::Buffer; 2],
    d_packed: wgpu::Buffer,
    programs: Recent<Wanted, BackwardProgram>,
}

/// What depends on which gradients are wanted.
#[derive(Debug)]
struct BackwardProgram {
    executable: Executable<BackwardRole>,
    bound: Recent<[wgpu::Buffer; 7], Bound>,
}

impl BackwardWorkspace {
    fn new(gpu: &Gpu, plan: BackwardPlan) -> Self {
        use wgpu::BufferUsages as Usage;
        let memory = plan.memory();
        let between = plan.problem.sizes.num_layers - 1;
        let d_between = |at: usize| {
            let is_used = at < between;
            let bytes = if is_used { memory.d_between_bytes / between.min(2) as u64 } else { 0 };
            gpu.create_buffer("d_between", bytes, Usage::STORAGE)
        };
        BackwardWorkspace {
            offsets: Carry::new(&plan.problem, plan.chunk, plan.schedule),
            gates: gpu.create_buffer("gates", memory.gates_bytes, Usage::STORAGE),
            carry: gpu.create_buffer(
                "carry",
                memory.carry_bytes,
                Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST,
            ),
            weights_t: gpu.create_buffer("weights_t", memory.weights_t_bytes, Usage::STORAGE),
            d_between: [0, 1].map(d_between),
            d_packed: gpu.create_buffer("d_packed", memory.d_packed_bytes, Usage::STORAGE),
            programs: Recent::new(),
            plan,
        }
    }

    fn program(&self, engine: &Engine, wanted: Wanted) -> BackwardProgram {
        let alignment = engine.gpu.caps().min_storage_buffer_offset_alignment;
        let (options, tensors) = (&engine.cell_options, &engine.tensors);
        let program = Program::backward(&self.plan, options, tensors, wanted, alignment);
        let executable = Executable::new(&engine.gpu, program);
        BackwardProgram { executable, bound: Recent::new() }
    }

    fn bind(
        &self,
        engine: &Engine,
        executable: &Executable<BackwardRole>,
        buffers: &[wgpu::Buffer; 7],
    ) -> Bound {
        let [x, y, between, lengths, d_y, d_x, d_weights] = buffers;
        let (x_bytes, y_bytes) =
            (bytes(self.plan.problem.x_shape()), bytes(self.plan.problem.y_shape()));
        let whole = |buffer| (buffer, 0, wgpu::Buffer::size(buffer));
        executable.bind(&engine.gpu, |role| {
            let (buffer, offset, size) = match role {
                BackwardRole::Weights { offset, size } => (&engine.weights, offset, size),
                BackwardRole::X => (x, 0, x_bytes),
                BackwardRole::Y => (y, 0, y_bytes),
                BackwardRole::Between(at) => (between, at as u64 * section_bytes(y_bytes), y_bytes),
                BackwardRole::Lengths => (lengths, 0, 4 * self.plan.problem.batch as u64),
                BackwardRole::WeightsT => whole(&self.weights_t),
                BackwardRole::Gates => whole(&self.gates),
                BackwardRole::Carry => whole(&self.carry),
                BackwardRole::DY => (d_y, 0, y_bytes),
                BackwardRole::DX => (d_x, 0, x_bytes),
                BackwardRole::DBetween(at) => whole(&self.d_between[at]),
                BackwardRole::DPacked => whole(&self.d_packed),
                BackwardRole::DWeights => (d_weights, 0, 4 * flat_len(&engine.tensors) as u64),
            };
            wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) }
        })
    }

    /// The parts of `carry` that states are copied to or from: first element and bytes of h, and of c where there is one.
    fn part(&self, first: u64, is_c: bool) -> (u64, u64) {
        let bytes = match is_c {
            true if !self.plan.problem.sizes.cell.has_c() => 0,
            true => bytes(self.plan.problem.c_shape()),
            false => bytes(self.plan.problem.h_shape()),
        };
        (4 * first, bytes)
    }

    fn record(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        io: &BackwardIo<'_>,
        (executable, bound): (&Executable<BackwardRole>, &Bound),
    ) {
        let Carry { h, c, h0, c0, .. } = self.offsets;
        for (first, is_c, array) in
            [(h, false, io.d_h_n), (c, true, io.d_c_n), (h0, false, io.h0), (c0, true, io.c0)]
        {
            load(encoder, &self.carry, self.part(first, is_c), array);
        }
        executable.record(gpu, encoder, bound);
        for (first, is_c, array) in [(h, false, io.d_h0), (c, true, io.d_c0)] {
            store(encoder, &self.carry, self.part(first, is_c), array);
        }
    }
}

impl Engine {
    pub fn plan_backward(&self, problem: &Problem) -> Result<BackwardPlan> {
        plan_backward(problem, self.gpu.caps(), &self.config.backward)
    }

    pub fn reserve(&self, seq_len: usize, batch: usize) -> Result<Reserve> {
        let problem = self.problem(seq_len, batch, InputKind::Features, false)?;
        let problem = Problem { is_training: true, ..problem };
        let bytes = self.plan_backward(&problem)?.memory().reserve_bytes;
        let what = "the outputs of the lower layers";
        check_limit(what, bytes, "max_buffer_size", self.gpu.caps().max_buffer_size)?;
        let usage = wgpu::BufferUsages::STORAGE;
        let buffer = self.gpu.scoped(|| Ok(self.gpu.create_buffer("reserve", bytes, usage)))?;
        let weights_version = Arc::new(AtomicU64::new(EMPTY));
        Ok(Reserve { gpu: self.gpu.clone(), problem, buffer, weights_version })
    }

    /// Records a backward pass on the caller's buffers, which may come again or not.
    pub fn encode_backward(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        io: &BackwardIo<'_>,
        buffers: Buffers,
    ) -> Result<()> {
        let problem = self.check_backward(io)?;
        let make = || Ok(BackwardWorkspace::new(&self.gpu, self.plan_backward(&problem)?));
        self.backward_workspaces.scoped(&self.gpu, problem, make, |workspace| {
            let wanted = io.wanted();
            let program =
                workspace.programs.get_or_make(wanted, || Ok(workspace.program(self, wanted)))?;
            let key = io.buffers().map(Clone::clone);
            let bind = || workspace.bind(self, &program.executable, &key);
            let bound = match buffers {
                Buffers::Kept => program.bound.get_or_make(key.clone(), || Ok(bind()))?,
                Buffers::Passing => Arc::new(bind()),
            };
            workspace.record(&self.gpu, encoder, io, (&program.executable, &bound));
            Ok(())
        })
    }

    fn check_backward(&self, io: &BackwardIo<'_>) -> Result<Problem> {
        let gpu = &self.gpu;
        let (seq_len, batch) =
            run_sizes(Some(InputKind::Features), io.x.shape(), self.config.batch_first)?;
        let problem = self.problem(seq_len, batch, InputKind::Features, io.lengths.is_some())?;
        let problem = Problem { is_training: true, ..problem };
        io.reserve.check(gpu, &problem)?;
        io.x.check("x", gpu, &problem.x_shape())?;
        io.y.check("y", gpu, &problem.y_shape())?;
        io.d_y.check("d_y", gpu, &problem.y_shape())?;
        if let Some(d_x) = io.d_x {
            d_x.check("d_x", gpu, &problem.x_shape())?;
        }
        if let Some(lengths) = io.lengths {
            lengths.check("lengths", gpu, &[batch])?;
        }
        if let Some(d_weights) = io.d_weights {
            gpu.caps().check_binding("d_weights", 4 * flat_len(&self.tensors) as u64)?;
            d_weights.check("d_weights", gpu, &[flat_len(&self.tensors)])?;
        }
        self.check_states(io, &problem)?;
        check_written(io)?;
        io.reserve.check_weights(self.weights_version())?;
        Ok(problem)
    }

    fn check_states(&self, io: &BackwardIo<'_>, problem: &Problem) -> Result<()> {
        use wgpu::BufferUsages as Usage;
        let arrays = [
            ("h0", Part::H, io.h0, Usage::COPY_SRC),
            ("c0", Part::C, io.c0, Usage::COPY_SRC),
            ("d_h_n", Part::H, io.d_h_n, Usage::COPY_SRC),
            ("d_c_n", Part::C, io.d_c_n, Usage::COPY_SRC),
            ("d_h0", Part::H, io.d_h0, Usage::COPY_DST),
            ("d_c0", Part::C, io.d_c0, Usage::COPY_DST),
        ];
        arrays.into_iter().try_for_each(|array| check_state_array(&self.gpu, problem, array))
    }
}

/// What is written has a buffer of its own; gradients of initial states may take the place of those of final ones.
fn check_written(io: &BackwardIo<'_>) -> Result<()> {
    let read = [("x", io.x.buffer()), ("y", io.y.buffer()), ("d_y", io.d_y.buffer())];
    let lengths = io.lengths.map(|lengths| ("lengths", lengths.buffer()));
    let written =
        [("d_x", io.d_x), ("d_weights", io.d_weights), ("d_h0", io.d_h0), ("d_c0", io.d_c0)];
    let states = [("h0", io.h0), ("c0", io.c0)];
    let states = states.into_iter().filter_map(|(name, array)| Some((name, array?.buffer())));
    let mut others: Vec<_> = read.into_iter().chain(lengths).chain(states).collect();
    for (name, array) in written {
        let Some(buffer) = array.map(DeviceArray::buffer) else { continue };
        if let Some((other, _)) = others.iter().find(|other| other.1 == buffer) {
            return Err(Error::argument(name, "a buffer of its own", format!("that of {other}")));
        }
        others.push((name, buffer));
    }
    Ok(())
}
