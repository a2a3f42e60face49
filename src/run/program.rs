//! A plan written out as dispatches: pure data, made without a device.

use super::forward::Role;
use crate::cell::CellOptions;
use crate::kernels::{Choice, Kernel};
use crate::pack::{WeightLayout, round_up};
use crate::problem::Problem;

/// One kernel, launched once, or once for each tick of the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch<R = Role> {
    pub kernel: Kernel,
    pub grid: [u32; 3],
    /// The second phase of a step: a kernel of the same bindings, launched after each launch of the first.
    pub second: Option<(Kernel, [u32; 3])>,
    /// Storage bindings 1, 2, ...
    pub roles: Vec<R>,
    /// Where its parameters begin in [`Program::params`].
    pub params_offset: u32,
    /// Launches; more than one only for a kernel with a clock.
    pub repeat: u32,
}

/// All dispatches of a run, and their parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Program<R = Role> {
    pub dispatches: Vec<Dispatch<R>>,
    /// The parameters of all dispatches, each at an offset that a storage binding may have.
    pub params: Vec<u8>,
    /// The half of the h ring that holds h_n at the end.
    pub final_half: u64,
}

impl<R> Program<R> {
    pub(super) fn empty() -> Self {
        Program { dispatches: Vec::new(), params: Vec::new(), final_half: 0 }
    }

    /// Adds a dispatch; the params begin at a multiple of `params_alignment`.
    pub(super) fn push(
        &mut self,
        params_alignment: u32,
        kernel: Kernel,
        grid: [u64; 3],
        roles: Vec<R>,
        params: &[u8],
    ) -> &mut Dispatch<R> {
        let params_offset = self.params.len() as u32;
        self.params.extend_from_slice(params);
        let end = round_up(self.params.len() as u64, params_alignment.into());
        self.params.resize(end as usize, 0);
        let grid = grid.map(|side| side as u32);
        let at = self.dispatches.len();
        let dispatch = Dispatch { kernel, grid, second: None, roles, params_offset, repeat: 1 };
        self.dispatches.push(dispatch);
        &mut self.dispatches[at]
    }
}

/// Strides of x or y along time and batch, in elements.
#[derive(Clone, Copy)]
pub(super) struct Strides {
    pub t: u32,
    pub b: u32,
}

/// Some time steps of one layer.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    pub layer: usize,
    pub first_step: usize,
    pub num_steps: usize,
}

impl Chunk {
    /// The chunk in parts of at most `steps`, from the first on.
    pub fn ranges(self, steps: usize) -> impl Chunks {
        let end = self.first_step + self.num_steps;
        (0..self.num_steps.div_ceil(steps)).map(move |at| {
            let first_step = self.first_step + at * steps;
            Chunk { first_step, num_steps: steps.min(end - first_step), ..self }
        })
    }
}

/// Chunks that can be gone through either way.
pub(super) trait Chunks:
    DoubleEndedIterator<Item = Chunk> + ExactSizeIterator + Clone
{
}

impl<I: DoubleEndedIterator<Item = Chunk> + ExactSizeIterator + Clone> Chunks for I {}

/// Where the parts of a problem lie: what programs in either direction have in common.
pub(super) struct Places<'a> {
    pub problem: &'a Problem,
    pub options: &'a CellOptions,
    pub layout: WeightLayout,
}

impl<'a> Places<'a> {
    pub fn new(problem: &'a Problem, options: &'a CellOptions) -> Self {
        Places { problem, options, layout: WeightLayout::of(problem.sizes, problem.weight_format) }
    }

    /// Products take four columns as one: a unit's gates, or four units of an RNN.
    pub fn groups(&self, words: u64) -> u64 {
        words * self.layout.lanes() / 4
    }

    /// Bit d: direction d runs from the last time step to the first.
    pub fn reverse_bits(&self) -> u32 {
        let sizes = self.problem.sizes;
        (0..sizes.num_directions()).map(|d| u32::from(sizes.is_reverse(d)) << d).sum()
    }

    pub fn choice(&self, direction: usize, peepholes: u32) -> Choice {
        Choice::new(self.problem.sizes.cell, self.options, direction, peepholes)
    }

    /// Offset and size in bytes of a layer's weights.
    pub fn layer_weights(&self, layer: usize) -> (u64, u64) {
        let (first, words) = self.layout.section(layer);
        let bytes = self.layout.word_bytes();
        (bytes * first, bytes * words)
    }

    /// The rows of [L*D,B,..] before those of a layer and direction.
    pub fn rows_before(&self, layer: usize, direction: usize) -> usize {
        let Problem { sizes, batch, .. } = self.problem;
        (layer * sizes.num_directions() + direction) * batch
    }

    /// Between layers sequences lie as in y, so both ends have the caller's layout.
    pub fn strides(&self, features: usize) -> Strides {
        let Problem { seq_len, batch, batch_first, .. } = *self.problem;
        let (t, b) = if batch_first { (1, seq_len) } else { (batch, 1) };
        Strides { t: (t * features) as u32, b: (b * features) as u32 }
    }

    /// How the sequence lies that a layer reads.
    pub fn input_strides(&self, layer: usize) -> Strides {
        self.strides(self.problem.sizes.layer_input_size(layer))
    }

    /// How the sequence lies that a layer writes.
    pub fn output_strides(&self) -> Strides {
        self.strides(self.problem.sizes.output_size())
    }

    /// The chunks of a layer, from the first on.
    pub fn chunks(&self, layer: usize, steps: usize) -> impl Chunks + use<> {
        Chunk { layer, first_step: 0, num_steps: self.problem.seq_len }.ranges(steps)
    }
}
