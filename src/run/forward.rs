//! The program of a forward run.

use super::program::{Chunk, Dispatch, Places, Program, Strides};
use crate::cell::CellOptions;
use crate::kernels::recurrence::NONE;
use crate::kernels::{Gather, GatherParams, Kernel, MatmulParams, Phases, RecurrenceParams, Slice};
use crate::plan::{Plan, Schedule, exchange_elements};
use crate::problem::{InputKind, Problem};

/// What a binding shows to a kernel. Offsets and sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Weights {
        offset: u64,
        size: u64,
    },
    /// The caller's x, or what stands for it: projected rows, or token ids.
    X,
    /// The projected rows that token ids pick.
    Table,
    /// The caller's y.
    Y,
    /// The projected input of a chunk.
    XProj,
    /// The output of a layer on the way to the next. Two take turns, but in a run that keeps them all.
    Between(usize),
    State,
    /// The length of each batch row.
    Lengths,
    /// Which slot of a pool each batch row is.
    Slots,
}

struct Builder<'a> {
    plan: &'a Plan,
    places: Places<'a>,
    params_alignment: u32,
    phase: u32,
    program: Program,
}

impl Program {
    /// `phase`: the half of the h ring that holds h0. Grids and offsets fit in 32 bits: the plan has checked them
    /// against the device's limits.
    pub fn new(plan: &Plan, options: &CellOptions, params_alignment: u32, phase: u32) -> Self {
        let places = Places::new(&plan.problem, options);
        let program = Program::empty();
        let mut builder = Builder { plan, places, params_alignment, phase, program };
        let steps = match plan.schedule {
            Schedule::Stepwise => builder.layer_by_layer(Builder::steps),
            Schedule::SequenceFused => {
                builder.layer_by_layer(Builder::sequence);
                0
            }
            Schedule::Wavefront => builder.wavefront(),
        };
        builder.program.final_half = (u64::from(phase) + steps) % 2;
        builder.program
    }
}

