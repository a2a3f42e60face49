//! A backward program walked through: what each dispatch reads is there, what it indexes is inside what it is given, and
//! every step is gone back through once, from the last to the first.

use bytemuck::AnyBitPattern;
use wgpu_rnn::kernels::{Access, BackwardParams, Kernel, Of, Phases, TransposeParams};
use wgpu_rnn::pack::WeightLayout;
use wgpu_rnn::run::{BackwardRole as Role, Program, Wanted};
use wgpu_rnn::{BackwardPlan, CellOptions, DeviceCaps, Flavour, Problem, WeightTensor};

use crate::regions::{Descents, Regions};
use crate::work::{check_launch, check_params, params_of};

pub type Dispatch = wgpu_rnn::run::Dispatch<Role>;

/// The parts of the carry buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    H,
    C,
    H0,
    C0,
    Checkpoints,
    CSeq,
    HInner,
    Exchange,
}

/// What is done for every step of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    Recur,
    /// The gradients of bias and w_ih, of w_hh, of what a second product multiplies, of peepholes.
    X,
    H,
    Inner,
    Peepholes,
    /// The gradient of the input, through a direction.
    Input(usize),
}

/// What is known of a step whose gates are in memory.
pub mod state {
    /// Which products are in the pre-activations.
    pub const X: u8 = 1;
    pub const H: u8 = 2;
    pub const INNER: u8 = 4;
    /// c after it; what the second product multiplied; the gradients in place of the pre-activations.
    pub const C: u8 = 8;
    pub const H_INNER: u8 = 16;
    pub const D: u8 = 32;
}

/// A place for the gates of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    pub step: u64,
    pub state: u8,
}

/// The parts of a direction's transposed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matrix {
    Hh,
    Peepholes,
    Hr,
}

pub struct Backward<'a> {
    pub plan: &'a BackwardPlan,
    pub wanted: Wanted,
    pub tensors: &'a [WeightTensor],
    caps: &'a DeviceCaps,
    pub program: Program<Role>,
    pub layout: WeightLayout,
    pub phases: Phases,
    pub carry: Regions<Part>,
    /// The layer that is gone back through; its number of layers before the first.
    pub layer: usize,
    pub places: Vec<Place>,
    pub jobs: Descents<Job>,
    weights_t: Regions<(u64, Matrix)>,
    /// What of this layer is there.
    transposed: Vec<Matrix>,
    /// Groups of gates that are used.
    pub gates_end: u64,
    /// Whose c is at the edge of each chunk.
    pub checkpoints: Vec<Option<usize>>,
    pub recomputed: Vec<u8>,
    /// The layers whose outputs' gradients lie between layers.
    pub d_between: [Option<usize>; 2],
    pub unpacked: Vec<usize>,
    /// Whether a direction has left its share of the gradient of x, by length of a row and time.
    pub has_share: Vec<(u64, Vec<bool>)>,
    pub launches: u64,
}

impl<'a> Backward<'a> {
    pub fn new(
        plan: &'a BackwardPlan,
        caps: &'a DeviceCaps,
        wanted: Wanted,
        tensors: &'a [WeightTensor],
    ) -> Self {
        let sizes = plan.problem.sizes;
        let alignment = caps.min_storage_buffer_offset_alignment;
        let options = CellOptions::default();
        Backward {
            program: Program::backward(plan, &options, tensors, wanted, alignment),
            plan,
            wanted,
            tensors,
            caps,
            layout: WeightLayout::new(sizes),
            phases: Phases::of(&sizes),
            carry: Regions::new(plan.memory().carry_bytes / 4),
            layer: sizes.num_layers,
            places: vec![Place::default(); plan.chunk],
            jobs: Descents::new(plan.problem.seq_len),
            transposed: Vec::new(),
            gates_end: 0,
            weights_t: Regions::new(
                plan.memory().weights_t_bytes / WeightLayout::new(sizes).word_bytes(),
            ),
            checkpoints: vec![None; plan.problem.seq_len.div_ceil(plan.chunk)],
            recomputed: Vec::new(),
            d_between: [None; 2],
            unpacked: Vec::new(),
            has_share: Vec::new(),
            launches: 0,
        }
    }

