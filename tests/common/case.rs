//! A run with seeded weights and inputs, and what it should give.

use std::sync::OnceLock;

use wgpu_rnn::ndarray::{Array3, ArrayD, Axis, Ix3};
use wgpu_rnn::reference::{self, Inputs, Outputs};
use wgpu_rnn::{Gpu, LayerConfig, LayerWeights, Lstm, LstmState, Options, Weights};

use super::Random;
use super::compare::{self, Comparison, compare};

/// The sizes of a run, with the letters that the documentation uses. The default is small and has no two sizes alike.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub t: usize,
    pub b: usize,
    pub i: usize,
    pub h: usize,
    pub l: usize,
    pub bidirectional: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { t: 7, b: 3, i: 4, h: 6, l: 1, bidirectional: false }
    }
}

/// Which biases there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    Both,
    InputOnly,
    HiddenOnly,
    None,
}

#[derive(Debug)]
pub struct Case {
    pub weights: Weights,
    /// `[T, B, I]`, whatever `batch_first` says.
    pub x: Array3<f32>,
    pub state: Option<LstmState>,
    pub batch_first: bool,
    expected: OnceLock<Outputs>,
}

impl Case {
    /// Seeded; from zero states, with both biases.
    pub fn new(seed: u64, shape: Shape) -> Self {
        let Shape { t, b, i, h, l, bidirectional } = shape;
        let mut random = Random::new(seed);
        let weights = random.weights(i, h, l, bidirectional);
        let x = random.array3([t, b, i]);
        Case { weights, x, state: None, batch_first: false, expected: OnceLock::new() }
    }

    /// The same from initial states.
    pub fn with_state(mut self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let shape = [self.weights.sizes().num_states(), self.x.dim().1, self.hidden_size()];
        let [h, c] = [(), ()].map(|()| random.array3(shape).into_dyn());
        self.state = Some(LstmState { h, c });
        self
    }

    pub fn with_bias(mut self, bias: Bias) -> Self {
        self.weights = edited(&self.weights, |layer| {
            layer.b_ih.take_if(|_| matches!(bias, Bias::HiddenOnly | Bias::None));
            layer.b_hh.take_if(|_| matches!(bias, Bias::InputOnly | Bias::None));
        });
        self
    }

    pub fn with_batch_first(mut self, batch_first: bool) -> Self {
        self.batch_first = batch_first;
        self
    }

    pub fn with_x(mut self, x: Array3<f32>) -> Self {
        self.x = x;
        self.expected = OnceLock::new();
        self
    }

    pub fn hidden_size(&self) -> usize {
        self.weights.sizes().hidden_size
    }

    /// x in the layout that the layer takes.
    pub fn laid_out(&self) -> Array3<f32> {
        let mut x = self.x.clone();
        if self.batch_first {
            x.swap_axes(0, 1);
        }
        x
    }

    /// What the reference says, computed at the first call.
    pub fn expected(&self) -> &Outputs {
        self.expected.get_or_init(|| reference_of(&self.weights, self.x.clone(), &self.state))
    }

    pub fn lstm(&self, gpu: &Gpu, options: Options) -> wgpu_rnn::Result<Lstm> {
        Lstm::new(gpu, &self.weights, LayerConfig { batch_first: self.batch_first, options })
    }

    /// y as `[T, B, D*H]`, and the final states.
    pub fn forward(&self, lstm: &Lstm) -> wgpu_rnn::Result<(Array3<f32>, LstmState)> {
        let (mut y, state) = lstm.forward(self.laid_out().view(), self.state.as_ref())?;
        if self.batch_first {
            y.swap_axes(0, 1);
        }
        Ok((y, state))
    }

    /// A new layer with these options, against the reference.
    pub fn check(&self, gpu: &Gpu, options: Options) -> Result<(), String> {
        let layer = self.lstm(gpu, options).map_err(|error| error.to_string())?;
        self.check_layer(&layer)
    }

    /// A layer that has these weights, against the reference.
    pub fn check_layer(&self, layer: &Lstm) -> Result<(), String> {
        let (y, state) = self.forward(layer).map_err(|error| error.to_string())?;
        self.verdict(&y, &state)
    }

    pub fn verdict(&self, y: &Array3<f32>, state: &LstmState) -> Result<(), String> {
        verdict(y, state, self.expected())
    }
}

/// y and both states against what the reference says.
pub fn verdict(y: &Array3<f32>, state: &LstmState, expected: &Outputs) -> Result<(), String> {
    let y = y.as_standard_layout().into_owned().into_dyn();
    let comparisons: [Comparison; 3] = [
        compare("y", &y, &expected.y.clone().into_dyn(), compare::F32),
        compare("h_n", &state.h, &expected.h_n.clone().into_dyn(), compare::F32),
        compare("c_n", &state.c, &expected.c_n.clone().into_dyn(), compare::F32),
    ];
    comparisons.iter().try_for_each(Comparison::verdict)
}

pub fn reference_of(weights: &Weights, x: Array3<f32>, state: &Option<LstmState>) -> Outputs {
    let part = |array: &ArrayD<f32>| array.clone().into_dimensionality::<Ix3>().unwrap();
    let states = state.as_ref().map(|state| (part(&state.h), part(&state.c)));
    let (h0, c0) = states.as_ref().map(|(h, c)| (h.view(), c.view())).unzip();
    reference::forward(weights, &Inputs { h0, c0, ..Inputs::new(x.view()) })
}

/// Weights with each direction of each layer changed by `edit`.
pub fn edited(weights: &Weights, mut edit: impl FnMut(&mut LayerWeights)) -> Weights {
    let sizes = weights.sizes();
    let layers = (0..sizes.num_layers).map(|l| {
        let directions = (0..sizes.num_directions()).map(|d| {
            let mut layer = weights.layer(l, d).unwrap().clone();
            edit(&mut layer);
            layer
        });
        directions.collect()
    });
    let edited = Weights::new(sizes.cell, layers.collect()).unwrap();
    edited.with_options(*weights.options()).unwrap()
}

/// Whether two arrays are the same bit for bit, row by row of axis 1; a NaN equals itself.
pub fn same_bits(a: &Array3<f32>, b: &Array3<f32>, row: usize) -> bool {
    let [a, b] = [a, b].map(|array| array.index_axis(Axis(1), row));
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
