//! A program walked through step by step: every step once, in order, from and to the right places.

use wgpu_rnn::kernels::recurrence::NONE;
use wgpu_rnn::kernels::{GatherParams, Kernel, MatmulParams, Phases, RecurrenceParams};
use wgpu_rnn::pack::WeightLayout;
use wgpu_rnn::run::{Dispatch, Program, Role};
use wgpu_rnn::{CellOptions, DeviceCaps, Plan, Problem, Schedule};

use crate::work::{check_launch, check_params, params_of};

/// A program, walked through as the device would.
pub struct Check<'a> {
    plan: &'a Plan,
    caps: &'a DeviceCaps,
    phase: u32,
    program: Program,
    layout: WeightLayout,
    /// Steps that each layer and direction has behind it.
    done: Vec<usize>,
    /// The steps of a layer that x_proj holds, and its bytes.
    projected: Option<(usize, std::ops::Range<usize>)>,
    x_proj_bytes: u64,
}

impl<'a> Check<'a> {
    pub fn new(plan: &'a Plan, caps: &'a DeviceCaps, phase: u32) -> Self {
        let alignment = caps.min_storage_buffer_offset_alignment;
        Check {
            plan,
            caps,
            phase,
            program: Program::new(plan, &CellOptions::default(), alignment, phase),
            layout: WeightLayout::of(plan.problem.sizes, plan.problem.weight_format),
            done: vec![0; plan.problem.sizes.num_states()],
            projected: None,
            x_proj_bytes: 0,
        }
    }

    pub fn all(mut self) {
        check_params(&self.program, self.caps);
        let dispatches = std::mem::take(&mut self.program.dispatches);
        let mut launches = 0;
        for dispatch in &dispatches {
            self.limits(dispatch);
            match dispatch.kernel {
                Kernel::Gather(_) => self.gather(dispatch),
                Kernel::Matmul(_) => self.project(dispatch),
                _ => {
                    let phases = 1 + u64::from(dispatch.second.is_some());
                    launches += phases * u64::from(dispatch.repeat);
                    self.recur(dispatch);
                }
            }
        }
        let seq_len = self.plan.problem.seq_len;
        assert!(self.done.iter().all(|steps| *steps == seq_len), "{:?}", self.done);
        assert_eq!(launches, self.plan.dispatches);
        self.memory(&dispatches);
    }

    fn params<P: bytemuck::AnyBitPattern>(&self, dispatch: &Dispatch) -> P {
        params_of(&self.program, dispatch)
    }

    fn limits(&self, dispatch: &Dispatch) {
        let Dispatch { kernel, roles, .. } = dispatch;
        check_launch(&self.program, dispatch, self.caps, &self.plan.problem.sizes, 1);
        let caps = self.caps;
        assert_eq!(roles.len(), kernel.bindings().len());
        let Problem { has_lengths, is_pooled, .. } = self.plan.problem;
        assert_eq!(roles.last() == Some(&Role::Lengths), has_lengths);
        assert_eq!(roles.last() == Some(&Role::Slots), is_pooled);
        for role in roles {
            let bytes = self.bytes(*role);
            assert!(bytes <= caps.max_storage_buffer_binding_size, "{role:?}: {bytes} bytes");
            assert!(bytes <= caps.max_buffer_size && bytes > 0, "{role:?}: {bytes} bytes");
            if let Role::Weights { offset, size } = role {
                assert_eq!(offset % u64::from(caps.min_storage_buffer_offset_alignment), 0);
                assert!(offset + size <= self.plan.memory().weights_bytes);
            }
        }
    }

    /// What a run's binding shows, told from the problem alone.
    fn bytes(&self, role: Role) -> u64 {
        let problem = &self.plan.problem;
        let elements = |shape: [usize; 3]| 4 * shape.iter().product::<usize>() as u64;
        match role {
            Role::Weights { size, .. } => size,
            Role::X => elements(problem.x_shape()),
            Role::Y | Role::Between(_) => elements(problem.y_shape()),
            Role::XProj => self.plan.memory().x_proj_bytes,
            Role::State => {
                let sizes = &problem.sizes;
                let c = if sizes.cell.has_c() { elements(problem.c_shape()) } else { 0 };
                let exchange = elements([sizes.num_directions(), problem.batch, sizes.hidden_size]);
                2 * elements(problem.h_shape()) + c + Phases::of(sizes).exchanged() * exchange
            }
            Role::Table => {
                let [rows, columns] = problem.table_shape().unwrap();
                4 * (rows * columns) as u64
            }
            Role::Lengths => 4 * problem.batch as u64,
            Role::Slots => 4 * (1 + problem.batch as u64),
        }
    }

    fn layer_of(&self, role: Role) -> usize {
        let Role::Weights { offset, .. } = role else { panic!("{role:?} at binding 1") };
        let starts = |layer: &usize| self.layout.section(*layer).0 * self.layout.word_bytes();
        (0..self.plan.problem.sizes.num_layers).find(|layer| starts(layer) == offset).unwrap()
    }

    /// Where the output of a layer lies that is not the last: a run for a backward pass keeps them all.
    fn between(&self, layer: usize) -> Role {
        Role::Between(if self.plan.problem.is_training { layer } else { layer % 2 })
    }

    fn source_of(&self, layer: usize) -> Role {
        layer.checked_sub(1).map_or(Role::X, |below| self.between(below))
    }

