//! The program of a backward pass.

mod gradients;
mod operands;
mod wavefront;

use super::program::{Chunk, Dispatch, Places, Program};
use crate::cell::{CellOptions, Flavour};
use crate::kernels::{
    BackwardParams, BackwardSlice, CellKernel, Kernel, Phases, Transpose, TransposeParams,
};
use crate::plan::{BackwardPlan, Carry, Schedule, TransposedLayout};
use crate::problem::Problem;
use crate::tensors::{TensorKind, WeightTensor};

/// What a binding shows to a kernel of a backward pass. Offsets and sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BackwardRole {
    Weights {
        offset: u64,
        size: u64,
    },
    /// The caller's x and y.
    X,
    Y,
    /// The output of a layer, kept by the forward pass.
    Between(usize),
    /// The length of each batch row.
    Lengths,
    /// w_hh of a layer, or all weights that a wavefront multiplies, transposed.
    WeightsT,
    /// The pre-activations of a chunk, of all layers in a wavefront, then their gradients.
    Gates,
    /// What steps hand on: `Carry` of the plan.
    Carry,
    /// The caller's gradients of y and x.
    DY,
    DX,
    /// The gradient of a layer's output on the way to the layer below; two take turns.
    DBetween(usize),
    /// The gradients of a layer's weights, packed.
    DPacked,
    /// The caller's gradients of all weights.
    DWeights,
}

/// Which of the gradients that need work of their own a pass is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub d_x: bool,
    pub d_weights: bool,
    /// The gradients of the weights are added to what is there.
    pub accumulate: bool,
}

struct Builder<'a> {
    plan: &'a BackwardPlan,
    places: Places<'a>,
    carry: Carry,
    transposed: TransposedLayout,
    cell: CellKernel,
    /// Whether the layer that is being gone back through has peepholes.
    has_peepholes: bool,
    params_alignment: u32,
    program: Program<BackwardRole>,
}

impl Program<BackwardRole> {
    pub fn backward(
        plan: &BackwardPlan,
        options: &CellOptions,
        tensors: &[WeightTensor],
        wanted: Wanted,
        params_alignment: u32,
    ) -> Self {
        let sizes = plan.problem.sizes;
        let mut builder = Builder {
            plan,
            places: Places::new(&plan.problem, options),
            carry: Carry::new(&plan.problem, plan.chunk, plan.schedule),
            transposed: TransposedLayout::new(&sizes, plan.schedule),
            has_peepholes: false,
            cell: CellKernel::of(&plan.problem),
            params_alignment,
            program: Program::empty(),
        };
        if builder.is_wave() {
            builder.wavefront(wanted.d_x);
        }
        for layer in (0..sizes.num_layers).rev() {
            let own = || tensors.iter().filter(|tensor| tensor.layer == layer);
            builder.has_peepholes = own().any(|tensor| tensor.kind == TensorKind::Peepholes);
            match builder.is_wave() {
                true if wanted.d_weights => builder.weight_gradients(builder.whole(layer), false),
                true => {}
                false => builder.layer(layer, wanted),
            }
            if wanted.d_weights {
                own().for_each(|tensor| builder.unpack(tensor, wanted.accumulate));
            }
        }
        builder.program
    }
}

