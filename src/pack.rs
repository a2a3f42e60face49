//! Canonical weights to the layout that the kernels read: pure functions on slices.
//!
//! The four gate weights that share (unit j, input k) lie side by side as one `vec4<f32>`, here called a *word*.
//! One direction of one layer is a matrix of words `[1 + I4 + H4][H]`: the bias row (`b_ih + b_hh`), the rows of
//! `w_ih`, then those of `w_hh`. I4 and H4 are the sizes rounded up to whole quads of k; the rows in excess are zero.

use ndarray::{ArrayView1, ArrayView2};

use crate::problem::LayerSizes;
use crate::weights::{LayerWeights, Weights};

/// Words of a section begin at a multiple of 256 bytes, the largest offset alignment that WebGPU allows a device.
const SECTION_WORDS: u64 = 256 / 16;

pub(crate) fn round_up(n: u64, multiple: u64) -> u64 {
    n.div_ceil(multiple) * multiple
}

/// Where the words of each layer and direction lie in the packed buffer: a section for each layer, one behind the
/// other. All layers above the first are of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightLayout {
    sizes: LayerSizes,
}

impl WeightLayout {
    pub fn new(sizes: LayerSizes) -> Self {
        WeightLayout { sizes }
    }

    /// The first word and the number of words of a layer, both directions.
    pub fn section(&self, layer: usize) -> (u64, u64) {
        let words = |layer| {
            let words = direction_words(&self.sizes, layer) * self.sizes.num_directions() as u64;
            round_up(words, SECTION_WORDS)
        };
        match layer.checked_sub(1) {
            None => (0, words(0)),
            Some(between) => (words(0) + between as u64 * words(1), words(1)),
        }
    }

    /// The first word of a direction's bias row, from the start of its layer's section.
    pub fn bias(&self, layer: usize, direction: usize) -> u64 {
        direction as u64 * direction_words(&self.sizes, layer)
    }

    /// The first word of a direction's `w_hh`, from the start of its layer's section.
    pub fn w_hh(&self, layer: usize, direction: usize) -> u64 {
        let rows = 1 + round_up(self.sizes.layer_input_size(layer) as u64, 4);
        self.bias(layer, direction) + rows * self.sizes.hidden_size as u64
    }

    /// Words in all.
    pub fn words(&self) -> u64 {
        self.section(self.sizes.num_layers).0
    }
}

fn direction_words(sizes: &LayerSizes, layer: usize) -> u64 {
    let rows = 1
        + round_up(sizes.layer_input_size(layer) as u64, 4)
        + round_up(sizes.hidden_size as u64, 4);
    rows * sizes.hidden_size as u64
}

/// All weights in one buffer, as [`WeightLayout`] says.
pub fn pack_weights(weights: &Weights) -> Vec<[f32; 4]> {
    let sizes = weights.sizes();
    let layout = WeightLayout::new(sizes);
    let mut words = vec![[0.0; 4]; layout.words() as usize];
    for (layer, direction, source) in weights.directions() {
        let start = layout.section(layer).0;
        let bias = (start + layout.bias(layer, direction)) as usize;
        let w_hh = (start + layout.w_hh(layer, direction)) as usize;
        let h = sizes.hidden_size;
        pack_bias(source, &mut words[bias..bias + h]);
        pack_gates(source.w_ih.view(), &mut words[bias + h..w_hh]);
        pack_gates(source.w_hh.view(), &mut words[w_hh..w_hh + h * h]);
    }
    words
}

/// `w`: `[4*H, K]`, words: `[K, H]` or longer.
fn pack_gates(w: ArrayView2<f32>, words: &mut [[f32; 4]]) {
    let h = w.nrows() / 4;
    for (row, values) in w.outer_iter().enumerate() {
        let (gate, unit) = (row / h, row % h);
        for (k, value) in values.iter().enumerate() {
            words[k * h + unit][gate] = *value;
        }
    }
}

fn pack_bias(source: &LayerWeights, words: &mut [[f32; 4]]) {
    let h = words.len();
    for bias in [&source.b_ih, &source.b_hh].into_iter().flatten() {
        for (row, value) in bias.iter().enumerate() {
            words[row % h][row / h] += *value;
        }
    }
}

