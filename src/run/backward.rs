//! The program of a backward pass.

use super::program::{Chunk, Dispatch, Places, Program, Strides};
use crate::cell::{CellOptions, Flavour};
use crate::kernels::{
    BackwardParams, BackwardSlice, CellKernel, CellStates, GradientParams, Kernel, Matmul,
    MatmulParams, Phases, Store, Transpose, TransposeParams, Unpack, UnpackParams,
};
use crate::pack::Place;
use crate::plan::{BackwardPlan, Carry, transposed_words};
use crate::problem::Problem;
use crate::tensors::WeightTensor;

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
}

struct Builder<'a> {
    plan: &'a BackwardPlan,
    places: Places<'a>,
    carry: Carry,
    cell: CellKernel,
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
            cell: CellKernel { cell: sizes.cell, flavour, phases: Phases::of(&sizes), has_lengths },
            params_alignment,
            program: Program::empty(),
        };
        for layer in (0..sizes.num_layers).rev() {
            builder.layer(layer, wanted);
            if wanted.d_weights {
                let own = tensors.iter().filter(|tensor| tensor.layer == layer);
                own.for_each(|tensor| builder.unpack(tensor, wanted.accumulate));
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

    fn transpose(&mut self, layer: usize) {
        let Problem { sizes, flavour, .. } = self.plan.problem;
        let (t_words, out_stride) = transposed_words(&self.plan.problem);
        let (h, r) = (sizes.hidden_size as u64, sizes.recurrent_size() as u64);
        let layout = &self.places.layout;
        let params = TransposeParams {
            hidden_size: h as u32,
            recurrent_size: r as u32,
            row_words: layout.row_words() as u32,
            t_words: t_words as u32,
            w_hh: layout.w_hh(layer, 0) as u32,
            peepholes: layout.peepholes(layer, 0) as u32,
            weights_stride: layout.bias(layer, 1) as u32,
            out_stride: out_stride as u32,
            has_peepholes: (sizes.cell.has_c() && flavour == Flavour::Chosen).into(),
        };
        let grid = Transpose::grid(h, r, sizes.num_directions() as u64);
        let kernel = Kernel::Transpose(Transpose::of(sizes.cell));
        let roles = vec![self.layer_weights(layer), BackwardRole::WeightsT];
        self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
    }

    /// The pre-activations of a chunk, and c of an LSTM.
    fn recompute(&mut self, chunk: Chunk) {
        self.multiply(chunk, self.x_of(chunk));
        for h in self.h_of(chunk) {
            self.multiply(chunk, h);
        }
        let Problem { sizes, batch, .. } = self.plan.problem;
        if sizes.cell.has_c() {
            let cell = CellKernel { has_lengths: false, ..self.cell };
            let directions = sizes.num_directions() as u64;
            let grid = CellStates::grid(sizes.hidden_size as u64, batch as u64, directions);
            let params = self.params(chunk, chunk);
            let roles = vec![BackwardRole::WeightsT, BackwardRole::Gates, BackwardRole::Carry];
            let kernel = Kernel::CellStates(CellStates { cell });
            self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
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
        }
    }

    /// The rows of h that some steps multiply with w_hh: h0 where they are the first, then what the steps before them
    /// put out.
    fn h_of(&self, range: Chunk) -> Vec<Operand> {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let r = sizes.recurrent_size() as u32;
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
        });
        h0.into_iter().chain(h).collect()
    }

    /// The product of an operand and its weights, for steps of a chunk.
    fn multiply(&mut self, chunk: Chunk, operand: Operand) {
        let Problem { sizes, batch, seq_len, has_lengths, .. } = self.plan.problem;
        let Operand { role, steps, delay, inner, weights, has_bias, first, strides } = operand;
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
            reverse: self.places.reverse_bits(),
            num_slices: sizes.num_directions() as u32,
            out_row: ((steps.first_step - chunk.first_step) * batch) as u32,
        };
        let grid = kernel.grid(rows, columns, sizes.num_directions() as u64);
        let mut roles = vec![self.layer_weights(chunk.layer), role, BackwardRole::Gates];
        roles.extend(has_lengths.then_some(BackwardRole::Lengths));
        self.push(Kernel::Matmul(kernel), grid, roles, bytemuck::bytes_of(&params));
    }

    /// The steps of a chunk, from the last to the first.
    fn recur(&mut self, chunk: Chunk) {
        let Problem { sizes, batch, has_lengths, .. } = self.plan.problem;
        let directions = sizes.num_directions() as u64;
        let mut roles = vec![
            BackwardRole::WeightsT,
            BackwardRole::Gates,
            BackwardRole::Carry,
            self.d_output_of(chunk.layer),
        ];
        roles.extend(has_lengths.then_some(BackwardRole::Lengths));
        roles.push(self.output_of(chunk.layer));
        for range in chunk.ranges(self.plan.range).rev() {
            let params = self.params(chunk, range);
            let (grid, repeat) = match self.plan.kernel {
                Kernel::StepBackward(kernel) => (
                    kernel.grid(sizes.hidden_size as u64, batch as u64, directions),
                    range.num_steps as u32 + 1,
                ),
                Kernel::SequenceBackward(kernel) => (kernel.grid(batch as u64, directions), 1),
                // Not kernels of a backward recurrence.
                _ => ([0; 3], 1),
            };
            let params = bytemuck::bytes_of(&params);
            self.push(self.plan.kernel, grid, roles.clone(), params).repeat = repeat;
        }
    }

    fn params(&self, chunk: Chunk, range: Chunk) -> BackwardParams {
        let Problem { sizes, batch, seq_len, .. } = self.plan.problem;
        let (t_words, w_t_stride) = transposed_words(&self.plan.problem);
        let output = self.places.output_strides();
        let mut params = BackwardParams {
            hidden_size: sizes.hidden_size as u32,
            recurrent_size: sizes.recurrent_size() as u32,
            row_words: self.places.layout.row_words() as u32,
            t_words: t_words as u32,
            batch: batch as u32,
            seq_len: seq_len as u32,
            chunk_step: chunk.first_step as u32,
            first_step: range.first_step as u32,
            num_steps: range.num_steps as u32,
            output_stride_t: output.t,
            output_stride_b: output.b,
            c_seq: self.carry.c_seq as u32,
            num_slices: sizes.num_directions() as u32,
            ..Default::default()
        };
        for direction in 0..sizes.num_directions() {
            let before = self.places.rows_before(chunk.layer, direction);
            let (h_at, c_at) = (before * sizes.recurrent_size(), before * sizes.hidden_size);
            let w_t = direction as u64 * w_t_stride;
            let peepholes = w_t + sizes.hidden_size as u64 * t_words;
            let checkpoint = |number: usize| {
                let rows = (number * sizes.num_directions() + direction) * batch;
                self.carry.checkpoints as u32 + (rows * sizes.hidden_size) as u32
            };
            let number = chunk.first_step / self.plan.chunk;
            params.slices[direction] = BackwardSlice {
                w_t: w_t as u32,
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
                choice: self.places.choice(direction, peepholes as u32),
            };
        }
        params
    }

    /// The bias and w_ih, then w_hh. `accumulate`: a later chunk has left its share.
    fn weight_gradients(&mut self, chunk: Chunk, accumulate: bool) {
        let ranges = chunk.ranges(self.plan.gradient_steps).rev();
        let x = ranges.clone().map(|range| self.x_of(range)).collect();
        let h = ranges.flat_map(|range| self.h_of(range).into_iter().rev()).collect();
        for operands in [x, h] as [Vec<_>; 2] {
            for (at, operand) in operands.into_iter().enumerate() {
                self.weight_gradient(chunk, operand, accumulate || at > 0);
            }
        }
    }

    fn weight_gradient(&mut self, chunk: Chunk, operand: Operand, accumulate: bool) {
        let Operand { role, steps, delay, inner, weights, has_bias, first, strides } = operand;
        let shared = self.gradient_params(chunk, steps);
        let params = GradientParams {
            inner,
            first_step: shared.first_step - delay as u32,
            a_first: first,
            stride_t: strides[0],
            stride_b: strides[1],
            stride_z: strides[2],
            weights,
            ones: has_bias.into(),
            accumulate: accumulate.into(),
            ..shared
        };
        let Problem { sizes, has_lengths, .. } = self.plan.problem;
        let kernel = self.plan.weight_gradient;
        let (rows, directions) = (u64::from(params.ones + inner), sizes.num_directions() as u64);
        let grid = kernel.grid(rows, params.columns.into(), directions);
        let mut roles = vec![BackwardRole::Gates, role, BackwardRole::DPacked];
        roles.extend(has_lengths.then_some(BackwardRole::Lengths));
        self.push(Kernel::Gradient(kernel), grid, roles, bytemuck::bytes_of(&params));
    }

    /// Both directions into one, the first in place of what is there.
    fn input_gradients(&mut self, chunk: Chunk) {
        let Problem { sizes, has_lengths, .. } = self.plan.problem;
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
                accumulate: (direction > 0).into(),
                ..shared
            };
            let grid = kernel.grid(params.rows.into(), params.inner.into(), 1);
            let d_input = match chunk.layer.checked_sub(1) {
                None => BackwardRole::DX,
                Some(below) => BackwardRole::DBetween(below % 2),
            };
            let mut roles = vec![self.layer_weights(chunk.layer), BackwardRole::Gates, d_input];
            roles.extend(has_lengths.then_some(BackwardRole::Lengths));
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