    pub fn all(mut self) {
        check_params(&self.program, self.caps);
        let dispatches = self.program.dispatches.clone();
        self.find_parts(&dispatches);
        for dispatch in &dispatches {
            if let Kernel::Transpose(_) = dispatch.kernel {
                self.enter(self.layer_of(dispatch.roles[0]));
            }
            let slices = match dispatch.kernel {
                Kernel::Unpack(_) => self.tensor_of(dispatch).1[2],
                _ => self.directions(),
            };
            let sizes = &self.plan.problem.sizes;
            check_launch(&self.program, dispatch, self.caps, sizes, slices);
            self.check_roles(dispatch);
            match dispatch.kernel {
                Kernel::Transpose(_) => self.transpose(dispatch),
                Kernel::Matmul(_) => self.multiply(dispatch),
                Kernel::CellStates(_) => self.cell_states(dispatch),
                Kernel::ResetStates(_) => self.reset_states(dispatch),
                Kernel::StepBackward(_) | Kernel::SequenceBackward(_) => self.recur(dispatch),
                Kernel::Gradient(kernel) if kernel.of == Of::Input => self.input_gradient(dispatch),
                Kernel::Gradient(_) => self.weight_gradient(dispatch),
                Kernel::PeepholeGradient(_) => self.peephole_gradient(dispatch),
                Kernel::Unpack(_) => self.unpack(dispatch),
                other => panic!("{} goes forward", other.name()),
            }
        }
        assert_eq!(self.layer, 0);
        self.leave();
        assert_eq!(self.launches, self.plan.dispatches);
        self.memory(&dispatches);
    }

    pub fn params<P: AnyBitPattern>(&self, dispatch: &Dispatch) -> P {
        params_of(&self.program, dispatch)
    }

    pub fn directions(&self) -> u64 {
        self.plan.problem.sizes.num_directions() as u64
    }

    /// Batch, hidden size, size of h.
    pub fn sizes(&self) -> [u64; 3] {
        let sizes = &self.plan.problem.sizes;
        [self.plan.problem.batch, sizes.hidden_size, sizes.recurrent_size()].map(|n| n as u64)
    }

    /// Words of the packed weights as groups of four elements.
    pub fn groups(&self, words: u64) -> u64 {
        words * self.layout.word_bytes() / 16
    }

    pub fn reverse_bits(&self) -> u32 {
        let sizes = &self.plan.problem.sizes;
        (0..sizes.num_directions()).map(|d| u32::from(sizes.is_reverse(d)) << d).sum()
    }

    /// Strides of a sequence along time and batch.
    pub fn strides(&self, features: usize) -> [u32; 2] {
        let problem = &self.plan.problem;
        let [t, b] = match problem.batch_first {
            true => [1, problem.seq_len],
            false => [problem.batch, 1],
        };
        [t * features, b * features].map(|n| n as u32)
    }

    pub fn input_of(&self) -> Role {
        self.layer.checked_sub(1).map_or(Role::X, Role::Between)
    }

    pub fn output_of(&self) -> Role {
        let is_last = self.layer + 1 == self.plan.problem.sizes.num_layers;
        if is_last { Role::Y } else { Role::Between(self.layer) }
    }

    pub fn weights_of(&self, layer: usize) -> Role {
        let (first, words) = self.layout.section(layer);
        let bytes = self.layout.word_bytes();
        Role::Weights { offset: first * bytes, size: words * bytes }
    }

    fn layer_of(&self, role: Role) -> usize {
        let layers = 0..self.plan.problem.sizes.num_layers;
        layers.into_iter().find(|layer| self.weights_of(*layer) == role).unwrap()
    }

