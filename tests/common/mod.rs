//! What the tests share: seeded cases, the fixtures, the comparison, and the trials on every adapter.

#![allow(dead_code, reason = "each test binary uses a part")]

pub mod case;
pub mod compare;
pub mod fixture;
pub mod gradients;
#[cfg(feature = "keras")]
pub mod keras;
pub mod trials;
pub mod variant;

use wgpu_rnn::ndarray::{Array1, Array2, Array3};
use wgpu_rnn::{Cell, Direction, LayerSizes, LayerWeights, Weights};

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

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.next() + 1.0) / 2.0 * n as f32) as usize % n
    }

    pub fn array3(&mut self, shape: [usize; 3]) -> Array3<f32> {
        Array3::from_shape_simple_fn(shape, || self.next())
    }

    pub fn array2(&mut self, shape: (usize, usize)) -> Array2<f32> {
        Array2::from_shape_simple_fn(shape, || self.next())
    }

    /// LSTM weights, uniform in ±1/sqrt(H) as PyTorch draws them.
    pub fn weights(
        &mut self,
        input_size: usize,
        hidden_size: usize,
        num_layers: usize,
        bidirectional: bool,
    ) -> Weights {
        let sizes = LayerSizes::new(Cell::Lstm, input_size, hidden_size)
            .with_layers(num_layers)
            .with_direction(Direction::of(bidirectional));
        self.weights_of(sizes)
    }

    /// Weights of any cell, uniform in ±1/sqrt(H).
    pub fn weights_of(&mut self, sizes: LayerSizes) -> Weights {
        let scale = 1.0 / (sizes.hidden_size as f32).sqrt();
        let rows = sizes.cell.num_gates() * sizes.hidden_size;
        let mut value = || scale * self.next();
        let mut direction = |i| {
            let w_ih = Array2::from_shape_simple_fn((rows, i), &mut value);
            let w_hh = Array2::from_shape_simple_fn((rows, sizes.recurrent_size()), &mut value);
            let [b_ih, b_hh] = [(); 2].map(|()| Array1::from_shape_simple_fn(rows, &mut value));
            let weights = LayerWeights::new(w_ih, w_hh).with_bias(Some(b_ih), Some(b_hh));
            match sizes.proj_size {
                0 => weights,
                p => {
                    let shape = (p, sizes.hidden_size);
                    weights.with_projection(Array2::from_shape_simple_fn(shape, &mut value))
                }
            }
        };
        let mut layer =
            |l| (0..sizes.num_directions()).map(|_| direction(sizes.layer_input_size(l))).collect();
        let layers = (0..sizes.num_layers).map(&mut layer).collect();
        case::directed(Weights::new(sizes.cell, layers).unwrap(), sizes.direction)
    }
}
