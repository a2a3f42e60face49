//! What a run of one shape needs on the device: buffers, and the programs that work on them.

use std::sync::{Arc, OnceLock};

use ndarray::{Array3, ArrayView1};

use super::engine::Engine;
use super::executable::{Bound, Executable};
use super::forward::Role;
use super::host::HostSide;
use super::io::{States, to_array};
use super::program::Program;
use super::recent::Recent;
use super::state;
use crate::cell::CellOptions;
use crate::error::Result;
use crate::gpu::{DeviceArray, Gpu, Readback};
use crate::plan::{Plan, section_bytes};
use crate::problem::Problem;

#[derive(Debug)]
pub(crate) struct Workspace {
    problem: Problem,
    state: wgpu::Buffer,
    x_proj: wgpu::Buffer,
    /// The outputs of layers on their way to the next; two take turns. A training run has them all in its
    /// [`Reserve`](super::Reserve).
    between: [wgpu::Buffer; 2],
    /// The length of each row, where rows have lengths.
    lengths: wgpu::Buffer,
    /// The projected rows that token ids pick, where the input is token ids.
    table: Option<wgpu::Buffer>,
    /// One for each half of the h ring that h0 can lie in.
    phases: Vec<Executable>,
    bound: Recent<(usize, [wgpu::Buffer; 2], Option<wgpu::Buffer>), Bound>,
    hosts: Vec<OnceLock<HostSide>>,
    /// States and lengths on their way from the host.
    inbox: OnceLock<wgpu::Buffer>,
}

impl Workspace {
    pub fn new(
        gpu: &Gpu,
        plan: &Plan,
        options: &CellOptions,
        phases: u32,
        table: Option<wgpu::Buffer>,
    ) -> Self {
        use wgpu::BufferUsages as Usage;
        let memory = plan.memory();
        let alignment = gpu.caps().min_storage_buffer_offset_alignment;
        let make = |phase| Executable::new(gpu, Program::new(plan, options, alignment, phase));
        let phases: Vec<_> = (0..phases).map(make).collect();
        Workspace {
            problem: plan.problem,
            state: gpu.create_buffer(
                "state",
                memory.state_bytes,
                Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST,
            ),
            x_proj: gpu.create_buffer("x_proj", memory.x_proj_bytes, Usage::STORAGE),
            between: between(gpu, plan),
            lengths: gpu.create_buffer(
                "lengths",
                if plan.problem.has_lengths { 4 * plan.problem.batch as u64 } else { 0 },
                Usage::STORAGE | Usage::COPY_DST,
            ),
            table,
            hosts: phases.iter().map(|_| OnceLock::new()).collect(),
            phases,
            bound: Recent::new(),
            inbox: OnceLock::new(),
        }
    }

