//! The gradients of weights and inputs, from those of pre-activations.

use super::super::program::Chunk;
use super::operands::Operand;
use super::{BackwardRole, Builder};
use crate::kernels::{
    BackwardParams, GradientParams, Kernel, PeepholeGradient, Phases, Unpack, UnpackParams,
};
use crate::pack::Place;
use crate::problem::Problem;
use crate::tensors::WeightTensor;

impl Builder<'_> {
    /// `accumulate`: a later chunk has left its share.
    pub(super) fn weight_gradients(&mut self, chunk: Chunk, accumulate: bool) {
        let ranges = chunk.ranges(self.plan.gradient_steps).rev();
        // The bias and w_ih, then w_hh, then what a second product multiplies.
        let x = ranges.clone().map(|range| self.x_of(range)).collect();
        let h = ranges.clone().flat_map(|range| self.h_of(range).into_iter().rev()).collect();
        let h_inner = match self.cell.phases {
            Phases::Whole => Vec::new(),
            _ => ranges.clone().map(|range| self.h_inner_of(chunk, range)).collect(),
        };
        for operands in [x, h, h_inner] {
            for (at, operand) in operands.into_iter().enumerate() {
                self.weight_gradient(chunk, operand, accumulate || at > 0);
            }
        }
        if self.has_peepholes {
            for (at, range) in ranges.enumerate() {
                self.peephole_gradient(chunk, range, accumulate || at > 0);
            }
        }
    }

    fn peephole_gradient(&mut self, chunk: Chunk, range: Chunk, accumulate: bool) {
        let Problem { sizes, has_lengths, .. } = self.plan.problem;
        let params = BackwardParams { accumulate: accumulate.into(), ..self.params(chunk, range) };
        let (h, directions) = (sizes.hidden_size as u64, sizes.num_directions() as u64);
        let grid = PeepholeGradient::grid(h, directions);
        let mut roles = vec![BackwardRole::Gates, BackwardRole::Carry, BackwardRole::DPacked];
        roles.extend(self.lengths());
        let kernel = Kernel::PeepholeGradient(PeepholeGradient { has_lengths });
        self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
    }

    fn weight_gradient(&mut self, chunk: Chunk, operand: Operand, accumulate: bool) {
        let Operand { role, steps, delay, inner, weights, has_bias, first, strides, .. } = operand;
        let Problem { sizes, .. } = self.plan.problem;
        let shared = self.gradient_params(chunk, steps);
        // o * activate_h(c) was multiplied to make h, not gates.
        let is_projection = !operand.is_in_time && self.cell.phases == Phases::Projection;
        let (d_role, d_first, columns) = match is_projection {
            true => {
                let first = self.carry.exchange / 4;
                (BackwardRole::Carry, first as u32, sizes.proj_size.div_ceil(4) as u32)
            }
            false => (BackwardRole::Gates, 0, shared.columns),
        };
        let params = GradientParams {
            inner,
            columns,
            first_step: shared.first_step - delay as u32,
            a_first: first,
            stride_t: strides[0],
            stride_b: strides[1],
            stride_z: strides[2],
            weights,
            reverse: if operand.is_in_time { shared.reverse } else { 0 },
            ones: has_bias.into(),
            d_first,
            kept_lanes: operand.kept_lanes,
            accumulate: accumulate.into(),
            ..shared
        };
        let kernel = self.plan.weight_gradient;
        let (rows, directions) = (u64::from(params.ones + inner), sizes.num_directions() as u64);
        let grid = kernel.grid(rows, columns.into(), directions);
        let mut roles = vec![d_role, role, BackwardRole::DPacked];
        roles.extend(self.lengths());
        self.push(Kernel::Gradient(kernel), grid, roles, bytemuck::bytes_of(&params));
    }

    /// Both directions into one.
    pub(super) fn input_gradients(&mut self, chunk: Chunk) {
        let Problem { sizes, .. } = self.plan.problem;
        let strides = self.places.input_strides(chunk.layer);
        let kernel = self.plan.input_gradient;
        for direction in 0..sizes.num_directions() {
            let shared = self.gradient_params(chunk, chunk);
            let params = GradientParams {
                inner: sizes.layer_input_size(chunk.layer) as u32,
                stride_t: strides.t,
                stride_b: strides.b,
                // Behind the bias.
                weights: shared.columns,
                slice: direction as u32,
                ..shared
            };
            let grid = kernel.grid(params.rows.into(), params.inner.into(), 1);
            let d_input = match chunk.layer.checked_sub(1) {
                None => BackwardRole::DX,
                Some(below) => BackwardRole::DBetween(below % 2),
            };
            let mut roles = vec![self.layer_weights(chunk.layer), BackwardRole::Gates, d_input];
            roles.extend(self.lengths());
            self.push(Kernel::Gradient(kernel), grid, roles, bytemuck::bytes_of(&params));
        }
    }

    fn gradient_params(&self, chunk: Chunk, range: Chunk) -> GradientParams {
        let Problem { sizes, batch, seq_len, .. } = self.plan.problem;
        let layout = &self.places.layout;
        GradientParams {
            rows: (range.num_steps * batch) as u32,
            columns: self.places.groups(layout.row_words()) as u32,
            batch: batch as u32,
            d_row: (self.first_row(chunk) + (range.first_step - chunk.first_step) * batch) as u32,
            first_step: range.first_step as u32,
            seq_len: seq_len as u32,
            chunk: self.plan.chunk as u32,
            weights_stride: self.places.groups(layout.bias(chunk.layer, 1)) as u32,
            reverse: self.places.reverse_bits(),
            num_slices: sizes.num_directions() as u32,
            ..Default::default()
        }
    }

    pub(super) fn unpack(&mut self, tensor: &WeightTensor, accumulate: bool) {
        let place = self.places.layout.place(tensor.kind, tensor.layer, tensor.direction);
        let Place { first, row_stride, unit_stride, lanes } = place;
        let (units, columns, gates) = tensor.parts(&self.plan.problem.sizes);
        let params = UnpackParams {
            units: units as u32,
            columns: columns as u32,
            first: first as u32,
            row_stride: row_stride as u32,
            unit_stride: unit_stride as u32,
            out: tensor.offset as u32,
            accumulate: accumulate.into(),
            lanes,
        };
        let grid = Unpack::grid(units as u64, columns as u64, gates as u64);
        let roles = vec![BackwardRole::DPacked, BackwardRole::DWeights];
        self.push(Kernel::Unpack(Unpack), grid, roles, bytemuck::bytes_of(&params));
    }
}
