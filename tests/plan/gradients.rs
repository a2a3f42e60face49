//! The walk through a backward program: the gradients of weights and inputs.

use wgpu_rnn::WeightTensor;
use wgpu_rnn::kernels::{BackwardParams, GradientParams, Phases, UnpackParams};
use wgpu_rnn::run::BackwardRole as Role;

use crate::backward::{Backward, Dispatch, Job, Part, state};
use crate::regions::span;
use crate::steps::Rows;

impl Backward<'_> {
    fn check_gradient(&self, params: &GradientParams) -> (u64, u64) {
        let [b, ..] = self.sizes();
        assert_eq!(u64::from(params.batch), b);
        assert_eq!(u64::from(params.num_slices), self.directions());
        assert_eq!(params.seq_len as usize, self.plan.problem.seq_len);
        assert_eq!(params.chunk as usize, self.plan.chunk);
        assert_eq!((u64::from(params.rows) % b, u64::from(params.d_row) % b), (0, 0));
        (u64::from(params.d_row) / b, u64::from(params.rows) / b)
    }

    pub fn weight_gradient(&mut self, dispatch: &Dispatch) {
        let params: GradientParams = self.params(dispatch);
        let (at, len) = self.check_gradient(&params);
        let (job, steps) = self.identify(&Rows {
            role: dispatch.roles[1],
            first_step: params.first_step,
            steps: len,
            inner: params.inner.into(),
            a_first: params.a_first,
            strides: [params.stride_t, params.stride_b, params.stride_z],
            reverse: params.reverse,
        });
        self.assert_places(at, steps.clone(), state::D);
        assert_eq!(dispatch.roles[2], Role::DPacked);
        let is_projection = job == Job::Inner && self.phases == Phases::Projection;
        let rows = u64::from(params.d_row + params.rows) * self.directions();
        let end = u64::from(params.d_first) + rows * u64::from(params.columns);
        if is_projection {
            let exchange = self.carry.part(Part::Exchange);
            assert_eq!(dispatch.roles[0], Role::Carry);
            assert_eq!(4 * u64::from(params.d_first), exchange.start);
            let quads = (self.plan.problem.sizes.proj_size as u64).div_ceil(4);
            assert_eq!(u64::from(params.columns), quads);
            assert!(4 * end <= exchange.end);
        } else {
            assert_eq!((dispatch.roles[0], params.d_first), (Role::Gates, 0));
            assert_eq!(u64::from(params.columns), self.groups(self.layout.row_words()));
            assert!(16 * end <= self.bytes(Role::Gates));
        }
        // The bias is a row before the others, which a 1 is multiplied with.
        assert_eq!(params.ones, u32::from(job == Job::X));
        let first = params.weights + params.ones * params.columns;
        self.check_matrix(job, first, params.weights_stride, params.inner);
        let is_reset = self.phases == Phases::Reset;
        let kept = match job {
            Job::H if is_reset => 0b1000,
            Job::Inner if is_reset => 0b0111,
            _ => 0,
        };
        assert_eq!(params.kept_lanes, kept);
        let is_first = self.jobs.take(job, steps.clone());
        assert_eq!(params.accumulate, u32::from(!is_first), "{job:?} steps {steps:?}");
    }

    pub fn peephole_gradient(&mut self, dispatch: &Dispatch) {
        let params: BackwardParams = self.params(dispatch);
        let (at, steps) = self.check_params(&params);
        assert_eq!(dispatch.roles[..3], [Role::Gates, Role::Carry, Role::DPacked]);
        self.assert_places(at, steps.clone(), state::D | state::C);
        for (direction, slice) in params.slices[..params.num_slices as usize].iter().enumerate() {
            let first = self.layout.peepholes(self.layer, direction);
            assert_eq!(u64::from(slice.d_peepholes), first);
            let end = first + u64::from(params.hidden_size);
            assert!(end * self.layout.word_bytes() <= self.bytes(Role::DPacked));
        }
        let is_first = self.jobs.take(Job::Peepholes, steps);
        assert_eq!(params.accumulate, u32::from(!is_first));
    }

    pub fn input_gradient(&mut self, dispatch: &Dispatch) {
        let params: GradientParams = self.params(dispatch);
        let (at, len) = self.check_gradient(&params);
        let problem = &self.plan.problem;
        let target = match self.layer.checked_sub(1) {
            None => Role::DX,
            Some(below) => Role::DBetween(below % 2),
        };
        assert_eq!(dispatch.roles[..3], [self.weights_of(self.layer), Role::Gates, target]);
        let features = problem.sizes.layer_input_size(self.layer);
        assert_eq!(params.inner as usize, features);
        assert_eq!((params.d_first, params.a_first), (0, 0));
        assert_eq!(u64::from(params.columns), self.groups(self.layout.row_words()));
        self.check_matrix(Job::X, params.weights, params.weights_stride, params.inner);
        assert_eq!([params.stride_t, params.stride_b], self.strides(features));
        assert_eq!(params.reverse, self.reverse_bits());
        let sides = [
            (problem.seq_len as u64, params.stride_t.into()),
            (problem.batch as u64, params.stride_b.into()),
            (features as u64, 1),
        ];
        assert!(4 * span(0, sides).end <= self.bytes(target));
        let first = u64::from(params.first_step);
        self.assert_places(at, first..first + len, state::D);
        let rows = u64::from(params.d_row + params.rows) * self.directions();
        assert!(16 * rows * u64::from(params.columns) <= self.bytes(Role::Gates));
        self.jobs.take(Job::Input(params.slice as usize), first..first + len);
        self.leave_shares(&params, first..first + len);
    }

    /// The kernel tells from the step alone whether the other direction's share is there (input_gradient.wgsl).
    fn leave_shares(&mut self, params: &GradientParams, steps: std::ops::Range<u64>) {
        let is_reverse = params.reverse >> params.slice & 1 == 1;
        let chunk = u64::from(params.chunk);
        for (length, has_share) in &mut self.has_share {
            for step in steps.clone() {
                let mirrored = if step < *length { *length - 1 - step } else { step };
                let (own, other) = (step / chunk, mirrored / chunk);
                let is_second = other > own || (other == own && params.slice == 1);
                let time = if is_reverse { mirrored } else { step };
                let has_other = params.num_slices == 2 && is_second;
                let has_share = &mut has_share[time as usize];
                assert_eq!(has_other, *has_share, "length {length} step {step}");
                *has_share = true;
            }
        }
    }

    /// The tensor that a dispatch brings, with its units, columns and gates.
    pub fn tensor_of(&self, dispatch: &Dispatch) -> (usize, [u64; 3]) {
        let params: UnpackParams = self.params(dispatch);
        let out = params.out as usize;
        let at = self.tensors.iter().position(|tensor| tensor.offset == out).unwrap();
        (at, parts(&self.tensors[at], self.plan.problem.sizes.hidden_size))
    }

    pub fn unpack(&mut self, dispatch: &Dispatch) {
        let params: UnpackParams = self.params(dispatch);
        let (at, [units, columns, gates]) = self.tensor_of(dispatch);
        let tensor = &self.tensors[at];
        assert_eq!(dispatch.roles, [Role::DPacked, Role::DWeights]);
        assert_eq!(tensor.layer, self.layer, "{}: its gradient is another layer's", tensor.name);
        // Nothing comes to a layer's gradients behind this.
        self.jobs.finished();
        assert_eq!([params.units, params.columns].map(u64::from), [units, columns]);
        assert_eq!((units * columns * gates) as usize, tensor.num_elements());
        assert_eq!(params.accumulate, u32::from(self.wanted.accumulate));
        let (layout, lanes) = (&self.layout, self.layout.word_bytes() / 4);
        let (layer, direction) = (tensor.layer, tensor.direction);
        let row = lanes * layout.row_words();
        let w_hh = layout.w_hh(layer, direction);
        let is = |name: &str| tensor.name.starts_with(name);
        let (first, row_stride, unit_stride) = match () {
            () if is("weight_ih") => (lanes * layout.bias(layer, direction) + row, row, lanes),
            () if is("weight_hh") => (lanes * w_hh, row, lanes),
            () if is("bias") => (lanes * layout.bias(layer, direction), 0, lanes),
            () if is("peepholes") => (lanes * layout.peepholes(layer, direction), 0, lanes),
            () => (lanes * layout.w_hr(layer, direction), units.next_multiple_of(4), 1),
        };
        assert_eq!(u64::from(params.first), first, "{}", tensor.name);
        assert_eq!(u64::from(params.unit_stride), unit_stride);
        assert!(columns == 1 || u64::from(params.row_stride) == row_stride);
        let lane = params.lanes[..gates as usize].iter().max().unwrap();
        let sides = [(units, unit_stride), (columns, params.row_stride.into())];
        let used = span(params.first + lane, sides);
        assert!(4 * used.end <= self.bytes(Role::DPacked), "{}", tensor.name);
        self.unpacked.push(at);
    }
}

/// Units, columns and gates of a tensor.
fn parts(tensor: &WeightTensor, hidden_size: usize) -> [u64; 3] {
    let rows = tensor.shape[0];
    let columns = tensor.shape.get(1).copied().unwrap_or(1);
    let parts = match () {
        () if tensor.name.starts_with("peepholes") => [hidden_size, 1, 3],
        () if tensor.name.starts_with("weight_hr") => [rows, columns, 1],
        () => [hidden_size, columns, rows / hidden_size],
    };
    parts.map(|n| n as u64)
}