    /// Binds x and y, and the reserve of a training run.
    pub fn bind(
        &self,
        engine: &Engine,
        phase: usize,
        ([x, y], reserve): ([&wgpu::Buffer; 2], Option<&wgpu::Buffer>),
    ) -> Bound {
        let y_bytes = bytes(self.problem.y_shape());
        self.phases[phase].bind(&engine.gpu, |role| {
            let (buffer, offset, size) = match role {
                Role::Weights { offset, size } => (&engine.weights, offset, size),
                Role::X => (x, 0, bytes(self.problem.x_shape())),
                // Only a program over token ids has this role, and its workspace has a table.
                Role::Table => (self.table.as_ref().unwrap_or(x), 0, self.table_bytes()),
                Role::Y => (y, 0, y_bytes),
                Role::XProj => (&self.x_proj, 0, self.x_proj.size()),
                Role::Between(at) => match reserve {
                    Some(reserve) => (reserve, at as u64 * section_bytes(y_bytes), y_bytes),
                    None => (&self.between[at], 0, y_bytes),
                },
                Role::State => (&self.state, 0, self.state.size()),
                // Slots are a pool's, which is no workspace.
                Role::Lengths | Role::Slots => (&self.lengths, 0, self.lengths.size()),
            };
            // A binding lives only in this call, a buffer longer.
            wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) }
        })
    }

    pub fn bind_cached(
        &self,
        engine: &Engine,
        phase: usize,
        (arrays, reserve): ([&wgpu::Buffer; 2], Option<&wgpu::Buffer>),
    ) -> Result<Arc<Bound>> {
        let key = (phase, arrays.map(Clone::clone), reserve.cloned());
        self.bound.get_or_make(key, || Ok(self.bind(engine, phase, (arrays, reserve))))
    }

    /// The host's buffers for runs from this phase, made at the first.
    pub fn host(&self, engine: &Engine, phase: usize) -> &HostSide {
        self.hosts[phase].get_or_init(|| {
            let (x_bytes, y_bytes) = (bytes(self.problem.x_shape()), bytes(self.problem.y_shape()));
            let result_bytes = y_bytes + self.state_bytes();
            HostSide::new(&engine.gpu, x_bytes, y_bytes, result_bytes, |x, y| {
                self.bind(engine, phase, ([x, y], None))
            })
        })
    }

    pub fn record(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        phase: usize,
        bound: &Bound,
    ) {
        self.phases[phase].record(gpu, encoder, bound);
    }

    fn table_bytes(&self) -> u64 {
        self.problem.table_shape().map_or(0, |[rows, columns]| 4 * rows as u64 * columns as u64)
    }

    fn h_bytes(&self) -> u64 {
        state::h_bytes(&self.problem)
    }

    fn c_part(&self) -> (u64, u64) {
        state::c_part(&self.problem)
    }

    /// Bytes of h and c together.
    pub fn state_bytes(&self) -> u64 {
        self.h_bytes() + self.c_part().1
    }

    /// The half of the h ring that holds h after a run from `phase`.
    pub fn final_half(&self, phase: usize) -> usize {
        self.phases[phase].program().final_half as usize
    }

    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Sets h and c to zero for a run from phase 0, and both halves of the ring with it.
    pub fn clear_state(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(&self.state, 0, None);
    }

    /// Sets one batch row of h and c to zero, in all layers and directions.
    pub fn clear_row(&self, encoder: &mut wgpu::CommandEncoder, row: usize) {
        let h = [0, 1].into_iter().flat_map(|half| state::h_of_row(&self.problem, half, row));
        for (offset, bytes) in h.chain(state::c_of_row(&self.problem, row)) {
            encoder.clear_buffer(&self.state, offset, Some(bytes));
        }
    }

    pub fn write_state(&self, gpu: &Gpu, phase: usize, state: &States) {
        gpu.write(&self.state, phase as u64 * self.h_bytes(), state.h.view());
        if let Some(c) = &state.c {
            gpu.write(&self.state, self.c_part().0, c.view());
        }
    }

    /// Initial states and lengths for a run from phase 0. They go by way of a buffer of the host's: what another
    /// thread submits before this encoder may be a run in this workspace.
    pub fn upload(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        state: Option<&States>,
        lengths: Option<&[u32]>,
    ) {
        let (h_bytes, (c_start, c_bytes)) = (self.h_bytes(), self.c_part());
        let inbox = self.inbox.get_or_init(|| {
            let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            gpu.create_buffer("inbox", self.state_bytes() + self.lengths.size(), usage)
        });
        match state {
            None => self.clear_state(encoder),
            Some(States { h, c }) => {
                gpu.write(inbox, 0, h.view());
                encoder.copy_buffer_to_buffer(inbox, 0, &self.state, 0, h_bytes);
                if let Some(c) = c {
                    gpu.write(inbox, h_bytes, c.view());
                    encoder.copy_buffer_to_buffer(inbox, h_bytes, &self.state, c_start, c_bytes);
                }
            }
        }
        if let Some(lengths) = lengths {
            let (at, bytes) = (self.state_bytes(), self.lengths.size());
            gpu.write(inbox, at, ArrayView1::from(lengths));
            encoder.copy_buffer_to_buffer(inbox, at, &self.lengths, 0, bytes);
        }
    }

    pub fn load_lengths(&self, encoder: &mut wgpu::CommandEncoder, lengths: &DeviceArray<u32>) {
        let bytes = self.lengths.size();
        encoder.copy_buffer_to_buffer(lengths.buffer(), 0, &self.lengths, 0, bytes);
    }

    pub fn load_state(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        phase: usize,
        h0: Option<&DeviceArray>,
        c0: Option<&DeviceArray>,
    ) {
        let (c_start, c_bytes) = self.c_part();
        let h = (h0, phase as u64 * self.h_bytes(), self.h_bytes());
        for (array, offset, bytes) in [h, (c0, c_start, c_bytes)] {
            load(encoder, &self.state, (offset, bytes), array);
        }
    }

    pub fn store_state(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        phase: usize,
        h_n: Option<&DeviceArray>,
        c_n: Option<&DeviceArray>,
    ) {
        let (c_start, c_bytes) = self.c_part();
        let h = (h_n, self.final_half(phase) as u64 * self.h_bytes(), self.h_bytes());
        for (array, offset, bytes) in [h, (c_n, c_start, c_bytes)] {
            store(encoder, &self.state, (offset, bytes), array);
        }
    }

    /// Copies y, h_n and c_n to a readback, one behind the other. Returns their bytes.
    pub fn collect(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        host: &HostSide,
        readback: &Readback,
        phase: usize,
    ) -> u64 {
        let y_bytes = self.collect_output(encoder, host, readback);
        self.collect_state(encoder, &readback.buffer, y_bytes, self.final_half(phase));
        y_bytes + self.state_bytes()
    }

    pub fn collect_output(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        host: &HostSide,
        readback: &Readback,
    ) -> u64 {
        let y_bytes = bytes(self.problem.y_shape());
        encoder.copy_buffer_to_buffer(&host.y, 0, &readback.buffer, 0, y_bytes);
        y_bytes
    }

    /// Copies h (from a half of its ring), and c where the cell has it.
    pub fn collect_state(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::Buffer,
        offset: u64,
        half: usize,
    ) {
        let (c_start, c_bytes) = self.c_part();
        let h = (half as u64 * self.h_bytes(), offset, self.h_bytes());
        let c = (c_start, offset + self.h_bytes(), c_bytes);
        for (source, offset, bytes) in [h, c].into_iter().filter(|(.., bytes)| *bytes > 0) {
            encoder.copy_buffer_to_buffer(&self.state, source, target, offset, bytes);
        }
    }

    /// Takes apart what [`Workspace::collect`] put together.
    pub fn split(&self, values: &[f32]) -> Result<(Array3<f32>, States)> {
        let shape = self.problem.y_shape();
        let (y, state) = values.split_at(shape.iter().product());
        Ok((to_array(shape, y)?, self.split_state(state)?))
    }

    /// Takes apart what [`Workspace::collect_state`] put together.
    pub fn split_state(&self, values: &[f32]) -> Result<States> {
        States::split(&self.problem, values)
    }

    pub fn return_readback(&self, phase: usize, readback: Readback) {
        if let Some(host) = self.hosts[phase].get() {
            host.give_back(readback);
        }
    }
}