    fn assert_below_is_done(&self, layer: usize) {
        let directions = self.plan.problem.sizes.num_directions();
        let below = &self.done[..layer * directions];
        assert!(below.iter().all(|steps| *steps == self.plan.problem.seq_len));
    }

    fn project(&mut self, dispatch: &Dispatch) {
        let params: MatmulParams = self.params(dispatch);
        let layer = self.layer_of(dispatch.roles[0]);
        assert_eq!(dispatch.roles[1..3], [self.source_of(layer), Role::XProj]);
        self.assert_below_is_done(layer);
        let (first, batch) = (params.first_step as usize, self.plan.problem.batch);
        assert_eq!(params.rows as usize % batch, 0);
        self.projected = Some((layer, first..first + params.rows as usize / batch));
        let [rows, columns, slices] =
            [params.rows, params.columns, params.num_slices].map(u64::from);
        self.x_proj_bytes = self.x_proj_bytes.max(rows * columns * 16 * slices);
    }

    fn gather(&mut self, dispatch: &Dispatch) {
        let params: GatherParams = self.params(dispatch);
        assert_eq!(self.layer_of(dispatch.roles[0]), 0);
        let is_by_token = self.plan.problem.table_shape().is_some();
        let source = if is_by_token { Role::Table } else { Role::X };
        assert_eq!(dispatch.roles[1..3], [source, Role::XProj]);
        assert_eq!(is_by_token, dispatch.roles.get(3) == Some(&Role::X));
        let (first, batch) = (params.first_step as usize, self.plan.problem.batch);
        assert_eq!(params.rows as usize % batch, 0);
        self.projected = Some((0, first..first + params.rows as usize / batch));
        let [rows, row_size, slices] =
            [params.rows, params.row_size, params.num_slices].map(u64::from);
        self.x_proj_bytes = self.x_proj_bytes.max(4 * rows * row_size * slices);
    }

    fn recur(&mut self, dispatch: &Dispatch) {
        let params: RecurrenceParams = self.params(dispatch);
        let problem = &self.plan.problem;
        let (sizes, first) = (problem.sizes, params.first_step as usize);
        let is_wave = self.plan.schedule == Schedule::Wavefront;
        let layer = self.layer_of(dispatch.roles[0]);
        let is_last = is_wave || layer + 1 == sizes.num_layers;
        let target = if is_last { Role::Y } else { self.between(layer) };
        assert_eq!(dispatch.roles[2..4], [Role::State, target]);
        let steps = match dispatch.kernel {
            Kernel::Sequence(_) => params.num_steps as usize,
            _ => dispatch.repeat as usize,
        };
        assert_eq!(params.num_steps as usize, steps);
        if dispatch.roles[1] == Role::XProj {
            assert_eq!(self.projected, Some((layer, first..first + steps)));
        } else {
            assert_eq!(dispatch.roles[1], self.source_of(layer));
            self.assert_below_is_done(layer);
        }
        // A sequence ends in the half of the ring where it began, a step in the other.
        let ring_steps = if dispatch.kernel.has_clock() { first + steps } else { 0 };
        let half = (u64::from(self.phase) + ring_steps as u64) % 2;
        let is_end =
            first + steps == problem.seq_len + usize::from(is_wave) * (sizes.num_layers - 1);
        assert!(!is_end || half == self.program.final_half);

        let part = problem.batch * sizes.recurrent_size();
        assert_eq!(params.state_size as usize, part * sizes.num_states());
        let start = self.layout.section(layer).0;
        for step in first..first + steps {
            let before = self.done.clone();
            for slice in &params.slices[..params.num_slices as usize] {
                let index = slice.h as usize / part;
                let (l, d) = (index / sizes.num_directions(), index % sizes.num_directions());
                assert_eq!(slice.reverse != 0, sizes.is_reverse(d));
                assert!(is_wave || l == layer);
                let section = self.layout.section(l).0;
                assert_eq!(start + u64::from(slice.bias), section + self.layout.bias(l, d));
                assert_eq!(start + u64::from(slice.w_hh), section + self.layout.w_hh(l, d));
                let runs = step.checked_sub(slice.delay as usize);
                let Some(own) = runs.filter(|own| *own < problem.seq_len) else { continue };
                assert_eq!(own, before[index], "layer {l} direction {d}: steps in order");
                if slice.below != NONE {
                    assert_eq!(slice.below as usize, slice.h as usize - part);
                    assert!(before[index - 1] > own, "layer {l} runs ahead of the one below");
                }
                assert_eq!(slice.below == NONE, l == 0 || !is_wave);
                self.done[index] = own + 1;
            }
        }
    }

    fn memory(&self, dispatches: &[Dispatch]) {
        let memory = self.plan.memory();
        let roles = || dispatches.iter().flat_map(|dispatch| dispatch.roles.iter());
        let between = |n: usize| roles().any(|role| *role == Role::Between(n));
        let num_between = (0..).take_while(|n| between(*n)).count() as u64;
        assert!(roles().all(|role| !matches!(role, Role::Between(n) if *n as u64 >= num_between)));
        // A training run has all in one buffer, where each may be bound on any device.
        let between_bytes = match self.plan.problem.is_training {
            true => self.bytes(Role::Between(0)).next_multiple_of(256),
            false => self.bytes(Role::Between(0)),
        };
        assert_eq!(memory.between_bytes, num_between * between_bytes);
        assert_eq!(memory.state_bytes, self.bytes(Role::State));
        assert_eq!(memory.weights_bytes, self.layout.bytes());
        assert_eq!(memory.x_proj_bytes, self.x_proj_bytes);
    }
}