impl Builder<'_> {
    /// Each layer after the one below; per chunk the projection, then the recurrence. Returns the steps of a layer.
    fn layer_by_layer(&mut self, recurrence: fn(&mut Self, &Chunk)) -> u64 {
        let problem = self.plan.problem;
        for layer in 0..problem.sizes.num_layers {
            for chunk in self.places.chunks(layer, self.plan.chunk) {
                match problem.input {
                    InputKind::Features if !self.plan.is_hoisted() => {}
                    InputKind::Projected | InputKind::Tokens { .. } if layer == 0 => {
                        self.gather(&chunk);
                    }
                    _ => self.project(&chunk),
                }
                recurrence(self, &chunk);
            }
        }
        problem.seq_len as u64
    }

    fn project(&mut self, chunk: &Chunk) {
        let Problem { sizes, batch, seq_len, .. } = self.plan.problem;
        let (source, strides) = self.input_of(chunk.layer);
        let directions = sizes.num_directions();
        let rows = chunk.num_steps * batch;
        let columns = self.places.groups(self.places.layout.row_words());
        let params = MatmulParams {
            rows: rows as u32,
            inner: sizes.layer_input_size(chunk.layer) as u32,
            columns: columns as u32,
            features: 4 * columns as u32,
            batch: batch as u32,
            first_step: chunk.first_step as u32,
            seq_len: seq_len as u32,
            a_first: 0,
            stride_t: strides.t,
            stride_b: strides.b,
            stride_z: 0,
            bias: 0,
            weights: self.places.groups(self.places.layout.w_ih(chunk.layer, 0)) as u32,
            weights_stride: self.places.groups(self.places.layout.bias(chunk.layer, 1)) as u32,
            reverse: self.places.reverse_bits(),
            num_slices: directions as u32,
            ..Default::default()
        };
        let projection = self.plan.projection;
        let grid = projection.grid(rows as u64, columns, directions as u64);
        let kernel = Kernel::Matmul(projection);
        let roles = self.roles([self.layer_weights(chunk.layer), source, Role::XProj]);
        self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
    }

    /// The first layer's x_proj from rows that are projected already.
    fn gather(&mut self, chunk: &Chunk) {
        let Problem { sizes, batch, seq_len, has_lengths, input, .. } = self.plan.problem;
        let lanes = self.places.layout.lanes();
        let row_size = self.places.layout.row_words() * lanes;
        let rows = chunk.num_steps * batch;
        let directions = sizes.num_directions();
        let strides = self.places.strides(1);
        let table_rows = match input {
            InputKind::Tokens { vocabulary } => vocabulary,
            _ => seq_len * batch,
        };
        let params = GatherParams {
            rows: rows as u32,
            batch: batch as u32,
            first_step: chunk.first_step as u32,
            seq_len: seq_len as u32,
            stride_t: strides.t,
            stride_b: strides.b,
            table_rows: table_rows as u32,
            hidden_size: sizes.hidden_size as u32,
            gates: sizes.cell.num_gates() as u32,
            lanes: lanes as u32,
            row_size: row_size as u32,
            bias: 0,
            bias_stride: (self.places.layout.bias(0, 1) * self.places.layout.word_bytes() / 4)
                as u32,
            reverse: self.places.reverse_bits(),
            num_slices: directions as u32,
        };
        let is_by_token = matches!(input, InputKind::Tokens { .. });
        let weights = self.layer_weights(0);
        let roles = match is_by_token {
            true => self.roles([weights, Role::Table, Role::XProj, Role::X]),
            false => self.roles([weights, Role::X, Role::XProj]),
        };
        let grid = Gather::grid(rows as u64, row_size, directions as u64);
        let kernel = Kernel::Gather(Gather { is_by_token, has_lengths });
        self.push(kernel, grid, roles, bytemuck::bytes_of(&params));
    }

    fn steps(&mut self, chunk: &Chunk) {
        self.recur(chunk, chunk.num_steps as u32);
    }

    fn sequence(&mut self, chunk: &Chunk) {
        self.recur(chunk, 1);
    }

    /// One layer's recurrence over a chunk, both directions as slices.
    fn recur(&mut self, chunk: &Chunk, repeat: u32) {
        let sizes = self.plan.problem.sizes;
        let (source, input) = self.input_of(chunk.layer);
        let (target, output) = self.output_of(chunk.layer);
        let mut params = self.params(chunk.first_step, chunk.num_steps, input, output);
        for direction in 0..sizes.num_directions() {
            let peepholes = self.places.layout.peepholes(chunk.layer, direction) as u32;
            params.slices[direction] = Slice {
                bias: self.places.layout.bias(chunk.layer, direction) as u32,
                w_ih: self.places.layout.w_ih(chunk.layer, direction) as u32,
                w_hh: self.places.layout.w_hh(chunk.layer, direction) as u32,
                input_size: sizes.layer_input_size(chunk.layer) as u32,
                w_hr: self.places.layout.w_hr(chunk.layer, direction) as u32,
                h: self.h_of(chunk.layer, direction),
                c: self.c_of(chunk.layer, direction),
                exchange: self.exchange_of(direction),
                below: NONE,
                delay: 0,
                reverse: sizes.is_reverse(direction).into(),
                output: (direction * sizes.recurrent_size()) as u32,
                choice: self.places.choice(direction, peepholes),
            };
        }
        params.num_slices = sizes.num_directions() as u32;
        let source = if self.plan.is_hoisted() { Role::XProj } else { source };
        let roles = self.roles([self.layer_weights(chunk.layer), source, Role::State, target]);
        self.push_recurrence(roles, &params, repeat);
    }

    /// All layers as slices, each a dispatch behind the one below. Returns the dispatches.
    fn wavefront(&mut self) -> u64 {
        let problem = self.plan.problem;
        let sizes = problem.sizes;
        let (source, input) = self.input_of(0);
        let (target, output) = self.output_of(sizes.num_layers - 1);
        let waves = problem.seq_len + sizes.num_layers - 1;
        for first in (0..waves).step_by(self.plan.chunk) {
            let num_steps = self.plan.chunk.min(waves - first);
            let mut params = self.params(first, num_steps, input, output);
            params.num_slices = sizes.num_layers as u32;
            for layer in 0..sizes.num_layers {
                let section = self.places.layout.section(layer).0;
                let is_last = layer + 1 == sizes.num_layers;
                params.slices[layer] = Slice {
                    bias: (section + self.places.layout.bias(layer, 0)) as u32,
                    w_ih: (section + self.places.layout.w_ih(layer, 0)) as u32,
                    w_hh: (section + self.places.layout.w_hh(layer, 0)) as u32,
                    input_size: sizes.layer_input_size(layer) as u32,
                    w_hr: NONE,
                    h: self.h_of(layer, 0),
                    c: self.c_of(layer, 0),
                    exchange: NONE,
                    below: layer.checked_sub(1).map_or(NONE, |below| self.h_of(below, 0)),
                    delay: layer as u32,
                    reverse: 0,
                    output: if is_last { 0 } else { NONE },
                    choice: self
                        .places
                        .choice(0, (section + self.places.layout.peepholes(layer, 0)) as u32),
                };
            }
            let weights = Role::Weights { offset: 0, size: self.places.layout.bytes() };
            let roles = self.roles([weights, source, Role::State, target]);
            self.push_recurrence(roles, &params, num_steps as u32);
        }
        waves as u64
    }

    fn params(
        &self,
        first_step: usize,
        num_steps: usize,
        input: Strides,
        output: Strides,
    ) -> RecurrenceParams {
        let problem = &self.plan.problem;
        RecurrenceParams {
            hidden_size: problem.sizes.hidden_size as u32,
            recurrent_size: problem.sizes.recurrent_size() as u32,
            row_words: self.places.layout.row_words() as u32,
            batch: problem.batch as u32,
            seq_len: problem.seq_len as u32,
            first_step: first_step as u32,
            num_steps: num_steps as u32,
            phase: self.phase,
            state_size: problem.h_shape().iter().product::<usize>() as u32,
            exchange_size: exchange_elements(problem) as u32,
            input_stride_t: input.t,
            input_stride_b: input.b,
            output_stride_t: output.t,
            output_stride_b: output.b,
            ..Default::default()
        }
    }

    /// The roles of a kernel's bindings, and the lengths or the slots where there are any.
    fn roles<const N: usize>(&self, roles: [Role; N]) -> Vec<Role> {
        let lengths = self.plan.problem.has_lengths.then_some(Role::Lengths);
        let slots = self.plan.problem.is_pooled.then_some(Role::Slots);
        roles.into_iter().chain(lengths).chain(slots).collect()
    }

    fn recurrence_grid(&self, kernel: Kernel, slices: u32) -> [u64; 3] {
        let Problem { sizes, batch, .. } = &self.plan.problem;
        match kernel {
            Kernel::Step(kernel) => kernel.grid(sizes, *batch as u64, slices.into()),
            Kernel::Sequence(kernel) => kernel.grid(*batch as u64, slices.into()),
            // Not kernels of a recurrence.
            _ => [0; 3],
        }
    }

    fn layer_weights(&self, layer: usize) -> Role {
        let (offset, size) = self.places.layer_weights(layer);
        Role::Weights { offset, size }
    }

    fn input_of(&self, layer: usize) -> (Role, Strides) {
        let role = layer.checked_sub(1).map_or(Role::X, |below| self.between(below));
        (role, self.places.input_strides(layer))
    }

    fn output_of(&self, layer: usize) -> (Role, Strides) {
        let is_last = layer + 1 == self.plan.problem.sizes.num_layers;
        let role = if is_last { Role::Y } else { self.between(layer) };
        (role, self.places.output_strides())
    }

    fn between(&self, layer: usize) -> Role {
        Role::Between(if self.plan.problem.is_training { layer } else { layer % 2 })
    }

    fn h_of(&self, layer: usize, direction: usize) -> u32 {
        (self.places.rows_before(layer, direction) * self.plan.problem.sizes.recurrent_size())
            as u32
    }

    fn c_of(&self, layer: usize, direction: usize) -> u32 {
        let problem = &self.plan.problem;
        let ring = 2 * problem.h_shape().iter().product::<usize>();
        (ring + self.places.rows_before(layer, direction) * problem.sizes.hidden_size) as u32
    }

    /// Behind c, where the cell has it; all layers share it.
    fn exchange_of(&self, direction: usize) -> u32 {
        let Problem { sizes, .. } = self.plan.problem;
        let layers = if sizes.cell.has_c() { sizes.num_layers } else { 0 };
        self.c_of(layers, 0) + (self.places.rows_before(0, direction) * sizes.hidden_size) as u32
    }

    fn push_recurrence(&mut self, roles: Vec<Role>, params: &RecurrenceParams, repeat: u32) {
        let kernel = self.plan.kernel;
        let grid = self.recurrence_grid(kernel, params.num_slices);
        let second = match kernel {
            Kernel::Step(step) if step.cell.phases != Phases::Whole => {
                let second = Kernel::Step(step.second());
                let grid = self.recurrence_grid(second, params.num_slices);
                Some((second, grid.map(|side| side as u32)))
            }
            _ => None,
        };
        let dispatch = self.push(kernel, grid, roles, bytemuck::bytes_of(params));
        (dispatch.second, dispatch.repeat) = (second, repeat);
    }

    fn push(
        &mut self,
        kernel: Kernel,
        grid: [u64; 3],
        roles: Vec<Role>,
        params: &[u8],
    ) -> &mut Dispatch {
        self.program.push(self.params_alignment, kernel, grid, roles, params)
    }
}
