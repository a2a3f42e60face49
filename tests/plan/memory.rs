//! The walk through a backward program: where things lie in the buffers of its own, and how large these are.

use wgpu_rnn::kernels::{BackwardParams, Kernel, Phases, TransposeParams};
use wgpu_rnn::run::BackwardRole as Role;
use wgpu_rnn::{Flavour, Problem};

use crate::backward::{Backward, Dispatch, Matrix, Part};

impl Backward<'_> {
    /// Of what the kernels that go through time say, before any of them runs.
    pub fn find_parts(&mut self, dispatches: &[Dispatch]) {
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

    /// What is transposed is the layer's, and each part has a place of its own.
    pub fn transpose(&mut self, dispatch: &Dispatch) {
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
    pub fn memory(&self, dispatches: &[Dispatch]) {
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
        let (params, most) = (self.program.params.len() as u64, memory.params_bytes);
        assert!(params <= most, "{params} bytes of parameters, {most} planned");
    }
}
