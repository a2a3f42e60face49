use ndarray::{Array, Array1, Array2};

use super::*;
use crate::problem::{Direction, LayerSizes};
use crate::weights::LayerWeights;

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
            Cell::Lstm => weights.with_peepholes(Array2::from_shape_simple_fn((3, h), &mut next)),
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
        let bytes = pack_weights(&weights, WeightFormat::F32);
        let mut packed: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
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
                        let word =
                            start + layout.w_ih(l, d) + k as u64 * layout.row_words() + unit as u64;
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

/// Each matrix and bias in each format, read as a kernel reads them.
#[test]
fn every_format_holds_the_rounded_weights() {
    let two = |cell| LayerSizes::new(cell, 3, 5).with_direction(Direction::Bidirectional);
    let projected = LayerSizes::new(Cell::Lstm, 3, 7).with_layers(2).with_proj_size(5);
    let gru = Cell::Gru { reset_after: true };
    for sizes in [projected, two(Cell::Lstm), two(gru), two(Cell::Rnn)] {
        for format in WeightFormat::ALL {
            let weights = numbered(sizes);
            let layout = WeightLayout::of(sizes, format);
            let packed = Read { layout: &layout, format, bytes: pack_weights(&weights, format) };
            assert_eq!(packed.bytes.len() as u64, layout.bytes());
            for (l, d, source) in weights.rounded(format).unwrap().directions() {
                packed.check(layout.section(l).0, (l, d), source, sizes);
            }
        }
    }
}

struct Read<'a> {
    layout: &'a WeightLayout,
    format: WeightFormat,
    bytes: Vec<u8>,
}

impl Read<'_> {
    fn check(&self, start: u64, (l, d): (usize, usize), source: &LayerWeights, sizes: LayerSizes) {
        let (layout, h) = (self.layout, sizes.hidden_size);
        let (input, recurrent) = expected_lanes(sizes.cell);
        let matrices = [
            (layout.w_ih(l, d), &source.w_ih, input),
            (layout.w_hh(l, d), &source.w_hh, recurrent),
        ];
        for (first, matrix, lanes) in matrices {
            for ((row, k), value) in matrix.indexed_iter() {
                let column = (row % h, lanes[row / h]);
                assert_eq!(self.weight(start + first, layout.row_words(), k, column), *value);
            }
        }
        for ((p, k), value) in source.w_hr.iter().flat_map(|w_hr| w_hr.indexed_iter()) {
            let first = start + layout.w_hr(l, d);
            assert_eq!(self.weight(first, layout.projection_words(), k, (p / 4, p % 4)), *value);
        }
        let [b_ih, b_hh] = [&source.b_ih, &source.b_hh].map(|bias| bias.as_ref().unwrap());
        let is_shared = input[0] == recurrent[0];
        let bias = b_ih[h - 1] + if is_shared { b_hh[h - 1] } else { 0.0 };
        assert_eq!(self.full(start + layout.bias(l, d), (h - 1, input[0])), bias);
        if let Some(peepholes) = &source.peepholes {
            assert_eq!(self.full(start + layout.peepholes(l, d), (2, 3)), peepholes[[2, 2]]);
        }
    }

    fn full(&self, row: u64, (word, lane): (usize, usize)) -> f32 {
        let column = word as u64 * self.layout.lanes() + lane as u64;
        let at = (row * self.layout.word_bytes() + 4 * column) as usize;
        bytemuck::pod_read_unaligned(&self.bytes[at..at + 4])
    }

    fn weight(&self, first: u64, row_words: u64, k: usize, (word, lane): (usize, usize)) -> f32 {
        let index = first + k as u64 * row_words + word as u64;
        let lane_at = index * self.layout.lanes() + lane as u64;
        let element = &self.bytes[(lane_at * self.format.element_bytes()) as usize..];
        match self.format {
            WeightFormat::F32 => bytemuck::pod_read_unaligned(&element[..4]),
            WeightFormat::F16 => half::f16::from_le_bytes([element[0], element[1]]).to_f32(),
            WeightFormat::Int8 => {
                let scale = self.full(first - 4 * row_words, (word, lane));
                f32::from(element[0] as i8) * scale
            }
        }
    }
}

#[test]
fn linear_columns_are_grouped_by_four() {
    let weight = Array::from_shape_fn((6, 3), |(o, k)| (10 * o + k + 1) as f32);
    let bias = Array::from_shape_fn(6, |o| 100.0 + o as f32);
    let bytes = pack_linear(weight.view(), Some(bias.view()));
    let packed: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
    assert_eq!(packed.len(), 4 * 4 * 2);
    assert_eq!(packed[4..8], [104.0, 105.0, 0.0, 0.0]);
    assert_eq!(packed[(1 + 2) * 8..][..4], [3.0, 13.0, 23.0, 33.0]);
}