    /// The layers come from the last to the first, each entered once.
    fn enter(&mut self, layer: usize) {
        if layer == self.layer {
            return;
        }
        assert_eq!(layer + 1, self.layer, "layers in order");
        if self.layer < self.plan.problem.sizes.num_layers {
            self.leave();
        }
        self.layer = layer;
        self.places.fill(Place::default());
        self.jobs.next();
        self.transposed.clear();
        self.recomputed = vec![0; self.plan.problem.seq_len];
        let seq_len = self.plan.problem.seq_len as u64;
        let lengths = match self.plan.problem.has_lengths {
            true => vec![1, seq_len / 2 + 1, seq_len],
            false => vec![seq_len],
        };
        let nothing = vec![false; seq_len as usize];
        self.has_share = lengths.into_iter().map(|length| (length, nothing.clone())).collect();
    }

    /// A layer is done: all of its jobs, for all steps.
    fn leave(&mut self) {
        let mut expected = vec![Job::Recur];
        if self.wanted.d_weights {
            expected.extend([Job::X, Job::H]);
            expected.extend((self.phases != Phases::Whole).then_some(Job::Inner));
            expected.extend(self.has_peepholes().then_some(Job::Peepholes));
        }
        if self.layer > 0 || self.wanted.d_x {
            let directions = 0..self.plan.problem.sizes.num_directions();
            expected.extend(directions.map(Job::Input));
        }
        assert_eq!(self.jobs.finished(), expected, "layer {}", self.layer);
        // c at the edges of chunks takes every chunk but the last a second time.
        let seq_len = self.plan.problem.seq_len;
        let last_chunk = (seq_len - 1) / self.plan.chunk * self.plan.chunk;
        for (step, times) in self.recomputed.iter().enumerate() {
            let is_twice = self.plan.problem.sizes.cell.has_c() && step < last_chunk;
            assert_eq!(*times, 1 + u8::from(is_twice), "layer {} step {step}", self.layer);
        }
        let own = |at: &usize| self.tensors[*at].layer == self.layer;
        let unpacked: Vec<_> = self.unpacked.iter().copied().filter(own).collect();
        let wanted = (0..self.tensors.len()).filter(|at| own(at) && self.wanted.d_weights);
        assert_eq!(unpacked, wanted.collect::<Vec<_>>(), "tensors of layer {}", self.layer);
        if let Some(below) = self.layer.checked_sub(1) {
            self.d_between[below % 2] = Some(below);
        }
    }

    pub fn has_peepholes(&self) -> bool {
        self.tensors.iter().any(|tensor| tensor.name.starts_with("peepholes"))
    }

    /// Of what the kernels that go through time say, before any of them runs.
    fn find_parts(&mut self, dispatches: &[Dispatch]) {
        let mut layer = 0;
        for dispatch in dispatches {
            match dispatch.kernel {
                Kernel::Transpose(_) => layer = self.layer_of(dispatch.roles[0]),
                Kernel::CellStates(_)
                | Kernel::ResetStates(_)
                | Kernel::PeepholeGradient(_)
                | Kernel::StepBackward(_)
                | Kernel::SequenceBackward(_) => self.note_parts(&self.params(dispatch), layer),
                _ => {}
            }
        }
    }

