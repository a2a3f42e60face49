//! The program of a backward pass.

use super::program::{Chunk, Dispatch, Places, Program, Strides};
use crate::cell::{CellOptions, Flavour};
use crate::kernels::{
    BackwardParams, BackwardSlice, CellKernel, CellStates, GradientParams, Kernel, Matmul,
    MatmulParams, PeepholeGradient, Phases, ResetStates, Store, Transpose, TransposeParams, Unpack,
    UnpackParams,
};
use crate::pack::Place;
use crate::plan::{BackwardPlan, Carry, TransposedLayout};
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
    /// w_hh of a layer, transposed.
    WeightsT,
    /// The pre-activations of a chunk, then their gradients.
    Gates,
    /// What steps hand on: [`Carry`].
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

/// The rows that some steps of a chunk multiply with weights.
struct Operand {
    role: BackwardRole,
    steps: Chunk,
    /// How many steps before those that use them the rows were made.
    delay: usize,
    /// Elements of a row.
    inner: u32,
    /// Their first row of weights, in groups of four columns.
    weights: u32,
    /// Whether that is the bias, and rows begin with a 1.
    has_bias: bool,
    /// The first element of all.
    first: u32,
    /// From step to step, row to row, direction to direction.
    strides: [u32; 3],
    /// Whether they lie in the order of the caller's time steps, which a reverse direction goes through backwards.
    is_in_time: bool,
    /// Gates whose weights they are not multiplied with, a bit for each.
    kept_lanes: u32,
}

