//! A wavefront's backward program walked through: every step of every layer once, behind the step after it and the same
//! step of the layer above, on gates and weights that were made for it.

use std::ops::Range;

use bytemuck::AnyBitPattern;
use wgpu_rnn::kernels::{
    BackwardParams, GradientParams, Kernel, MatmulParams, Of, Store, TransposeParams,
};
use wgpu_rnn::pack::WeightLayout;
use wgpu_rnn::run::{BackwardRole as Role, Dispatch, Program, Wanted};
use wgpu_rnn::{BackwardPlan, CellOptions, DeviceCaps, WeightTensor};

use crate::regions::Regions;
use crate::work::{check_launch, check_params, params_of};

/// Arrays that each layer has one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    WHh(usize),
    WAbove(usize),
    H(usize),
    C(usize),
    H0(usize),
    C0(usize),
    COut(usize),
    CSeq(usize),
    HInner(usize),
}

pub struct Wave<'a> {
    plan: &'a BackwardPlan,
    caps: &'a DeviceCaps,
    tensors: &'a [WeightTensor],
    wanted: Wanted,
    program: Program<Role>,
    layout: WeightLayout,
    weights_t: Regions<Part>,
    carry: Regions<Part>,
    /// Of each layer: rows of gates with x, with h, with c, with h before; steps that are gone back through.
    rows: Vec<[u64; 4]>,
    done: Vec<usize>,
    /// Products that follow all steps.
    ended: Vec<bool>,
    ticks: u64,
    has_d_x: bool,
    /// Layers whose weights' gradients are made: of x, of h.
    gradients: Vec<[u64; 2]>,
}

impl<'a> Wave<'a> {
    pub fn new(
        plan: &'a BackwardPlan,
        caps: &'a DeviceCaps,
        wanted: Wanted,
        tensors: &'a [WeightTensor],
    ) -> Self {
        let alignment = caps.min_storage_buffer_offset_alignment;
        let layout = WeightLayout::new(plan.problem.sizes);
        let layers = plan.problem.sizes.num_layers;
        let memory = plan.memory();
        Wave {
            program: Program::backward(plan, &CellOptions::default(), tensors, wanted, alignment),
            weights_t: Regions::new(memory.weights_t_bytes / layout.word_bytes()),
            carry: Regions::new(memory.carry_bytes / 4),
            plan,
            caps,
            tensors,
            wanted,
            layout,
            rows: vec![[0; 4]; layers],
            done: vec![0; layers],
            ended: vec![false; layers],
            ticks: 0,
            has_d_x: false,
            gradients: vec![[0; 2]; layers],
        }
    }

    pub fn all(mut self) {
        check_params(&self.program, self.caps);
        let sizes = self.plan.problem.sizes;
        for dispatch in self.program.dispatches.clone() {
            let slices = match dispatch.kernel {
                Kernel::StepBackward(_) | Kernel::CellStates(_) => sizes.num_layers as u64,
                Kernel::Unpack(_) => dispatch.grid[2].into(),
                _ => 1,
            };
            check_launch(&self.program, &dispatch, self.caps, &sizes, slices);
            match dispatch.kernel {
                Kernel::Transpose(_) => self.transpose(&dispatch),
                Kernel::Matmul(kernel) => {
                    self.multiply(&dispatch, usize::from(kernel.store == Store::MoreGates));
                }
                Kernel::CellStates(_) => {
                    self.note(&self.params(&dispatch));
                    self.rows.iter_mut().for_each(|rows| rows[2] = rows[1]);
                }
                Kernel::ResetStates(_) => {
                    let params: BackwardParams = self.params(&dispatch);
                    let layer = (0..sizes.num_layers).find(|layer| {
                        self.first_row(*layer) == u64::from(params.slices[0].first_row)
                    });
                    self.rows[layer.unwrap()][3] = u64::from(params.num_steps * params.batch);
                }
                Kernel::StepBackward(_) => self.recur(&dispatch),
                Kernel::Gradient(kernel) => self.gradient(&dispatch, kernel.of),
                Kernel::PeepholeGradient(_) | Kernel::Unpack(_) => {}
                other => panic!("{} in a wave", other.name()),
            }
        }
        let (seq_len, rows) = (self.plan.problem.seq_len, self.all_rows());
        assert!(self.done.iter().all(|steps| *steps == seq_len), "{:?}", self.done);
        assert!(self.ended.iter().all(|ended| *ended), "{:?}", self.ended);
        assert_eq!(self.ticks, self.plan.dispatches);
        assert_eq!(self.has_d_x, self.wanted.d_x);
        let expected = if self.wanted.d_weights { [rows; 2] } else { [0; 2] };
        assert!(self.gradients.iter().all(|rows| *rows == expected), "{:?}", self.gradients);
        let unpacked = self.program.dispatches.iter();
        let unpacked = unpacked.filter(|d| matches!(d.kernel, Kernel::Unpack(_))).count();
        assert_eq!(unpacked, if self.wanted.d_weights { self.tensors.len() } else { 0 });
    }