    fn note_parts(&mut self, params: &BackwardParams, layer: usize) {
        let [b, h, r] = self.sizes();
        let d = self.directions();
        let sizes = self.plan.problem.sizes;
        let (states, chunk) = (sizes.num_states() as u64, self.plan.chunk as u64);
        let number = u64::from(params.chunk_step) / chunk;
        for (z, slice) in (0..).zip(&params.slices[..d as usize]) {
            let rows = (layer as u64 * d + z) * b;
            self.carry.note(Part::H, slice.carry_h, rows * r, states * b * r);
            self.carry.note(Part::H0, slice.h0, rows * r, states * b * r);
            if !sizes.cell.has_c() {
                continue;
            }
            self.carry.note(Part::C, slice.carry_c, rows * h, states * b * h);
            let chunks = self.checkpoints.len() as u64;
            let edge = |number: u64| ((number * d + z) * b * h, chunks * d * b * h);
            let (before, len) = edge(number);
            self.carry.note(Part::Checkpoints, slice.c_after, before, len);
            let (part, (before, len)) = match number.checked_sub(1) {
                None => (Part::C0, (rows * h, states * b * h)),
                Some(number) => (Part::Checkpoints, edge(number)),
            };
            self.carry.note(part, slice.c_before, before, len);
        }
        if sizes.cell.has_c() {
            self.carry.note(Part::CSeq, params.c_seq, 0, chunk * b * d * h);
        }
        let exchange = match self.phases {
            Phases::Whole => return,
            Phases::Reset => b * d * h,
            Phases::Projection => chunk * b * d * r.next_multiple_of(4),
        };
        self.carry.note(Part::HInner, params.h_inner, 0, chunk * b * d * h);
        self.carry.note(Part::Exchange, params.exchange, 0, exchange);
    }

    /// Bytes that a binding shows, told from the problem and the plan's memory.
    pub fn bytes(&self, role: Role) -> u64 {
        let problem = &self.plan.problem;
        let elements = |shape: [usize; 3]| 4 * shape.iter().product::<usize>() as u64;
        let memory = self.plan.memory();
        match role {
            Role::Weights { size, .. } => size,
            Role::X | Role::DX => elements(problem.x_shape()),
            Role::Y | Role::DY | Role::Between(_) | Role::DBetween(_) => {
                elements(problem.y_shape())
            }
            Role::Lengths => 4 * problem.batch as u64,
            Role::WeightsT => memory.weights_t_bytes,
            Role::Gates => memory.gates_bytes,
            Role::Carry => memory.carry_bytes,
            Role::DPacked => memory.d_packed_bytes,
            Role::DWeights => 4 * self.tensors.iter().map(WeightTensor::len).sum::<usize>() as u64,
        }
    }

    fn check_roles(&self, dispatch: &Dispatch) {
        let (name, bindings) = (dispatch.kernel.name(), dispatch.kernel.bindings());
        let is_written = |role| {
            let bound = bindings.iter().zip(&dispatch.roles);
            bound.into_iter().any(|((_, access), own)| *own == role && *access == Access::ReadWrite)
        };
        for ((binding, _), role) in bindings.iter().zip(&dispatch.roles) {
            let bytes = self.bytes(*role);
            let most = self.caps.max_storage_buffer_binding_size.min(self.caps.max_buffer_size);
            assert!((1..=most).contains(&bytes), "{name}: {role:?}: {bytes} bytes");
            assert_eq!(*binding == 5, *role == Role::Lengths, "{name}");
            let times = dispatch.roles.iter().filter(|other| *other == role).count();
            assert!(
                times == 1 || !is_written(*role),
                "{name}: {role:?} is written, and bound twice"
            );
        }
    }