/// A linear layer's `weight` `[out, in]` and `bias` `[out]` as words of four neighbouring outputs:
/// `[1 + in][out/4 rounded up]`, the bias row first.
pub fn pack_linear(weight: ArrayView2<f32>, bias: Option<ArrayView1<f32>>) -> Vec<[f32; 4]> {
    let (outputs, inputs) = weight.dim();
    let columns = outputs.div_ceil(4);
    let mut words = vec![[0.0; 4]; (1 + inputs) * columns];
    for (o, values) in weight.outer_iter().enumerate() {
        for (k, value) in values.iter().enumerate() {
            words[(1 + k) * columns + o / 4][o % 4] = *value;
        }
    }
    for (o, value) in bias.iter().flatten().enumerate() {
        words[o / 4][o % 4] = *value;
    }
    words
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Array1, Array2};

    use super::*;
    use crate::problem::Cell;

    /// Every element of every array has its own value, so that a misplaced one shows.
    fn numbered(sizes: LayerSizes) -> Weights {
        let mut next = 0.0;
        let mut number = |_| {
            next += 1.0;
            next
        };
        let h = sizes.hidden_size;
        let mut direction = |i| LayerWeights {
            w_ih: Array2::from_shape_simple_fn((4 * h, i), || number(())),
            w_hh: Array2::from_shape_simple_fn((4 * h, h), || number(())),
            b_ih: Some(Array1::from_shape_simple_fn(4 * h, || number(()))),
            b_hh: Some(Array1::from_shape_simple_fn(4 * h, || number(()))),
        };
        let layers = (0..sizes.num_layers)
            .map(|l| {
                (0..sizes.num_directions()).map(|_| direction(sizes.layer_input_size(l))).collect()
            })
            .collect();
        Weights::new(sizes.cell, layers).unwrap()
    }

    #[test]
    fn every_weight_lands_where_the_layout_says() {
        for (input_size, hidden_size, num_layers, bidirectional) in
            [(1, 1, 1, false), (3, 5, 2, true), (4, 8, 3, false), (17, 33, 2, true)]
        {
            let sizes =
                LayerSizes { cell: Cell::Lstm, input_size, hidden_size, num_layers, bidirectional };
            let weights = numbered(sizes);
            let layout = WeightLayout::new(sizes);
            let words = pack_weights(&weights);
            let h = hidden_size;
            let mut found = 0;
            for (l, d, source) in weights.directions() {
                let (start, _) = layout.section(l);
                assert_eq!(start * 16 % 256, 0);
                let bias = (start + layout.bias(l, d)) as usize;
                let w_hh = (start + layout.w_hh(l, d)) as usize;
                for gate in 0..4 {
                    for unit in 0..h {
                        let row = gate * h + unit;
                        let both =
                            source.b_ih.as_ref().unwrap()[row] + source.b_hh.as_ref().unwrap()[row];
                        assert_eq!(words[bias + unit][gate], both);
                        for k in 0..sizes.layer_input_size(l) {
                            let word = words[bias + (1 + k) * h + unit];
                            assert_eq!(word[gate], source.w_ih[[row, k]]);
                            found += 1;
                        }
                        for k in 0..h {
                            assert_eq!(words[w_hh + k * h + unit][gate], source.w_hh[[row, k]]);
                            found += 1;
                        }
                        found += 1;
                    }
                }
            }
            let nonzero = words.iter().flatten().filter(|value| **value != 0.0).count();
            assert_eq!(nonzero, found, "padding is zero");
        }
    }

    #[test]
    fn linear_columns_are_grouped_by_four() {
        let weight = Array::from_shape_fn((6, 3), |(o, k)| (10 * o + k + 1) as f32);
        let bias = Array::from_shape_fn(6, |o| 100.0 + o as f32);
        let words = pack_linear(weight.view(), Some(bias.view()));
        assert_eq!(words.len(), 4 * 2);
        assert_eq!(words[1], [104.0, 105.0, 0.0, 0.0]);
        assert_eq!(words[(1 + 2) * 2], [3.0, 13.0, 23.0, 33.0]);
    }
}