    fn params<P: AnyBitPattern>(&self, dispatch: &Dispatch<Role>) -> P {
        params_of(&self.program, dispatch)
    }

    /// Rows of gates of one layer.
    fn all_rows(&self) -> u64 {
        (self.plan.problem.seq_len * self.plan.problem.batch) as u64
    }

    fn first_row(&self, layer: usize) -> u64 {
        layer as u64 * self.all_rows()
    }

    fn layer_of(&self, role: Role) -> usize {
        let Role::Weights { offset, .. } = role else { panic!("{role:?}") };
        let words = offset / self.layout.word_bytes();
        let mut layers = 0..self.plan.problem.sizes.num_layers;
        layers.find(|layer| self.layout.section(*layer).0 == words).unwrap()
    }

    fn transpose(&mut self, dispatch: &Dispatch<Role>) {
        let params: TransposeParams = self.params(dispatch);
        let layer = self.layer_of(dispatch.roles[0]);
        let (h, source) = (u64::from(params.hidden_size), u64::from(params.w_hh));
        assert_eq!((h, params.recurrent_size), (self.h(), params.hidden_size));
        assert!(params.t_words >= params.recurrent_size);
        let is_hh = source == self.layout.w_hh(layer, 0);
        let w_ih = self.layout.bias(layer, 0) + self.layout.row_words();
        assert!(is_hh || (layer > 0 && source == w_ih), "layer {layer}: {source}");
        let part = if is_hh { Part::WHh(layer) } else { Part::WAbove(layer - 1) };
        // The peepholes lie behind the last row.
        let peepholes = u64::from(params.has_peepholes) * h;
        assert!(is_hh || peepholes == 0);
        self.weights_t.note(part, params.out_start, 0, h * u64::from(params.t_words) + peepholes);
    }

    fn h(&self) -> u64 {
        self.plan.problem.sizes.hidden_size as u64
    }

    /// A product of x (0) or h (1) for a layer: rows come one after the other, and x before h.
    fn multiply(&mut self, dispatch: &Dispatch<Role>, which: usize) {
        let params: MatmulParams = self.params(dispatch);
        let layer = self.layer_of(dispatch.roles[0]);
        let at = self.first_row(layer) + self.rows[layer][which];
        assert_eq!((u64::from(params.out_row), params.num_slices), (at, 1));
        self.rows[layer][which] += u64::from(params.rows);
        assert!(self.rows[layer][which] <= self.all_rows());
        assert!(which == 0 || self.rows[layer][0] == self.all_rows());
        let end = (at + u64::from(params.rows)) * 16 * u64::from(params.columns);
        assert!(end <= self.plan.memory().gates_bytes);
    }

