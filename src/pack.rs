//! Canonical weights to the layout that the kernels read: pure functions on slices.
//!
//! The gate weights that share (unit j, input k) lie side by side as one *word*: a `vec4<f32>` for LSTM (i, f, g, o) and
//! GRU (r, z, n_x, n_h), one `f32` for RNN. One direction of one layer is a matrix of words with the rows: bias, `w_ih`,
//! `w_hh`, peepholes (LSTM). The rows of `w_ih` and `w_hh` are padded to whole quads of k, the words of a row to whole
//! 16 bytes, with zeros.

use ndarray::{ArrayView1, ArrayView2};

use crate::cell::Cell;
use crate::problem::LayerSizes;
use crate::tensors::TensorKind;
use crate::weights::{LayerWeights, Weights};

/// Sections begin at a multiple of this, the largest offset alignment that WebGPU allows a device.
const SECTION_BYTES: u64 = 256;

pub(crate) fn round_up(n: u64, multiple: u64) -> u64 {
    n.div_ceil(multiple) * multiple
}

/// Which product a gate's weights belong to.
#[derive(Clone, Copy)]
enum Part {
    Input,
    Recurrent,
}

/// The f32 of a word.
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

/// Where the words of each layer and direction lie in the packed buffer: a section for each layer, one behind the
/// other. All layers above the first are of one size. Places are counted in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightLayout {
    sizes: LayerSizes,
}

impl WeightLayout {
    pub fn new(sizes: LayerSizes) -> Self {
        WeightLayout { sizes }
    }

    /// Bytes of a word.
    pub fn word_bytes(&self) -> u64 {
        4 * lanes(self.sizes.cell) as u64
    }

    /// Words from row to row.
    pub fn row_words(&self) -> u64 {
        round_up(self.sizes.hidden_size as u64, 16 / self.word_bytes())
    }

    /// The first word and the number of words of a layer, both directions.
    pub fn section(&self, layer: usize) -> (u64, u64) {
        let words = |layer| {
            let words = self.direction_words(layer) * self.sizes.num_directions() as u64;
            round_up(words, SECTION_BYTES / self.word_bytes())
        };
        match layer.checked_sub(1) {
            None => (0, words(0)),
            Some(between) => (words(0) + between as u64 * words(1), words(1)),
        }
    }

    /// A direction's bias row, from the start of its layer's section; `w_ih` follows.
    pub fn bias(&self, layer: usize, direction: usize) -> u64 {
        direction as u64 * self.direction_words(layer)
    }

    /// The first row of a direction's `w_hh`, from the start of its layer's section.
    pub fn w_hh(&self, layer: usize, direction: usize) -> u64 {
        let rows = 1 + round_up(self.sizes.layer_input_size(layer) as u64, 4);
        self.bias(layer, direction) + rows * self.row_words()
    }

    /// A direction's row of peephole weights, from the start of its layer's section.
    pub fn peepholes(&self, layer: usize, direction: usize) -> u64 {
        let rows = round_up(self.sizes.recurrent_size() as u64, 4);
        self.w_hh(layer, direction) + rows * self.row_words()
    }

    /// A direction's projection, from the start of its layer's section: `[H4][P4/4]` words of four outputs.
    pub fn w_hr(&self, layer: usize, direction: usize) -> u64 {
        self.peepholes(layer, direction) + self.row_words()
    }

    /// Where a tensor of a direction lies, from the start of its layer's section.
    pub fn place(&self, tensor: TensorKind, layer: usize, direction: usize) -> Place {
        let cell = self.sizes.cell;
        let unit_stride = lanes(cell) as u64;
        let (part, first) = match tensor {
            TensorKind::WeightIh => (Part::Input, self.bias(layer, direction) + self.row_words()),
            TensorKind::WeightHh => (Part::Recurrent, self.w_hh(layer, direction)),
            TensorKind::BiasIh => (Part::Input, self.bias(layer, direction)),
            TensorKind::BiasHh => (Part::Recurrent, self.bias(layer, direction)),
            TensorKind::Peepholes => {
                let first = unit_stride * self.peepholes(layer, direction);
                return Place { first, row_stride: 0, unit_stride, lanes: PEEPHOLE_LANES };
            }
            TensorKind::WeightHr => {
                let first = unit_stride * self.w_hr(layer, direction);
                let row_stride = round_up(self.sizes.proj_size as u64, 4);
                return Place { first, row_stride, unit_stride: 1, lanes: [0; 4] };
            }
        };
        let lane = |gate| if gate < cell.num_gates() { lane(cell, gate, part) } else { 0 };
        Place {
            first: unit_stride * first,
            row_stride: unit_stride * self.row_words(),
            unit_stride,
            lanes: [0, 1, 2, 3].map(|gate| lane(gate) as u32),
        }
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.section(self.sizes.num_layers).0 * self.word_bytes()
    }