/// Buffers for the outputs of layers on their way to the next.
pub(super) fn between(gpu: &Gpu, plan: &Plan) -> [wgpu::Buffer; 2] {
    [0, 1].map(|at: u64| {
        let num_between = if plan.problem.is_training { 0 } else { plan.num_between() };
        let all_bytes = plan.memory().between_bytes;
        let bytes = if at < num_between { all_bytes / num_between } else { 0 };
        gpu.create_buffer("between", bytes, wgpu::BufferUsages::STORAGE)
    })
}

/// Copies an array to a part of a buffer, from an offset so many bytes; none is zero.
pub(super) fn load(
    encoder: &mut wgpu::CommandEncoder,
    buffer: &wgpu::Buffer,
    (offset, bytes): (u64, u64),
    array: Option<&DeviceArray>,
) {
    match array {
        Some(array) => {
            encoder.copy_buffer_to_buffer(array.buffer(), 0, buffer, offset, bytes);
        }
        None if bytes > 0 => encoder.clear_buffer(buffer, offset, Some(bytes)),
        None => {}
    }
}

/// Copies a part of a buffer to an array, if there is one.
pub(super) fn store(
    encoder: &mut wgpu::CommandEncoder,
    buffer: &wgpu::Buffer,
    (offset, bytes): (u64, u64),
    array: Option<&DeviceArray>,
) {
    if let Some(array) = array {
        encoder.copy_buffer_to_buffer(buffer, offset, array.buffer(), 0, bytes);
    }
}

pub(super) fn bytes(shape: [usize; 3]) -> u64 {
    4 * shape.iter().map(|n| *n as u64).product::<u64>()
}