    /// Where the slices' arrays lie: inside the buffer, apart from each other.
    fn note(&mut self, params: &BackwardParams) {
        let (b, h) = (u64::from(params.batch), self.h());
        let (has_c, rows) = (self.plan.problem.sizes.cell.has_c(), self.all_rows());
        for layer in 0..self.plan.problem.sizes.num_layers {
            let slice = params.slices[layer];
            assert_eq!(u64::from(slice.first_row), self.first_row(layer));
            self.carry.note(Part::H(layer), slice.carry_h, 0, b * h);
            self.carry.note(Part::H0(layer), slice.h0, 0, b * h);
            let own = slice.first_row * h as u32;
            if has_c {
                self.carry.note(Part::C(layer), slice.carry_c, 0, b * h);
                self.carry.note(Part::C0(layer), slice.c_before, 0, b * h);
                self.carry.note(Part::COut(layer), slice.c_after, 0, b * h);
                self.carry.note(Part::CSeq(layer), params.c_seq + own, 0, rows * h);
            }
            if self.rows[layer][3] > 0 {
                self.carry.note(Part::HInner(layer), params.h_inner + own, 0, rows * h);
            }
        }
    }

    fn recur(&mut self, dispatch: &Dispatch<Role>) {
        let params: BackwardParams = self.params(dispatch);
        let (sizes, rows) = (self.plan.problem.sizes, self.all_rows());
        let (seq_len, layers) = (self.plan.problem.seq_len, sizes.num_layers);
        assert_eq!(dispatch.roles[..4], [Role::WeightsT, Role::Gates, Role::Carry, Role::DY]);
        let is_gru = !sizes.cell.has_c() && sizes.cell.num_gates() == 3;
        let expected = [rows, rows, if sizes.cell.has_c() { rows } else { 0 }];
        for kept in &self.rows {
            assert_eq!((&kept[..3], kept[3]), (&expected[..], if is_gru { rows } else { 0 }));
        }
        self.note(&params);
        assert_eq!((params.num_slices, params.first_step, params.chunk_step), (1, 0, 0));
        assert_eq!(params.num_steps as usize, seq_len);
        for layer in 0..layers {
            let slice = params.slices[layer];
            let start = |range: Range<u64>| range.start as u32;
            assert_eq!(slice.w_t, start(self.weights_t.part(Part::WHh(layer))));
            if layer + 1 < layers {
                assert_eq!(slice.w_above, start(self.weights_t.part(Part::WAbove(layer))));
            }
            assert_eq!((slice.delay == 0, slice.reverse), (layer + 1 == layers, 0));
        }
        assert_eq!(u64::from(params.first_tick), self.ticks, "ticks in order");
        for tick in params.first_tick..params.first_tick + dispatch.repeat {
            let before = self.done.clone();
            for layer in 0..layers {
                let own = tick.wrapping_sub(params.slices[layer].delay);
                if own == params.num_steps {
                    self.ended[layer] = true;
                }
                if own >= params.num_steps {
                    continue;
                }
                assert_eq!(own as usize, before[layer], "layer {layer}: steps in order");
                let above = before.get(layer + 1).copied().unwrap_or(seq_len);
                assert!(above > own as usize, "layer {layer} runs ahead of the one above");
                self.done[layer] += 1;
            }
        }
        self.ticks += u64::from(dispatch.repeat);
    }

    fn gradient(&mut self, dispatch: &Dispatch<Role>, of: Of) {
        assert_eq!(self.ticks, self.plan.dispatches, "gradients come after the wave");
        let params: GradientParams = self.params(dispatch);
        let (rows, at) = (u64::from(params.rows), u64::from(params.d_row));
        if of == Of::Input {
            assert_eq!((at, rows), (0, self.all_rows()));
            assert_eq!(dispatch.roles[2], Role::DX);
            self.has_d_x = true;
            return;
        }
        // From the last step to the first.
        let layer = (at / self.all_rows()) as usize;
        let which = usize::from(params.ones == 0);
        self.gradients[layer][which] += rows;
        let done = self.gradients[layer][which];
        assert_eq!(at + done, self.first_row(layer) + self.all_rows(), "layer {layer}");
    }
}