    fn direction_words(&self, layer: usize) -> u64 {
        let rows = 1
            + round_up(self.sizes.layer_input_size(layer) as u64, 4)
            + round_up(self.sizes.recurrent_size() as u64, 4)
            + u64::from(self.sizes.cell == Cell::Lstm);
        let [h, p] = [self.sizes.hidden_size, self.sizes.proj_size].map(|n| n as u64);
        rows * self.row_words() + round_up(h, 4) * p.div_ceil(4)
    }
}

/// Where a tensor lies: element `[gate * H + unit, k]` is at
/// `first + k * row_stride + unit * unit_stride + lanes[gate]`, counted in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub first: u64,
    pub row_stride: u64,
    pub unit_stride: u64,
    pub lanes: [u32; 4],
}

/// All weights in one buffer, as [`WeightLayout`] says.
pub fn pack_weights(weights: &Weights) -> Vec<f32> {
    let layout = WeightLayout::new(weights.sizes());
    let cell = weights.sizes().cell;
    let mut packed = vec![0.0; (layout.bytes() / 4) as usize];
    for (layer, direction, source) in weights.directions() {
        let start = layout.section(layer).0;
        let rows = |first: u64| Rows {
            cell,
            first: (start + first) as usize,
            row_words: layout.row_words() as usize,
        };
        let bias = layout.bias(layer, direction);
        rows(bias).add_bias(source, &mut packed);
        rows(bias + layout.row_words()).put(source.w_ih.view(), Part::Input, &mut packed);
        let w_hh = rows(layout.w_hh(layer, direction));
        w_hh.put(source.w_hh.view(), Part::Recurrent, &mut packed);
        if let Some(peepholes) = &source.peepholes {
            rows(layout.peepholes(layer, direction)).put_peepholes(peepholes.view(), &mut packed);
        }
        if let Some(w_hr) = &source.w_hr {
            let first = (start + layout.w_hr(layer, direction)) as usize;
            put_columns(w_hr.view(), &mut packed[4 * first..]);
        }
    }
    packed
}

/// Rows of words in the packed buffer.
struct Rows {
    cell: Cell,
    /// The first word.
    first: usize,
    row_words: usize,
}

impl Rows {
    fn at(&self, k: usize, unit: usize, lane: usize) -> usize {
        (self.first + k * self.row_words + unit) * lanes(self.cell) + lane
    }

    /// `w`: `[G*H, K]`.
    fn put(&self, w: ArrayView2<'_, f32>, part: Part, packed: &mut [f32]) {
        let h = w.nrows() / self.cell.num_gates();
        for (row, values) in w.outer_iter().enumerate() {
            let lane = lane(self.cell, row / h, part);
            for (k, value) in values.iter().enumerate() {
                packed[self.at(k, row % h, lane)] = *value;
            }
        }
    }

    fn add_bias(&self, source: &LayerWeights, packed: &mut [f32]) {
        for (bias, part) in [(&source.b_ih, Part::Input), (&source.b_hh, Part::Recurrent)] {
            let Some(bias) = bias else { continue };
            let h = bias.len() / self.cell.num_gates();
            for (row, value) in bias.iter().enumerate() {
                packed[self.at(0, row % h, lane(self.cell, row / h, part))] += *value;
            }
        }
    }

    /// `peepholes`: `[3, H]` to the gates i, f and o.
    fn put_peepholes(&self, peepholes: ArrayView2<'_, f32>, packed: &mut [f32]) {
        for ((row, unit), value) in peepholes.indexed_iter() {
            packed[self.at(0, unit, PEEPHOLE_LANES[row] as usize)] = *value;
        }
    }
}

/// `w`: `[out, in]`, as words of four neighbouring outputs: `[in][out/4 rounded up]`.
fn put_columns(w: ArrayView2<'_, f32>, packed: &mut [f32]) {
    let outputs = 4 * w.nrows().div_ceil(4);
    for ((o, k), value) in w.indexed_iter() {
        packed[k * outputs + o] = *value;
    }
}

