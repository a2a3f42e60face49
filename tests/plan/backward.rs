//! A backward program walked through: what each dispatch reads is there, what it indexes is inside what it is given, and
//! every step is gone back through once, from the last to the first.

use bytemuck::AnyBitPattern;
use wgpu_rnn::kernels::{Access, Kernel, Of, Phases};
use wgpu_rnn::pack::WeightLayout;
use wgpu_rnn::run::{BackwardRole as Role, Program, Wanted};
use wgpu_rnn::{BackwardPlan, CellOptions, DeviceCaps, WeightTensor};

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
    pub weights_t: Regions<(u64, Matrix)>,
    /// What of this layer is there.
    pub transposed: Vec<Matrix>,
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

    pub fn layer_of(&self, role: Role) -> usize {
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
            Role::DWeights => {
                4 * self.tensors.iter().map(WeightTensor::num_elements).sum::<usize>() as u64
            }
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
}