    /// What is transposed is the layer's, and each part has a place of its own.
    fn transpose(&mut self, dispatch: &Dispatch) {
        let params: TransposeParams = self.params(dispatch);
        assert_eq!(dispatch.roles, [self.weights_of(self.layer), Role::WeightsT]);
        let [_, h, r] = self.sizes();
        let quads = (self.plan.problem.sizes.proj_size as u64).div_ceil(4);
        let matrix = if self.transposed.is_empty() { Matrix::Hh } else { Matrix::Hr };
        self.transposed.push(matrix);
        let (units, rows) = (u64::from(params.hidden_size), u64::from(params.recurrent_size));
        let t_words = u64::from(params.t_words);
        assert!(t_words >= rows);
        for z in 0..self.directions() {
            let source = z * u64::from(params.weights_stride);
            let at = params.out_start + z as u32 * params.out_stride;
            let (layer, direction) = (self.layer, z as usize);
            let (first, row_words, expected) = match matrix {
                Matrix::Hh => (self.layout.w_hh(layer, direction), self.layout.row_words(), (h, r)),
                _ => (self.layout.w_hr(layer, direction), quads, (quads, h)),
            };
            assert_eq!((units, rows), expected);
            assert_eq!(source + u64::from(params.w_hh), first);
            assert_eq!(u64::from(params.row_words), row_words);
            self.weights_t.note((z, matrix), at, 0, units * t_words);
            assert_eq!(params.has_peepholes == 1, matrix == Matrix::Hh && self.reads_peepholes());
            if params.has_peepholes == 1 {
                let first = self.layout.peepholes(layer, direction);
                assert_eq!(source + u64::from(params.peepholes), first);
                // The kernel puts them behind the last row.
                let at = at + (units * t_words) as u32;
                self.weights_t.note((z, Matrix::Peepholes), at, 0, h);
            }
        }
    }

    /// Whether the cell's code multiplies with peepholes, be they there or zero.
    fn reads_peepholes(&self) -> bool {
        let Problem { sizes, flavour, .. } = self.plan.problem;
        sizes.cell.has_c() && flavour == Flavour::Chosen
    }

    /// What a kernel is told of transposed weights is what was transposed of its layer.
    pub fn check_transposed(&self, params: &BackwardParams) {
        let is_projected = self.phases == Phases::Projection;
        assert_eq!(self.transposed.len(), 1 + usize::from(is_projected));
        for (z, slice) in (0..self.directions()).zip(&params.slices) {
            let w_hh = self.weights_t.part((z, Matrix::Hh));
            assert_eq!(u64::from(slice.w_t), w_hh.start);
            assert_eq!(u64::from(params.t_words * params.hidden_size), w_hh.end - w_hh.start);
            if is_projected {
                assert_eq!(u64::from(slice.w_hr_t), self.weights_t.part((z, Matrix::Hr)).start);
            }
            if self.reads_peepholes() {
                let peepholes = self.weights_t.part((z, Matrix::Peepholes));
                assert_eq!(u64::from(slice.choice.peepholes), peepholes.start);
            }
        }
    }

    /// The plan's memory is what the bindings show, and no more than is used but for padding.
    fn memory(&self, dispatches: &[Dispatch]) {
        let memory = self.plan.memory();
        let sizes = &self.plan.problem.sizes;
        let between = sizes.num_layers as u64 - 1;
        let y_bytes = self.bytes(Role::Y);
        let is_bound = |role| dispatches.iter().any(|dispatch| dispatch.roles.contains(&role));
        for at in 0..sizes.num_layers + 1 {
            assert_eq!(is_bound(Role::Between(at)), (at as u64) < between);
            assert_eq!(is_bound(Role::DBetween(at)), (at as u64) < between.min(2));
        }
        assert_eq!(memory.reserve_bytes, between * y_bytes.next_multiple_of(256));
        assert_eq!(memory.d_between_bytes, between.min(2) * y_bytes);
        assert_eq!(memory.gates_bytes, 16 * self.gates_end);
        // Where nothing is exchanged there may be a quad begun for it.
        let carry_bytes = 4 * self.carry.end();
        assert!((carry_bytes..carry_bytes + 16).contains(&memory.carry_bytes), "{carry_bytes}");
        // A row of peepholes has a place also where there are none.
        let words = self.weights_t.end();
        let row = self.layout.row_words();
        let expected = (words..=words + row).map(|words| words * self.layout.word_bytes());
        assert!(expected.into_iter().any(|bytes| bytes == memory.weights_t_bytes), "{words}");
        let sections = (0..sizes.num_layers).map(|layer| self.layout.section(layer).1);
        let widest = sections.max().unwrap() * self.layout.word_bytes();
        assert_eq!(memory.d_packed_bytes, widest);
    }
}