/// The lanes of a GRU's word but for n_h, and that one: where the reset gate scales h, they multiply different things.
const ALL_BUT_N_H: u32 = 0b0111;
const N_H: u32 = 0b1000;

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
        let Problem { sizes, flavour, has_lengths, .. } = plan.problem;
        let mut builder = Builder {
            plan,
            places: Places::new(&plan.problem, options),
            carry: Carry::new(&plan.problem, plan.chunk),
            transposed: TransposedLayout::new(&sizes),
            has_peepholes: false,
            cell: CellKernel { cell: sizes.cell, flavour, phases: Phases::of(&sizes), has_lengths },
            params_alignment,
            program: Program::empty(),
        };
        for layer in (0..sizes.num_layers).rev() {
            let own = || tensors.iter().filter(|tensor| tensor.layer == layer);
            builder.has_peepholes = own().any(|tensor| tensor.kind == TensorKind::Peepholes);
            builder.layer(layer, wanted);
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
        self.transpose(layer);
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

    /// w_hh and the peepholes, and w_hr where h is projected.
    fn transpose(&mut self, layer: usize) {
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
            out_start: 0,
            has_peepholes: (sizes.cell.has_c() && flavour == Flavour::Chosen).into(),
        };
        let words = (sizes.proj_size as u64).div_ceil(4);
        let w_hr = TransposeParams {
            hidden_size: words as u32,
            recurrent_size: h as u32,
            row_words: words as u32,
            t_words: h as u32,
            w_hh: source.w_hr(layer, 0) as u32,
            out_start: target.w_hr as u32,
            has_peepholes: 0,
            ..w_hh
        };
        let is_projected = sizes.proj_size > 0;
        for params in [w_hh].into_iter().chain(is_projected.then_some(w_hr)) {
            let [units, rows] = [params.hidden_size, params.recurrent_size].map(u64::from);
            let grid = Transpose::grid(units, rows, sizes.num_directions() as u64);
            let kernel = Kernel::Transpose(Transpose::of(sizes.cell));
            let roles = vec![self.layer_weights(layer), BackwardRole::WeightsT];
            self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
        }
    }

    /// The pre-activations of a chunk, c of an LSTM, and what the second product of a step in two phases multiplied.
    fn recompute(&mut self, chunk: Chunk) {
        let Problem { sizes, batch, .. } = self.plan.problem;
        self.multiply(chunk, self.x_of(chunk));
        for h in self.h_of(chunk) {
            self.multiply(chunk, h);
        }
        let (h, directions) = (sizes.hidden_size as u64, sizes.num_directions() as u64);
        let params = self.params(chunk, chunk);
        let params = bytemuck::bytes_of(&params);
        if sizes.cell.has_c() {
            let cell = CellKernel { has_lengths: false, ..self.cell };
            let grid = CellStates::grid(h, batch as u64, directions);
            let roles = vec![BackwardRole::WeightsT, BackwardRole::Gates, BackwardRole::Carry];
            self.push(Kernel::CellStates(CellStates { cell }), grid, roles, params);
        }
        if self.cell.phases == Phases::Reset {
            let grid = ResetStates::grid(h, (chunk.num_steps * batch) as u64, directions);
            let kernel = Kernel::ResetStates(ResetStates { cell: self.cell });
            let mut roles = vec![BackwardRole::Gates, BackwardRole::Carry];
            roles.extend(self.lengths());
            roles.push(self.output_of(chunk.layer));
            self.push(kernel, grid, roles, params);
            self.multiply(chunk, self.h_inner_of(chunk, chunk));
        }
    }

    /// The rows of x that some steps multiply with w_ih.
    fn x_of(&self, range: Chunk) -> Operand {
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
    fn h_of(&self, range: Chunk) -> Vec<Operand> {
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
    fn h_inner_of(&self, chunk: Chunk, range: Chunk) -> Operand {
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
        // The kernel takes weights to lie behind a bias.
        let (store, weights) = match has_bias {
            true => (Store::Gates, weights),
            false => (Store::MoreGates, weights - columns as u32),
        };
        let kernel = Matmul { store, tile: self.plan.tile, has_lengths };
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
            weights,
            weights_stride: self.places.groups(self.places.layout.bias(chunk.layer, 1)) as u32,
            reverse: if operand.is_in_time { self.places.reverse_bits() } else { 0 },
            num_slices: sizes.num_directions() as u32,
            out_row: ((steps.first_step - chunk.first_step) * batch) as u32,
            kept_lanes: operand.kept_lanes,
        };
        let grid = kernel.grid(rows, columns, sizes.num_directions() as u64);
        let mut roles = vec![self.layer_weights(chunk.layer), role, BackwardRole::Gates];
        roles.extend(self.lengths());
        self.push(Kernel::Matmul(kernel), grid, roles, bytemuck::bytes_of(&params));
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
            let before = self.places.rows_before(chunk.layer, direction);
            let (h_at, c_at) = (before * sizes.recurrent_size(), before * sizes.hidden_size);
            let w_t = direction as u64 * self.transposed.stride;
            let peepholes = w_t + self.transposed.peepholes;
            let checkpoint = |number: usize| {
                let rows = (number * sizes.num_directions() + direction) * batch;
                self.carry.checkpoints as u32 + (rows * sizes.hidden_size) as u32
            };
            let number = chunk.first_step / self.plan.chunk;
            params.slices[direction] = BackwardSlice {
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
                d_peepholes: self.places.layout.peepholes(chunk.layer, direction) as u32,
                choice: self.places.choice(direction, peepholes as u32),
            };
        }
        params
    }

    /// `accumulate`: a later chunk has left its share.
    fn weight_gradients(&mut self, chunk: Chunk, accumulate: bool) {
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
    fn input_gradients(&mut self, chunk: Chunk) {
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
            d_row: ((range.first_step - chunk.first_step) * batch) as u32,
            first_step: range.first_step as u32,
            seq_len: seq_len as u32,
            chunk: self.plan.chunk as u32,
            weights_stride: self.places.groups(layout.bias(chunk.layer, 1)) as u32,
            reverse: self.places.reverse_bits(),
            num_slices: sizes.num_directions() as u32,
            ..Default::default()
        }
    }

    fn unpack(&mut self, tensor: &WeightTensor, accumulate: bool) {
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