impl Builder<'_> {
    fn layer(&mut self, layer: usize, wanted: Wanted) {
        let chunks = self.places.chunks(layer, self.plan.chunk);
        self.transpose(layer, 0);
        if self.plan.problem.sizes.cell.has_c() {
            // c at the edges of chunks; the last chunk makes its own.
            chunks.clone().take(chunks.len() - 1).for_each(|chunk| self.recompute(chunk));
        }
        let mut has_gradients = false;
        for chunk in chunks.rev() {
            self.recompute(chunk);
            self.recur(chunk);
            if wanted.d_weights {
                self.weight_gradients(chunk, has_gradients);
                has_gradients = true;
            }
            if layer > 0 || wanted.d_x {
                self.input_gradients(chunk);
            }
        }
    }

    /// w_hh and the peepholes, and w_hr where h is projected, to `out_start`.
    fn transpose(&mut self, layer: usize, out_start: u32) {
        let Problem { sizes, flavour, .. } = self.plan.problem;
        let (h, r) = (sizes.hidden_size as u64, sizes.recurrent_size() as u64);
        let (source, target) = (&self.places.layout, &self.transposed);
        let w_hh = TransposeParams {
            hidden_size: h as u32,
            recurrent_size: r as u32,
            row_words: source.row_words() as u32,
            t_words: target.row_words as u32,
            w_hh: source.w_hh(layer, 0) as u32,
            peepholes: source.peepholes(layer, 0) as u32,
            weights_stride: source.bias(layer, 1) as u32,
            out_stride: target.stride as u32,
            out_start,
            has_peepholes: (sizes.cell.has_c() && flavour == Flavour::Chosen).into(),
        };
        let words = (sizes.proj_size as u64).div_ceil(4);
        let w_hr = TransposeParams {
            hidden_size: words as u32,
            recurrent_size: h as u32,
            row_words: words as u32,
            t_words: h as u32,
            w_hh: source.w_hr(layer, 0) as u32,
            out_start: out_start + target.w_hr as u32,
            has_peepholes: 0,
            ..w_hh
        };
        let is_projected = sizes.proj_size > 0;
        for params in [w_hh].into_iter().chain(is_projected.then_some(w_hr)) {
            self.push_transpose(layer, params);
        }
    }

    fn push_transpose(&mut self, layer: usize, params: TransposeParams) {
        let sizes = &self.plan.problem.sizes;
        let [units, rows] = [params.hidden_size, params.recurrent_size].map(u64::from);
        let grid = Transpose::grid(units, rows, sizes.num_directions() as u64);
        let kernel = Kernel::Transpose(Transpose::of(sizes.cell));
        let roles = vec![self.layer_weights(layer), BackwardRole::WeightsT];
        self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
    }

    /// The steps of a chunk, from the last to the first.
    fn recur(&mut self, chunk: Chunk) {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let directions = sizes.num_directions() as u64;
        let mut roles = vec![
            BackwardRole::WeightsT,
            BackwardRole::Gates,
            BackwardRole::Carry,
            self.d_output_of(chunk.layer),
        ];
        roles.extend(self.lengths());
        roles.push(self.output_of(chunk.layer));
        for range in chunk.ranges(self.plan.range).rev() {
            let params = self.params(chunk, range);
            let (grid, repeat) = match self.plan.kernel {
                Kernel::StepBackward(kernel) => {
                    (kernel.grid(&sizes, batch as u64, directions), range.num_steps as u32 + 1)
                }
                Kernel::SequenceBackward(kernel) => (kernel.grid(batch as u64, directions), 1),
                // Not kernels of a backward recurrence.
                _ => ([0; 3], 1),
            };
            let second = match self.plan.kernel {
                Kernel::StepBackward(kernel) if self.cell.phases != Phases::Whole => {
                    let grid = kernel.second().grid(&sizes, batch as u64, directions);
                    Some((Kernel::StepBackward(kernel.second()), grid.map(|side| side as u32)))
                }
                _ => None,
            };
            let params = bytemuck::bytes_of(&params);
            let dispatch = self.push(self.plan.kernel, grid, roles.clone(), params);
            (dispatch.second, dispatch.repeat) = (second, repeat);
        }
    }

    fn params(&self, chunk: Chunk, range: Chunk) -> BackwardParams {
        let Problem { sizes, batch, seq_len, .. } = self.plan.problem;
        let output = self.places.output_strides();
        let mut params = BackwardParams {
            hidden_size: sizes.hidden_size as u32,
            recurrent_size: sizes.recurrent_size() as u32,
            row_words: self.places.layout.row_words() as u32,
            t_words: self.transposed.row_words as u32,
            batch: batch as u32,
            seq_len: seq_len as u32,
            chunk_step: chunk.first_step as u32,
            first_step: range.first_step as u32,
            num_steps: range.num_steps as u32,
            output_stride_t: output.t,
            output_stride_b: output.b,
            c_seq: self.carry.c_seq as u32,
            h_inner: self.carry.h_inner as u32,
            exchange: self.carry.exchange as u32,
            num_slices: sizes.num_directions() as u32,
            ..Default::default()
        };
        for direction in 0..sizes.num_directions() {
            params.slices[direction] = self.slice(chunk, direction);
        }
        params
    }

    fn slice(&self, chunk: Chunk, direction: usize) -> BackwardSlice {
        let Problem { sizes, batch, seq_len, .. } = self.plan.problem;
        let before = self.places.rows_before(chunk.layer, direction);
        let (h_at, c_at) = (before * sizes.recurrent_size(), before * sizes.hidden_size);
        let slot = if self.is_wave() { chunk.layer } else { direction };
        let w_t = slot as u64 * self.transposed.stride;
        let peepholes = w_t + self.transposed.peepholes;
        let checkpoint = |number: usize| {
            let rows = (number * sizes.num_directions() + slot) * batch;
            self.carry.checkpoints as u32 + (rows * sizes.hidden_size) as u32
        };
        let number = chunk.first_step / self.plan.chunk;
        BackwardSlice {
            w_t: w_t as u32,
            w_hr_t: (w_t + self.transposed.w_hr) as u32,
            carry_h: (self.carry.h as usize + h_at) as u32,
            carry_c: (self.carry.c as usize + c_at) as u32,
            h0: self.h0_of(chunk.layer, direction),
            c_before: match number.checked_sub(1) {
                None => (self.carry.c0 as usize + c_at) as u32,
                Some(before) => checkpoint(before),
            },
            c_after: checkpoint(number),
            output: (direction * sizes.recurrent_size()) as u32,
            reverse: sizes.is_reverse(direction).into(),
            first_row: (if self.is_wave() { slot * seq_len * batch } else { slot }) as u32,
            delay: if self.is_wave() { (sizes.num_layers - 1 - slot) as u32 } else { 0 },
            w_above: (w_t + self.transposed.w_above) as u32,
            d_peepholes: self.places.layout.peepholes(chunk.layer, direction) as u32,
            choice: self.places.choice(direction, peepholes as u32),
        }
    }

    fn is_wave(&self) -> bool {
        self.plan.schedule == Schedule::Wavefront
    }

    /// The row of gates that a chunk of a layer begins at.
    fn first_row(&self, chunk: Chunk) -> usize {
        let Problem { batch, seq_len, .. } = self.plan.problem;
        if self.is_wave() { chunk.layer * seq_len * batch } else { 0 }
    }

    fn lengths(&self) -> Option<BackwardRole> {
        self.plan.problem.has_lengths.then_some(BackwardRole::Lengths)
    }

    fn layer_weights(&self, layer: usize) -> BackwardRole {
        let (offset, size) = self.places.layer_weights(layer);
        BackwardRole::Weights { offset, size }
    }

    fn input_of(&self, layer: usize) -> BackwardRole {
        layer.checked_sub(1).map_or(BackwardRole::X, BackwardRole::Between)
    }

    fn output_of(&self, layer: usize) -> BackwardRole {
        let is_last = layer + 1 == self.plan.problem.sizes.num_layers;
        if is_last { BackwardRole::Y } else { BackwardRole::Between(layer) }
    }

    fn d_output_of(&self, layer: usize) -> BackwardRole {
        let is_last = layer + 1 == self.plan.problem.sizes.num_layers;
        if is_last { BackwardRole::DY } else { BackwardRole::DBetween(layer % 2) }
    }

    fn h0_of(&self, layer: usize, direction: usize) -> u32 {
        let sizes = &self.plan.problem.sizes;
        let before = self.places.rows_before(layer, direction) * sizes.recurrent_size();
        self.carry.h0 as u32 + before as u32
    }

    fn push(
        &mut self,
        kernel: Kernel,
        grid: [u64; 3],
        roles: Vec<BackwardRole>,
        params: &[u8],
    ) -> &mut Dispatch<BackwardRole> {
        self.program.push(self.params_alignment, kernel, grid, roles, params)
    }
}
