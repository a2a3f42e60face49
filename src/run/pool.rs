//! What a pool of streams needs on the device: the states of all slots, and programs that advance some of them.

use std::sync::OnceLock;

use ndarray::{ArrayView2, aview1};

use super::engine::Engine;
use super::executable::{Bound, Executable};
use super::forward::Role;
use super::host::HostSide;
use super::io::States;
use super::program::Program;
use super::recent::Recent;
use super::state::{c_of_row, h_bytes, h_of_row};
use super::workspace::{between, bytes};
use crate::error::Result;
use crate::gpu::{Gpu, Pending, Readback};
use crate::plan::{Options, Plan, Schedule, check_untuned, plan};
use crate::problem::{InputKind, Problem};

/// A slot of a pool, and the half of the h ring that holds its h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub slot: usize,
    pub half: usize,
}

#[derive(Debug)]
pub(crate) struct PoolWorkspace {
    arrays: Arrays,
    /// What ticks from the host run, each with another kernel.
    executables: Vec<Executable>,
    /// Which of them is for up to 1, 2, 4, ... streams.
    executable_of: Vec<usize>,
    host: OnceLock<HostSide<Vec<Bound>>>,
    /// What the slots buffer gets.
    words: Vec<u32>,
    /// What ticks on the caller's buffers run, from either half of the h ring.
    masked: OnceLock<[Executable; 2]>,
    /// By half, x, y and mask.
    masked_bound: Recent<(usize, [wgpu::Buffer; 3]), Bound>,
    /// A half of the h ring, or h and c of a slot, on their way inside the state: no buffer can be copied to itself.
    scratch: OnceLock<wgpu::Buffer>,
}

/// What programs are bound to beside the arrays of a tick.
#[derive(Debug)]
struct Arrays {
    /// A tick of all slots.
    problem: Problem,
    state: wgpu::Buffer,
    between: [wgpu::Buffer; 2],
    /// How many streams take part in a tick, and where each is; see shaders/slots/given.wgsl.
    slots: wgpu::Buffer,
}

impl Arrays {
    /// Binds x, y and the mask, of which a program over a list of slots takes no notice.
    fn bind(
        &self,
        engine: &Engine,
        executable: &Executable,
        [x, y, mask]: [&wgpu::Buffer; 3],
    ) -> Bound {
        let y_bytes = bytes(self.problem.y_shape());
        executable.bind(&engine.gpu, |role| {
            let (buffer, offset, size) = match role {
                Role::Weights { offset, size } => (&engine.weights, offset, size),
                // A tick is a single step from x, which it multiplies itself: the other two are in no program of a pool.
                Role::X | Role::Table | Role::XProj => (x, 0, bytes(self.problem.x_shape())),
                Role::Y => (y, 0, y_bytes),
                Role::Between(at) => (&self.between[at], 0, y_bytes),
                Role::State => (&self.state, 0, self.state.size()),
                Role::Lengths => (mask, 0, 4 * self.problem.batch as u64),
                Role::Slots => (&self.slots, 0, self.slots.size()),
            };
            wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) }
        })
    }

    /// Bytes of h and c of one slot.
    fn slot_bytes(&self) -> u64 {
        self.parts(Place { slot: 0, half: 0 }).map(|(_, bytes)| bytes).sum()
    }

    /// Where h and c of a slot lie: offset and bytes of h in each layer and direction, then of c.
    fn parts(&self, place: Place) -> impl Iterator<Item = (u64, u64)> {
        let h = h_of_row(&self.problem, place.half, place.slot);
        h.chain(c_of_row(&self.problem, place.slot))
    }
}

