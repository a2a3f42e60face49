//! What the tests on a GPU share: the adapters, the fixtures, and the comparison.

#![allow(dead_code, reason = "each test binary uses a part")]

pub mod compare;
pub mod fixture;
pub mod trials;

use wgpu_rnn::ndarray::{Array1, Array2, Array3};
use wgpu_rnn::{Cell, LayerSizes, LayerWeights, Weights};

/// A generator of numbers in [-1, 1), the same for the same seed everywhere (xorshift64*, Vigna 2016).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        bits as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn array3(&mut self, shape: [usize; 3]) -> Array3<f32> {
        Array3::from_shape_simple_fn(shape, || self.next())
    }

    /// LSTM weights, uniform in ±1/sqrt(H) as PyTorch draws them.
    pub fn weights(
        &mut self,
        input_size: usize,
        hidden_size: usize,
        num_layers: usize,
        bidirectional: bool,
    ) -> Weights {
        let cell = Cell::Lstm;
        let sizes = LayerSizes { cell, input_size, hidden_size, num_layers, bidirectional };
        let scale = 1.0 / (hidden_size as f32).sqrt();
        let rows = 4 * hidden_size;
        let mut direction = |i| LayerWeights {
            w_ih: Array2::from_shape_simple_fn((rows, i), || scale * self.next()),
            w_hh: Array2::from_shape_simple_fn((rows, hidden_size), || scale * self.next()),
            b_ih: Some(Array1::from_shape_simple_fn(rows, || scale * self.next())),
            b_hh: Some(Array1::from_shape_simple_fn(rows, || scale * self.next())),
        };
        let mut layer =
            |l| (0..sizes.num_directions()).map(|_| direction(sizes.layer_input_size(l))).collect();
        Weights::new(cell, (0..num_layers).map(&mut layer).collect()).unwrap()
    }
}
