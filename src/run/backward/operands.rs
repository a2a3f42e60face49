//! What is multiplied with weights: once more, for the pre-activations, and for the gradients of those weights.

use super::super::program::{Chunk, Strides};
use super::{BackwardRole, Builder};
use crate::format::WeightFormat;
use crate::kernels::{
    BackwardParams, CellKernel, CellStates, Kernel, Matmul, MatmulParams, Phases, ResetStates,
    Store,
};
use crate::problem::Problem;

/// The rows that some steps of a chunk multiply with weights.
pub(super) struct Operand {
    pub role: BackwardRole,
    pub steps: Chunk,
    /// How many steps before those that use them the rows were made.
    pub delay: usize,
    /// Elements of a row.
    pub inner: u32,
    /// Their first row of weights, in groups of four columns.
    pub weights: u32,
    /// Whether that is the bias, and rows begin with a 1.
    pub has_bias: bool,
    /// The first element of all.
    pub first: u32,
    /// From step to step, row to row, direction to direction.
    pub strides: [u32; 3],
    /// Whether they lie in the order of the caller's time steps, which a reverse direction goes through backwards.
    pub is_in_time: bool,
    /// Gates whose weights they are not multiplied with, a bit for each.
    pub kept_lanes: u32,
}

/// The lanes of a GRU's word but for n_h, and that one: where the reset gate scales h, they multiply different things.
const ALL_BUT_N_H: u32 = 0b0111;
const N_H: u32 = 0b1000;

