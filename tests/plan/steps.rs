//! The walk through a backward program: products that make the pre-activations again, c, and the steps themselves.

use std::ops::Range;

use wgpu_rnn::kernels::{BackwardParams, Kernel, MatmulParams, Phases, Store};
use wgpu_rnn::run::BackwardRole as Role;

use crate::backward::{Backward, Dispatch, Job, Part, Place, state};
use crate::regions::span;

/// The rows of a matrix product, as a kernel is told of them.
pub struct Rows {
    pub role: Role,
    pub first_step: u32,
    pub steps: u64,
    pub inner: u64,
    pub a_first: u32,
    /// Along time, batch, directions.
    pub strides: [u32; 3],
    pub reverse: u32,
}

impl Backward<'_> {
    /// Which job the rows are for, and for which steps; that they lie inside their buffer, where they should.
    pub fn identify(&self, rows: &Rows) -> (Job, Range<u64>) {
        let problem = &self.plan.problem;
        let [b, h, r] = self.sizes();
        let d = self.directions();
        let first = u64::from(rows.first_step);
        let strides = rows.strides.map(u64::from);
        if rows.role == Role::Carry {
            let start = rows.a_first.wrapping_add(rows.first_step.wrapping_mul(rows.strides[0]));
            let sides = [(rows.steps, strides[0]), (b, strides[1]), (d, strides[2])];
            let [t, row, z] = sides;
            let used = span(start, [t, row, z, (rows.inner, 1)]);
            let h0 = self.carry.part(Part::H0);
            if h0.contains(&used.start) {
                let own = h0.start + self.layer as u64 * d * b * r;
                assert_eq!(used, own..own + d * b * r);
                assert_eq!((rows.first_step, rows.steps, rows.inner), (0, 1, r));
                assert_eq!(strides, [0, r, b * r]);
                return (Job::H, 0..1);
            }
            let h_inner = self.carry.part(Part::HInner);
            assert!(h_inner.start <= used.start && used.end <= h_inner.end, "{used:?}");
            assert_eq!((strides, rows.inner), ([b * d * h, d * h, h], h));
            assert_eq!(rows.reverse, 0, "these lie by step, not by time");
            assert_eq!((used.start - h_inner.start) % (b * d * h), 0);
            let at = (used.start - h_inner.start) / (b * d * h);
            let steps = first..first + rows.steps;
            self.assert_places(at, steps.clone(), state::H_INNER);
            return (Job::Inner, steps);
        }
        assert_eq!((rows.a_first, rows.reverse), (0, self.reverse_bits()));
        let is_input = rows.role == self.input_of();
        assert!(is_input || rows.role == self.output_of(), "{:?}", rows.role);
        let sizes = &problem.sizes;
        let (features, inner, stride_z) = match is_input {
            true => {
                (sizes.layer_input_size(self.layer), sizes.layer_input_size(self.layer) as u64, 0)
            }
            false => (sizes.output_size(), r, r),
        };
        assert_eq!(rows.inner, inner);
        let [t, row] = self.strides(features);
        assert_eq!(strides, [t.into(), row.into(), stride_z]);
        // Whatever the lengths, a time that a step maps to is one of the sequence.
        assert!(first + rows.steps <= problem.seq_len as u64);
        let sides =
            [(problem.seq_len as u64, t.into()), (b, row.into()), (d, stride_z), (inner, 1)];
        assert!(4 * span(0, sides).end <= self.bytes(rows.role));
        // h before a step was put out by the step before it.
        let delay = u64::from(!is_input);
        let steps = first + delay..first + delay + rows.steps;
        (if is_input { Job::X } else { Job::H }, steps)
    }

    /// The places from `at` on hold these steps of one chunk, in this state at least.
    pub fn assert_places(&self, at: u64, steps: Range<u64>, least: u8) {
        let chunk = self.plan.chunk as u64;
        assert_eq!(steps.start - at, steps.start / chunk * chunk, "{steps:?} at {at}");
        let len = (steps.end - steps.start) as usize;
        let places = &self.places[at as usize..][..len];
        for (place, step) in places.iter().zip(steps) {
            assert_eq!(place.step, step);
            let missing = least & !place.state;
            assert_eq!(missing, 0, "layer {} step {step}: {:b}", self.layer, place.state);
        }
    }

    fn add_state(&mut self, at: u64, len: u64, state: u8) {
        for place in &mut self.places[at as usize..][..len as usize] {
            assert_eq!(place.state & state, 0, "step {}: {state:b} again", place.step);
            place.state |= state;
        }
    }

    pub fn multiply(&mut self, dispatch: &Dispatch) {
        let Kernel::Matmul(kernel) = dispatch.kernel else { unreachable!() };
        let params: MatmulParams = self.params(dispatch);
        let [b, ..] = self.sizes();
        assert_eq!(dispatch.roles[0], self.weights_of(self.layer));
        assert_eq!(dispatch.roles[2], Role::Gates);
        assert_eq!(u64::from(params.batch), b);
        assert_eq!(params.seq_len as usize, self.plan.problem.seq_len);
        assert_eq!((u64::from(params.rows) % b, u64::from(params.out_row) % b), (0, 0));
        let (len, at) = (u64::from(params.rows) / b, u64::from(params.out_row) / b);
        let (job, steps) = self.identify(&Rows {
            role: dispatch.roles[1],
            first_step: params.first_step,
            steps: len,
            inner: params.inner.into(),
            a_first: params.a_first,
            strides: [params.stride_t, params.stride_b, params.stride_z],
            reverse: params.reverse,
        });
        let columns = self.groups(self.layout.row_words());
        assert_eq!(u64::from(params.columns), columns);
        let end = u64::from(params.out_row + params.rows) * self.directions() * columns;
        self.gates_end = self.gates_end.max(end);
        assert!(16 * end <= self.bytes(Role::Gates));
        let is_reset = self.phases == Phases::Reset;
        let (kept, before, after) = match job {
            Job::X => (0, 0, state::X),
            Job::H if is_reset => (0b1000, state::X, state::H),
            Job::H => (0, state::X, state::H),
            _ => (0b0111, state::X | state::H, state::INNER),
        };
        assert_eq!(params.kept_lanes, kept);
        assert_eq!(kernel.store == Store::Gates, job == Job::X);
        self.check_matrix(job, params.weights, params.weights_stride, params.inner);
        if job == Job::X {
            for (place, step) in self.places[at as usize..].iter_mut().zip(steps.clone()) {
                *place = Place { step, state: 0 };
                self.recomputed[step as usize] += 1;
            }
        }
        self.assert_places(at, steps, before);
        self.add_state(at, len, after);
    }

    /// The weights that a job is about begin at a group of four columns of their section, and end in it.
    pub fn check_matrix(&self, job: Job, first: u32, stride: u32, rows: u32) {
        let (layout, layer) = (&self.layout, self.layer);
        let is_projection = job == Job::Inner && self.phases == Phases::Projection;
        let columns = match is_projection {
            true => (self.plan.problem.sizes.proj_size as u64).div_ceil(4),
            false => self.groups(layout.row_words()),
        };
        for z in 0..self.directions() {
            let direction = z as usize;
            let words = match job {
                Job::X => layout.bias(layer, direction) + layout.row_words(),
                Job::Inner if is_projection => layout.w_hr(layer, direction),
                _ => layout.w_hh(layer, direction),
            };
            let first = u64::from(first) + z * u64::from(stride);
            assert_eq!(first, self.groups(words), "{job:?} direction {z}");
            let end = first + u64::from(rows) * columns;
            assert!(16 * end <= layout.section(layer).1 * layout.word_bytes());
        }
    }

    /// What every kernel that goes through time is told. The steps, and the place of the first.
    pub fn check_params(&self, params: &BackwardParams) -> (u64, Range<u64>) {
        let problem = &self.plan.problem;
        let sizes = [params.batch, params.hidden_size, params.recurrent_size].map(u64::from);
        assert_eq!(sizes, self.sizes());
        assert_eq!(u64::from(params.num_slices), self.directions());
        assert_eq!(u64::from(params.row_words), self.layout.row_words());
        assert_eq!(params.seq_len as usize, problem.seq_len);
        let strides = self.strides(problem.sizes.output_size());
        assert_eq!([params.output_stride_t, params.output_stride_b], strides);
        for (z, slice) in (0..).zip(&params.slices[..params.num_slices as usize]) {
            assert_eq!(slice.reverse != 0, problem.sizes.is_reverse(z as usize));
            assert_eq!(slice.output, z * params.recurrent_size);
        }
        let [chunk, first] = [params.chunk_step, params.first_step].map(u64::from);
        let end = first + u64::from(params.num_steps);
        assert!(chunk % self.plan.chunk as u64 == 0 && chunk <= first);
        assert!(end <= problem.seq_len as u64 && end <= chunk + self.plan.chunk as u64);
        (first - chunk, first..end)
    }

    /// All products that make pre-activations.
    fn complete(&self) -> u8 {
        let inner = if self.phases == Phases::Reset { state::INNER } else { 0 };
        state::X | state::H | inner
    }

    pub fn cell_states(&mut self, dispatch: &Dispatch) {
        let params: BackwardParams = self.params(dispatch);
        let (at, steps) = self.check_params(&params);
        assert_eq!(dispatch.roles, [Role::WeightsT, Role::Gates, Role::Carry]);
        self.check_transposed(&params);
        // The kernel counts from the first place on.
        assert_eq!(at, 0);
        self.assert_places(at, steps.clone(), self.complete());
        let number = (steps.start / self.plan.chunk as u64) as usize;
        if let Some(before) = number.checked_sub(1) {
            assert_eq!(self.checkpoints[before], Some(self.layer), "c before chunk {number}");
        }
        self.checkpoints[number] = Some(self.layer);
        let h_inner = if self.phases == Phases::Projection { state::H_INNER } else { 0 };
        self.add_state(at, steps.end - steps.start, state::C | h_inner);
    }

    pub fn reset_states(&mut self, dispatch: &Dispatch) {
        let params: BackwardParams = self.params(dispatch);
        let (at, steps) = self.check_params(&params);
        assert_eq!(dispatch.roles[..2], [Role::Gates, Role::Carry]);
        assert_eq!(dispatch.roles.last(), Some(&self.output_of()));
        self.assert_places(at, steps.clone(), state::X | state::H);
        self.add_state(at, steps.end - steps.start, state::H_INNER);
    }

    pub fn recur(&mut self, dispatch: &Dispatch) {
        let params: BackwardParams = self.params(dispatch);
        let (at, steps) = self.check_params(&params);
        self.check_transposed(&params);
        let problem = &self.plan.problem;
        let is_last = self.layer + 1 == problem.sizes.num_layers;
        let given = if is_last { Role::DY } else { Role::DBetween(self.layer % 2) };
        assert!(is_last || self.d_between[self.layer % 2] == Some(self.layer));
        let mut roles = vec![Role::WeightsT, Role::Gates, Role::Carry, given];
        roles.extend(problem.has_lengths.then_some(Role::Lengths));
        roles.push(self.output_of());
        assert_eq!(dispatch.roles, roles);
        let is_step = matches!(dispatch.kernel, Kernel::StepBackward(_));
        let ticks = if is_step { params.num_steps + 1 } else { 1 };
        assert_eq!(dispatch.repeat, ticks, "one launch more, for the product after the last step");
        assert_eq!(dispatch.second.is_some(), is_step && self.phases != Phases::Whole);
        self.launches += u64::from(ticks) * (1 + u64::from(dispatch.second.is_some()));
        let c = if problem.sizes.cell.has_c() { state::C } else { 0 };
        self.assert_places(at, steps.clone(), self.complete() | c);
        self.add_state(at, steps.end - steps.start, state::D);
        self.jobs.take(Job::Recur, steps);
    }
}