impl PoolWorkspace {
    pub fn new(engine: &Engine, capacity: usize) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let gpu = &engine.gpu;
        let of = |batch| -> Result<Problem> {
            let problem = engine.problem(1, batch, InputKind::Features, false)?;
            Ok(Problem { batch_first: false, is_pooled: true, ..problem })
        };
        check_untuned(&engine.config.options)?;
        let whole = engine.plan(&of(capacity)?)?;
        let mut plans: Vec<Plan> = Vec::new();
        let mut executable_of = Vec::new();
        for gear in 0..=gear_of(capacity) {
            let plan = whole.with_kernel(&engine.plan(&of(capacity.min(1 << gear))?)?);
            let known = plans.iter().position(|known| known.kernel() == plan.kernel());
            executable_of.push(known.unwrap_or(plans.len()));
            if known.is_none() {
                plans.push(plan);
            }
        }
        gpu.scoped(|| {
            let state = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            let arrays = Arrays {
                problem: whole.problem,
                state: gpu.create_buffer("state", whole.memory().state_bytes, state),
                between: between(gpu, &whole),
                slots: gpu.create_buffer(
                    "slots",
                    4 * (1 + capacity as u64),
                    Usage::STORAGE | Usage::COPY_DST,
                ),
            };
            let executables = plans.iter().map(|plan| executable(engine, plan, 0));
            Ok(PoolWorkspace {
                arrays,
                executables: executables.collect(),
                executable_of,
                host: OnceLock::new(),
                words: Vec::with_capacity(1 + capacity),
                masked: OnceLock::new(),
                masked_bound: Recent::new(),
                scratch: OnceLock::new(),
            })
        })
    }

    /// A tick of one slot.
    pub fn slot_problem(&self) -> Problem {
        Problem { batch: 1, ..self.arrays.problem }
    }

    /// Advances the streams at `places`, one for each row of x, and asks for their y.
    pub fn tick(
        &mut self,
        engine: &Engine,
        places: &[Place],
        x: ArrayView2<'_, f32>,
    ) -> Result<Pending> {
        let gpu = &engine.gpu;
        let number = self.executable_of[gear_of(places.len())];
        self.words.clear();
        self.words.push(places.len() as u32);
        self.words.extend(places.iter().map(|place| (2 * place.slot + place.half) as u32));
        gpu.scoped(|| {
            let host = self.host(engine);
            let readback = host.take_readback(gpu);
            gpu.write(&self.arrays.slots, 0, aview1(&self.words));
            gpu.write(&host.x, 0, x);
            let mut encoder = engine.encoder();
            let bound = &host.bound[number];
            let rows = places.len() as u32;
            self.executables[number].record_rows(gpu, &mut encoder, bound, rows);
            let y_bytes = 4 * (places.len() * engine.sizes.output_size()) as u64;
            encoder.copy_buffer_to_buffer(&host.y, 0, &readback.buffer, 0, y_bytes);
            gpu.queue().submit([encoder.finish()]);
            Ok(readback.map(gpu, y_bytes))
        })
    }

    pub fn return_readback(&self, readback: Readback) {
        if let Some(host) = self.host.get() {
            host.give_back(readback);
        }
    }

    fn host(&self, engine: &Engine) -> &HostSide<Vec<Bound>> {
        self.host.get_or_init(|| {
            let [x_bytes, y_bytes] =
                [self.arrays.problem.x_shape(), self.arrays.problem.y_shape()].map(bytes);
            HostSide::new(&engine.gpu, x_bytes, y_bytes, y_bytes, |x, y| {
                let bind = |executable| self.arrays.bind(engine, executable, [x, y, x]);
                self.executables.iter().map(bind).collect()
            })
        })
    }

    /// Records a tick of the slots whose mask is not 0: x, y and mask. All h are in `half` of the ring before, where the
    /// slots `elsewhere` have to be brought first, and in the other after.
    pub fn encode(
        &self,
        engine: &Engine,
        encoder: &mut wgpu::CommandEncoder,
        half: usize,
        elsewhere: impl Iterator<Item = usize>,
        arrays: [&wgpu::Buffer; 3],
    ) -> Result<()> {
        let executable = &self.masked(engine)?[half];
        let key = (half, arrays.map(Clone::clone));
        let bind = || Ok(self.arrays.bind(engine, executable, arrays));
        let bound = self.masked_bound.get_or_make(key, bind)?;
        let mut elsewhere = elsewhere.peekable();
        if elsewhere.peek().is_some() {
            self.gather(&engine.gpu, encoder, half, elsewhere);
        }
        executable.record(&engine.gpu, encoder, &bound);
        Ok(())
    }

    fn masked(&self, engine: &Engine) -> Result<&[Executable; 2]> {
        if let Some(masked) = self.masked.get() {
            return Ok(masked);
        }
        // A mask is a length of 0 or 1; what it leaves out carries its h over.
        let problem = Problem { is_pooled: false, has_lengths: true, ..self.arrays.problem };
        // A single step whose kernel goes from one half of the ring to the other.
        let options = Options { schedule: Some(Schedule::Stepwise), ..engine.config.options };
        let plan = plan(&problem, engine.gpu.caps(), &options)?;
        Ok(self.masked.get_or_init(|| [0, 1].map(|phase| executable(engine, &plan, phase))))
    }

    /// Sets h and c to zero.
    pub fn clear(&self, encoder: &mut wgpu::CommandEncoder, place: Place) {
        for (offset, bytes) in self.arrays.parts(place) {
            encoder.clear_buffer(&self.arrays.state, offset, Some(bytes));
        }
    }

    /// Copies h and c to another slot.
    pub fn copy(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, from: Place, to: Place) {
        let (state, scratch) = (&self.arrays.state, self.scratch(gpu));
        let mut at = 0;
        for (offset, bytes) in self.arrays.parts(from) {
            encoder.copy_buffer_to_buffer(state, offset, scratch, at, bytes);
            at += bytes;
        }
        at = 0;
        for (offset, bytes) in self.arrays.parts(to) {
            encoder.copy_buffer_to_buffer(scratch, at, state, offset, bytes);
            at += bytes;
        }
    }

    /// Copies the h of slots from the other half of the ring to `half`.
    fn gather(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        half: usize,
        slots: impl Iterator<Item = usize>,
    ) {
        let (Arrays { problem, state, .. }, scratch) = (&self.arrays, self.scratch(gpu));
        let (size, start) = (h_bytes(problem), half as u64 * h_bytes(problem));
        encoder.copy_buffer_to_buffer(state, size - start, scratch, 0, size);
        for (offset, bytes) in slots.flat_map(|slot| h_of_row(problem, half, slot)) {
            encoder.copy_buffer_to_buffer(scratch, offset - start, state, offset, bytes);
        }
    }

    fn scratch(&self, gpu: &Gpu) -> &wgpu::Buffer {
        self.scratch.get_or_init(|| {
            let bytes = h_bytes(&self.arrays.problem).max(self.arrays.slot_bytes());
            let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            gpu.create_buffer("scratch", bytes, usage)
        })
    }

    /// Queues the write of a slot's h and c.
    pub fn write(&self, gpu: &Gpu, place: Place, states: &States) {
        let rows = states.h.rows().into_iter().chain(states.c.iter().flat_map(|c| c.rows()));
        for ((offset, _), row) in self.arrays.parts(place).zip(rows) {
            gpu.write(&self.arrays.state, offset, row);
        }
    }

    /// Asks for a slot's h, with c behind it.
    pub fn request(&self, engine: &Engine, place: Place) -> Result<Pending> {
        let bytes = self.arrays.slot_bytes();
        Readback::submit(&engine.gpu, engine.encoder(), bytes, |encoder, target| {
            let mut at = 0;
            for (offset, bytes) in self.arrays.parts(place) {
                encoder.copy_buffer_to_buffer(&self.arrays.state, offset, target, at, bytes);
                at += bytes;
            }
        })
    }
}

/// The number of a tick's executable among those for up to 1, 2, 4, ... streams.
fn gear_of(streams: usize) -> usize {
    streams.next_power_of_two().ilog2() as usize
}

fn executable(engine: &Engine, plan: &Plan, phase: u32) -> Executable {
    let alignment = engine.gpu.caps().min_storage_buffer_offset_alignment;
    Executable::new(&engine.gpu, Program::new(plan, &engine.cell_options, alignment, phase))
}
