//! Canonical weights to the layout that the kernels read: pure functions on slices.
//!
//! The gate weights that share (unit j, input k) lie side by side as one *word*: a `vec4<f32>` for LSTM (i, f, g, o) and
//! GRU (r, z, n_x, n_h), one `f32` for RNN. One direction of one layer is a matrix of words with the rows: bias, `w_ih`,
//! `w_hh`, peepholes (LSTM). The rows of `w_ih` and `w_hh` are padded to whole quads of k, the elements of a row to whole
//! quads, with zeros. In a narrower [`WeightFormat`] the words of the matrices are smaller; those of biases, peepholes and
//! scales stay f32.

mod layout;
#[cfg(test)]
mod tests;

pub use layout::{Place, WeightLayout};

use ndarray::{ArrayView1, ArrayView2};

use crate::cell::Cell;
use crate::format::WeightFormat;
use crate::weights::Weights;

pub(crate) fn round_up(n: u64, multiple: u64) -> u64 {
    n.div_ceil(multiple) * multiple
}

/// Which product a gate's weights belong to.
#[derive(Clone, Copy)]
enum Part {
    Input,
    Recurrent,
}

/// The elements of a word.
fn lanes(cell: Cell) -> usize {
    match cell {
        Cell::Lstm | Cell::Gru { .. } => 4,
        Cell::Rnn => 1,
    }
}

/// The place in a word of a gate, gates counted as PyTorch stacks them. The parts of a GRU's candidate stay apart.
fn lane(cell: Cell, gate: usize, part: Part) -> usize {
    match (cell, gate, part) {
        (Cell::Gru { .. }, 2, Part::Recurrent) => 3,
        _ => gate,
    }
}

/// The lanes of the peephole weights, which go to the gates i, f and o.
const PEEPHOLE_LANES: [u32; 4] = [0, 1, 3, 0];

/// All weights in one buffer, as [`WeightLayout`] says. The format can hold them.
pub fn pack_weights(weights: &Weights, format: WeightFormat) -> Vec<u8> {
    let layout = WeightLayout::of(weights.sizes(), format);
    let cell = weights.sizes().cell;
    let mut packed = Packed { format, lanes: lanes(cell), bytes: vec![0; layout.bytes() as usize] };
    for (layer, direction, source) in weights.directions() {
        let at = |place: u64| (layout.section(layer).0 + place) as usize;
        let row_words = layout.row_words() as usize;
        let h = weights.sizes().hidden_size;
        let column = |row: usize, part| (row % h, lane(cell, row / h, part));
        for (bias, part) in [(&source.b_ih, Part::Input), (&source.b_hh, Part::Recurrent)] {
            for (row, value) in bias.iter().flatten().enumerate() {
                packed.add_full(at(layout.bias(layer, direction)), column(row, part), *value);
            }
        }
        let (w_ih, w_hh) = (at(layout.w_ih(layer, direction)), at(layout.w_hh(layer, direction)));
        packed.put(w_ih, row_words, source.w_ih.view(), |row| column(row, Part::Input));
        packed.put(w_hh, row_words, source.w_hh.view(), |row| column(row, Part::Recurrent));
        for ((row, unit), value) in source.peepholes.iter().flat_map(|p| p.indexed_iter()) {
            let column = (unit, PEEPHOLE_LANES[row] as usize);
            packed.add_full(at(layout.peepholes(layer, direction)), column, *value);
        }
        if let Some(w_hr) = &source.w_hr {
            let words = layout.projection_words() as usize;
            packed.put(at(layout.w_hr(layer, direction)), words, w_hr.view(), quad_of);
        }
    }
    packed.bytes
}

/// A linear layer's `weight` `[out, in]` and `bias` `[out]` as words of four neighbouring outputs:
/// `[1 + in][out/4 rounded up]` in f32, the bias row first.
pub fn pack_linear(weight: ArrayView2<'_, f32>, bias: Option<ArrayView1<'_, f32>>) -> Vec<u8> {
    let (outputs, inputs) = weight.dim();
    let words = outputs.div_ceil(4);
    let bytes = vec![0; 16 * (1 + inputs) * words];
    let mut packed = Packed { format: WeightFormat::F32, lanes: 4, bytes };
    packed.put(words, words, weight, quad_of);
    for (output, value) in bias.iter().flatten().enumerate() {
        packed.add_full(0, quad_of(output), *value);
    }
    packed.bytes
}

/// The word and lane of an output, where words are of four outputs.
fn quad_of(output: usize) -> (usize, usize) {
    (output / 4, output % 4)
}

/// Words under construction.
struct Packed {
    format: WeightFormat,
    lanes: usize,
    bytes: Vec<u8>,
}

impl Packed {
    /// A matrix `[columns, K]` as rows `[K][row_words]` from word `first` on, its scales before it.
    fn put(
        &mut self,
        first: usize,
        row_words: usize,
        matrix: ArrayView2<'_, f32>,
        column_of: impl Fn(usize) -> (usize, usize),
    ) {
        let size = self.format.element_bytes() as usize;
        for (row, values) in matrix.outer_iter().enumerate() {
            let (word, lane) = column_of(row);
            let scale = self.format.scale(values);
            if self.format.has_scales() {
                let scales = first - self.format.full_words() as usize * row_words;
                self.add_full(scales, (word, lane), scale);
            }
            for (k, value) in values.iter().enumerate() {
                let at = size * ((first + k * row_words + word) * self.lanes + lane);
                self.format.encode(*value, scale, &mut self.bytes[at..at + size]);
            }
        }
    }

    /// Adds to an element of a row in full precision that begins at word `first`.
    fn add_full(&mut self, first: usize, (word, lane): (usize, usize), value: f32) {
        let row = self.format.element_bytes() as usize * first * self.lanes;
        let at = row + 4 * (word * self.lanes + lane);
        let element = &mut self.bytes[at..at + 4];
        let sum = value + bytemuck::pod_read_unaligned::<f32>(element);
        element.copy_from_slice(&sum.to_le_bytes());
    }
}