impl Builder<'_> {
    /// The pre-activations of a chunk, c of an LSTM, and what the second product of a step in two phases multiplied.
    pub(super) fn recompute(&mut self, chunk: Chunk) {
        let sizes = self.plan.problem.sizes;
        self.pre_activations(chunk);
        if sizes.cell.has_c() {
            self.cell_states(&self.params(chunk, chunk), sizes.num_directions());
        }
        if self.cell.phases == Phases::Reset {
            self.reset_states(chunk);
            self.multiply(chunk, self.h_inner_of(chunk, chunk));
        }
    }

    /// What x and h give to the pre-activations of a chunk.
    pub(super) fn pre_activations(&mut self, chunk: Chunk) {
        self.multiply(chunk, self.x_of(chunk));
        for h in self.h_of(chunk) {
            self.multiply(chunk, h);
        }
    }

    pub(super) fn cell_states(&mut self, params: &BackwardParams, slices: usize) {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let cell = CellKernel { has_lengths: false, ..self.cell };
        let grid = CellStates::grid(sizes.hidden_size as u64, batch as u64, slices as u64);
        let roles = vec![BackwardRole::WeightsT, BackwardRole::Gates, BackwardRole::Carry];
        let kernel = Kernel::CellStates(CellStates { cell });
        self.push(kernel, grid, roles, bytemuck::bytes_of(params));
    }

    pub(super) fn reset_states(&mut self, chunk: Chunk) {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let (h, directions) = (sizes.hidden_size as u64, sizes.num_directions() as u64);
        let grid = ResetStates::grid(h, (chunk.num_steps * batch) as u64, directions);
        let kernel = Kernel::ResetStates(ResetStates { cell: self.cell });
        let mut roles = vec![BackwardRole::Gates, BackwardRole::Carry];
        roles.extend(self.lengths());
        roles.push(self.output_of(chunk.layer));
        let params = self.params(chunk, chunk);
        self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
    }

    /// The rows of x that some steps multiply with w_ih.
    pub(super) fn x_of(&self, range: Chunk) -> Operand {
        let Strides { t, b } = self.places.input_strides(range.layer);
        Operand {
            role: self.input_of(range.layer),
            steps: range,
            delay: 0,
            inner: self.plan.problem.sizes.layer_input_size(range.layer) as u32,
            weights: 0,
            has_bias: true,
            first: 0,
            strides: [t, b, 0],
            is_in_time: true,
            kept_lanes: 0,
        }
    }

    /// The rows of h that some steps multiply with w_hh: h0 where they are the first, then what the steps before them
    /// put out.
    pub(super) fn h_of(&self, range: Chunk) -> Vec<Operand> {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let r = sizes.recurrent_size() as u32;
        let kept_lanes = if self.cell.phases == Phases::Reset { N_H } else { 0 };
        let weights = self.places.groups(self.places.layout.w_hh(range.layer, 0)) as u32;
        let Chunk { first_step, num_steps, .. } = range;
        let h0 = (first_step == 0).then(|| Operand {
            role: BackwardRole::Carry,
            steps: Chunk { num_steps: 1, ..range },
            delay: 0,
            inner: r,
            weights,
            has_bias: false,
            first: self.h0_of(range.layer, 0),
            strides: [0, r, batch as u32 * r],
            is_in_time: true,
            kept_lanes,
        });
        let given = usize::from(first_step == 0);
        let steps = Chunk { first_step: first_step + given, num_steps: num_steps - given, ..range };
        let Strides { t, b } = self.places.output_strides();
        let h = (steps.num_steps > 0).then(|| Operand {
            role: self.output_of(range.layer),
            steps,
            delay: 1,
            inner: r,
            weights,
            has_bias: false,
            first: 0,
            strides: [t, b, r],
            is_in_time: true,
            kept_lanes,
        });
        h0.into_iter().chain(h).collect()
    }

    /// What the second product of some steps of a chunk multiplies, in two phases: r * h with w_hh, or o * activate_h(c)
    /// with w_hr.
    pub(super) fn h_inner_of(&self, chunk: Chunk, range: Chunk) -> Operand {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let (h, directions) = (sizes.hidden_size as u32, sizes.num_directions() as u32);
        let layout = &self.places.layout;
        let (weights, kept_lanes) = match self.cell.phases {
            Phases::Projection => (layout.w_hr(range.layer, 0), 0),
            _ => (layout.w_hh(range.layer, 0), ALL_BUT_N_H),
        };
        let strides = [batch as u32 * directions * h, directions * h, h];
        Operand {
            role: BackwardRole::Carry,
            steps: range,
            delay: 0,
            inner: h,
            weights: self.places.groups(weights) as u32,
            has_bias: false,
            // The kernel counts steps from the first of all; so do its indices, which may wrap.
            first: (self.carry.h_inner as u32)
                .wrapping_sub(strides[0].wrapping_mul(chunk.first_step as u32)),
            strides,
            is_in_time: false,
            kept_lanes,
        }
    }

    /// The product of an operand and its weights, for steps of a chunk.
    fn multiply(&mut self, chunk: Chunk, operand: Operand) {
        let Problem { sizes, batch, seq_len, has_lengths, .. } = self.plan.problem;
        let Operand { role, steps, delay, inner, weights, has_bias, first, strides, .. } = operand;
        let rows = (steps.num_steps * batch) as u64;
        let columns = self.places.groups(self.places.layout.row_words());
        let (store, bias_rows) = if has_bias { (Store::Gates, 1) } else { (Store::MoreGates, 0) };
        let tile = self.plan.tile;
        let kernel = Matmul { store, tile, weights: WeightFormat::F32, has_lengths };
        let params = MatmulParams {
            rows: rows as u32,
            inner,
            columns: columns as u32,
            features: 4 * columns as u32,
            batch: batch as u32,
            first_step: (steps.first_step - delay) as u32,
            seq_len: seq_len as u32,
            a_first: first,
            stride_t: strides[0],
            stride_b: strides[1],
            stride_z: strides[2],
            bias: weights,
            weights: weights + bias_rows * columns as u32,
            weights_stride: self.places.groups(self.places.layout.bias(chunk.layer, 1)) as u32,
            reverse: if operand.is_in_time { self.places.reverse_bits() } else { 0 },
            num_slices: sizes.num_directions() as u32,
            out_row: (self.first_row(chunk) + (steps.first_step - chunk.first_step) * batch) as u32,
            kept_lanes: operand.kept_lanes,
        };
        let grid = kernel.grid(rows, columns, sizes.num_directions() as u64);
        let mut roles = vec![self.layer_weights(chunk.layer), role, BackwardRole::Gates];
        roles.extend(self.lengths());
        self.push(Kernel::Matmul(kernel), grid, roles, bytemuck::bytes_of(&params));
    }
}