/// A linear layer's `weight` `[out, in]` and `bias` `[out]` as words of four neighbouring outputs:
/// `[1 + in][out/4 rounded up]`, the bias row first.
pub fn pack_linear(weight: ArrayView2<'_, f32>, bias: Option<ArrayView1<'_, f32>>) -> Vec<f32> {
    let (outputs, inputs) = weight.dim();
    let outputs = 4 * outputs.div_ceil(4);
    let mut packed = vec![0.0; (1 + inputs) * outputs];
    put_columns(weight, &mut packed[outputs..]);
    for (o, value) in bias.iter().flatten().enumerate() {
        packed[o] = *value;
    }
    packed
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Array1, Array2};

    use super::*;
    use crate::problem::Direction;

    /// Every element of every array has its own value, so that a misplaced one shows.
    fn numbered(sizes: LayerSizes) -> Weights {
        let mut last = 0.0;
        let mut next = || {
            last += 1.0;
            last
        };
        let h = sizes.hidden_size;
        let rows = sizes.cell.num_gates() * h;
        let mut direction = |i| {
            let w_ih = Array2::from_shape_simple_fn((rows, i), &mut next);
            let w_hh = Array2::from_shape_simple_fn((rows, sizes.recurrent_size()), &mut next);
            let b_ih = Array1::from_shape_simple_fn(rows, &mut next);
            let b_hh = Array1::from_shape_simple_fn(rows, &mut next);
            let weights = LayerWeights::new(w_ih, w_hh).with_bias(Some(b_ih), Some(b_hh));
            let weights = match sizes.cell {
                Cell::Lstm => {
                    weights.with_peepholes(Array2::from_shape_simple_fn((3, h), &mut next))
                }
                _ => weights,
            };
            match sizes.proj_size {
                0 => weights,
                p => weights.with_projection(Array2::from_shape_simple_fn((p, h), &mut next)),
            }
        };
        let layers = (0..sizes.num_layers)
            .map(|l| {
                (0..sizes.num_directions()).map(|_| direction(sizes.layer_input_size(l))).collect()
            })
            .collect();
        Weights::new(sizes.cell, layers).unwrap()
    }

    /// The lanes of each gate: of w_ih and b_ih, and of w_hh and b_hh.
    fn expected_lanes(cell: Cell) -> (&'static [usize], &'static [usize]) {
        match cell {
            Cell::Lstm => (&[0, 1, 2, 3], &[0, 1, 2, 3]),
            Cell::Gru { .. } => (&[0, 1, 2], &[0, 1, 3]),
            Cell::Rnn => (&[0], &[0]),
        }
    }

    #[test]
    fn every_weight_lands_where_the_layout_says() {
        let cells = [Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Rnn];
        let all_sizes = cells.into_iter().flat_map(|cell| {
            [
                LayerSizes::new(cell, 1, 1),
                LayerSizes::new(cell, 3, 5).with_layers(2).with_direction(Direction::Bidirectional),
                LayerSizes::new(cell, 4, 8).with_layers(3),
            ]
        });
        let projected = LayerSizes::new(Cell::Lstm, 3, 7).with_layers(2).with_proj_size(5);
        for sizes in all_sizes.chain([projected]) {
            let LayerSizes { cell, hidden_size, .. } = sizes;
            let weights = numbered(sizes);
            let layout = WeightLayout::new(sizes);
            let mut packed = pack_weights(&weights);
            let (input_lanes, recurrent_lanes) = expected_lanes(cell);
            let lanes = if cell == Cell::Rnn { 1 } else { 4 };
            // Takes an element out of the packed weights, so that what is left at the end is padding.
            let mut take =
                |word: u64, lane: usize| std::mem::take(&mut packed[word as usize * lanes + lane]);
            for (l, d, source) in weights.directions() {
                let start = layout.section(l).0;
                assert_eq!(start * layout.word_bytes() % 256, 0);
                let bias = start + layout.bias(l, d);
                let w_hh = start + layout.w_hh(l, d);
                for gate in 0..cell.num_gates() {
                    for unit in 0..hidden_size {
                        let row = gate * hidden_size + unit;
                        let (input, recurrent) = (input_lanes[gate], recurrent_lanes[gate]);
                        let b_ih = source.b_ih.as_ref().unwrap()[row];
                        let b_hh = source.b_hh.as_ref().unwrap()[row];
                        if input == recurrent {
                            assert_eq!(take(bias + unit as u64, input), b_ih + b_hh);
                        } else {
                            assert_eq!(take(bias + unit as u64, input), b_ih);
                            assert_eq!(take(bias + unit as u64, recurrent), b_hh);
                        }
                        for k in 0..sizes.layer_input_size(l) {
                            let word = bias + (1 + k as u64) * layout.row_words() + unit as u64;
                            assert_eq!(take(word, input), source.w_ih[[row, k]]);
                        }
                        for k in 0..sizes.recurrent_size() {
                            let word = w_hh + k as u64 * layout.row_words() + unit as u64;
                            assert_eq!(take(word, recurrent), source.w_hh[[row, k]]);
                        }
                    }
                }
                for ((row, unit), value) in source.peepholes.iter().flat_map(|p| p.indexed_iter()) {
                    let word = start + layout.peepholes(l, d) + unit as u64;
                    assert_eq!(take(word, [0, 1, 3][row]), *value);
                }
                let words = sizes.proj_size.div_ceil(4);
                for ((p, k), value) in source.w_hr.iter().flat_map(|w_hr| w_hr.indexed_iter()) {
                    let word = start + layout.w_hr(l, d) + (k * words + p / 4) as u64;
                    assert_eq!(take(word, p % 4), *value);
                }
            }
            assert!(packed.iter().all(|value| *value == 0.0), "padding is zero");
        }
    }

    #[test]
    fn linear_columns_are_grouped_by_four() {
        let weight = Array::from_shape_fn((6, 3), |(o, k)| (10 * o + k + 1) as f32);
        let bias = Array::from_shape_fn(6, |o| 100.0 + o as f32);
        let packed = pack_linear(weight.view(), Some(bias.view()));
        assert_eq!(packed.len(), 4 * 4 * 2);
        assert_eq!(packed[4..8], [104.0, 105.0, 0.0, 0.0]);
        assert_eq!(packed[(1 + 2) * 8..][..4], [3.0, 13.0, 23.0, 33.0]);
    }
}
