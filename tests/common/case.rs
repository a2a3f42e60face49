//! A run with seeded weights and inputs, and what it should give.

use std::sync::OnceLock;

use wgpu_rnn::ndarray::{Array2, Array3, ArrayD, Axis, Ix3, concatenate, s};
use wgpu_rnn::reference::{self, Inputs, Outputs};
use wgpu_rnn::{
    Cell, Direction, Gpu, GruKind, Kind, Layer, LayerConfig, LayerInput, LayerSizes, LayerWeights,
    Lstm, LstmKind, LstmState, Options, RnnKind, WeightFormat, Weights,
};

use super::Random;
use super::compare::{self, Comparison, compare};
use super::variant::Variant;

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

/// What a layer gets in place of x, which stays what it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Given {
    #[default]
    Features,
    /// Projected on the host.
    Projected,
    /// Ids of the rows of a projected table: one for each time step of each sequence, the last comes first.
    Tokens,
}

/// A run of any cell.
#[derive(Clone, Debug)]
pub struct Case {
    pub weights: Weights,
    /// `[T, B, I]`, whatever `batch_first` says.
    pub x: Array3<f32>,
    pub given: Given,
    /// A cell without c has zeros there.
    pub state: Option<LstmState>,
    pub lengths: Option<Vec<usize>>,
    pub batch_first: bool,
    /// How the layer holds the weights; the reference has them rounded alike.
    pub weight_format: WeightFormat,
    expected: OnceLock<Outputs>,
}

impl Case {
    /// An LSTM; seeded; from zero states, with both biases.
    pub fn new(seed: u64, shape: Shape) -> Self {
        Case::of(seed, &Variant::default(), shape)
    }

    /// The same with another cell.
    pub fn of(seed: u64, variant: &Variant, shape: Shape) -> Self {
        let Shape { t, b, i, h, l, bidirectional } = shape;
        let sizes = LayerSizes::new(variant.cell, i, h)
            .with_layers(l)
            .with_direction(Direction::of(bidirectional))
            .with_proj_size(if variant.is_projected { h * 2 / 3 } else { 0 });
        Case::from_sizes(seed, variant, sizes, [t, b])
    }

    /// The same with sizes of its own: T and B.
    pub fn from_sizes(seed: u64, variant: &Variant, sizes: LayerSizes, [t, b]: [usize; 2]) -> Self {
        let mut random = Random::new(seed);
        let mut weights = random.weights_of(sizes);
        let x = random.array3([t, b, sizes.input_size]);
        if variant.has_peepholes {
            let shape = (3, sizes.hidden_size);
            weights = edited(&weights, |layer| layer.peepholes = Some(random.array2(shape)));
        }
        let weights = weights.with_options(variant.options).unwrap();
        Case {
            weights,
            x,
            given: Given::Features,
            state: None,
            lengths: None,
            batch_first: false,
            weight_format: WeightFormat::F32,
            expected: OnceLock::new(),
        }
    }

    /// The same but for what `edit` changes.
    pub fn but(&self, edit: impl FnOnce(&mut Case)) -> Self {
        let mut case = Case { expected: OnceLock::new(), ..self.clone() };
        edit(&mut case);
        case
    }

    /// The same from initial states.
    pub fn with_state(self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (sizes, b) = (self.weights.sizes(), self.x.dim().1);
        let [h, mut c] = [sizes.recurrent_size(), sizes.hidden_size]
            .map(|features| random.array3([sizes.num_states(), b, features]).into_dyn());
        if !sizes.cell.has_c() {
            c.fill(0.0);
        }
        self.but(|case| case.state = Some(LstmState { h, c }))
    }

    pub fn with_bias(self, bias: Bias) -> Self {
        let weights = edited(&self.weights, |layer| {
            layer.b_ih.take_if(|_| matches!(bias, Bias::HiddenOnly | Bias::None));
            layer.b_hh.take_if(|_| matches!(bias, Bias::InputOnly | Bias::None));
        });
        self.but(|case| case.weights = weights)
    }

    pub fn with_batch_first(self, batch_first: bool) -> Self {
        self.but(|case| case.batch_first = batch_first)
    }

    pub fn with_x(self, x: Array3<f32>) -> Self {
        self.but(|case| case.x = x)
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
        self.expected.get_or_init(|| {
            let part = |array: &ArrayD<f32>| array.clone().into_dimensionality::<Ix3>().unwrap();
            let states = self.state.as_ref().map(|state| (part(&state.h), part(&state.c)));
            let (h0, c0) = states.as_ref().map(|(h, c)| (h.view(), c.view())).unzip();
            let lengths = self.lengths.as_deref();
            let weights = self.weights.rounded(self.weight_format).unwrap();
            reference::forward(&weights, &Inputs { x: self.x.view(), h0, c0, lengths })
        })
    }

    pub fn lstm(&self, gpu: &Gpu, options: Options) -> wgpu_rnn::Result<Lstm> {
        self.layer(gpu, options)
    }

    pub fn layer<K: Kind>(&self, gpu: &Gpu, options: Options) -> wgpu_rnn::Result<Layer<K>> {
        let Case { batch_first, weight_format, .. } = *self;
        let config = LayerConfig { batch_first, options, weight_format, ..Default::default() };
        Layer::new(gpu, &self.weights, config)
    }

    /// y as `[T, B, D*R]`, and the final states.
    pub fn forward<K: Kind>(&self, layer: &Layer<K>) -> wgpu_rnn::Result<(Array3<f32>, LstmState)> {
        let x = self.laid_out();
        let state = self.state.as_ref().map(state_of::<K>).transpose()?;
        let (mut y, state) = match (self.given, &self.lengths) {
            (Given::Features, Some(lengths)) => {
                layer.forward_lengths(x.view(), lengths, state.as_ref())?
            }
            (Given::Features, None) => layer.forward(x.view(), state.as_ref())?,
            (given, lengths) => {
                let input = |input| layer.forward_input(input, lengths.as_deref(), state.as_ref());
                let x_proj = self.projected(&x);
                let (y, state) = match given {
                    Given::Tokens => {
                        let (ids, table) = of_tokens(x_proj);
                        let table = layer.gpu().upload(table.view())?;
                        input(LayerInput::Tokens { ids: ids.view().into_dyn(), table: &table })?
                    }
                    _ => input(LayerInput::Projected(x_proj.view().into_dyn()))?,
                };
                (y.into_dimensionality().expect("the rank of x"), state)
            }
        };
        if self.batch_first {
            y.swap_axes(0, 1);
        }
        Ok((y, both_of::<K>(&state)))
    }

    /// x · W_ihᵀ of the first layer, for all its directions.
    fn projected(&self, x: &Array3<f32>) -> Array3<f32> {
        let weights = self.weights.rounded(self.weight_format).unwrap();
        let directions = 0..weights.sizes().num_directions();
        let w_ih: Vec<_> = directions.map(|d| weights.layer(0, d).unwrap().w_ih.view()).collect();
        let w_ih = concatenate(Axis(0), &w_ih).expect("directions have one shape");
        let x_proj = reference::linear(w_ih.view(), None, &x.mapv(f64::from).into_dyn());
        let x_proj = x_proj.into_dimensionality::<Ix3>().expect("the rank of x");
        x_proj.mapv(|value| value as f32).as_standard_layout().into_owned()
    }

    /// A new layer of the right kind with these options: y and the final states.
    pub fn run(&self, gpu: &Gpu, options: Options) -> wgpu_rnn::Result<(Array3<f32>, LstmState)> {
        match self.weights.sizes().cell {
            Cell::Lstm => self.forward::<LstmKind>(&self.layer(gpu, options)?),
            Cell::Gru { .. } => self.forward::<GruKind>(&self.layer(gpu, options)?),
            _ => self.forward::<RnnKind>(&self.layer(gpu, options)?),
        }
    }

    /// A new layer with these options, against the reference.
    pub fn check(&self, gpu: &Gpu, options: Options) -> Result<(), String> {
        let (y, state) = self.run(gpu, options).map_err(|error| error.to_string())?;
        self.verdict(&y, &state)
    }

    /// A layer that has these weights, against the reference.
    pub fn check_layer<K: Kind>(&self, layer: &Layer<K>) -> Result<(), String> {
        let (y, state) = self.forward(layer).map_err(|error| error.to_string())?;
        self.verdict(&y, &state)
    }

    /// y and both states against what the reference says.
    pub fn verdict(&self, y: &Array3<f32>, state: &LstmState) -> Result<(), String> {
        verdict(y, state, self.expected(), self.allowed())
    }

    /// Activations that are chosen may be unbounded.
    pub fn allowed(&self) -> f64 {
        let is_chosen = self.weights.options().activations.iter().any(Option::is_some);
        if is_chosen { compare::F32_CHOSEN } else { compare::F32 }
    }
}

fn of_tokens(x_proj: Array3<f32>) -> (Array2<u32>, Array2<f32>) {
    let (first, second, features) = x_proj.dim();
    let rows = first * second;
    let ids = Array2::from_shape_fn((first, second), |(a, b)| (rows - 1 - (a * second + b)) as u32);
    let mut table = x_proj.into_shape_with_order((rows, features)).expect("as many elements");
    table.invert_axis(Axis(0));
    (ids, table)
}

pub fn verdict(
    y: &Array3<f32>,
    state: &LstmState,
    expected: &Outputs,
    allowed: f64,
) -> Result<(), String> {
    let y = y.as_standard_layout().into_owned().into_dyn();
    let comparisons: [Comparison; 3] = [
        compare("y", &y, &expected.y.clone().into_dyn(), allowed),
        compare("h_n", &state.h, &expected.h_n.clone().into_dyn(), allowed),
        compare("c_n", &state.c, &expected.c_n.clone().into_dyn(), allowed),
    ];
    comparisons.iter().try_for_each(Comparison::verdict)
}

/// h and c as the state that this kind of layer takes.
pub fn state_of<K: Kind>(both: &LstmState) -> wgpu_rnn::Result<K::State> {
    K::state(both.h.clone(), Some(both.c.clone()))
}

/// h and c of a state of any kind.
pub fn both_of<K: Kind>(state: &K::State) -> LstmState {
    let (h, c) = K::parts(state);
    LstmState { h: h.clone(), c: c.cloned().unwrap_or_else(|| ArrayD::zeros(h.shape())) }
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
    directed(edited.with_options(*weights.options()).unwrap(), sizes.direction)
}

/// Each gate's square matrix for itself.
pub fn transpose_w_hh(layer: &mut LayerWeights) {
    let h = layer.w_hh.ncols();
    let gates: Vec<Array2<f32>> =
        (0..4).map(|g| layer.w_hh.slice(s![g * h..(g + 1) * h, ..]).t().to_owned()).collect();
    let views: Vec<_> = gates.iter().map(|gate| gate.view()).collect();
    layer.w_hh = concatenate(Axis(0), &views).expect("gates have one shape");
}

/// Weights cannot tell from the arrays which way a single direction runs.
pub fn directed(weights: Weights, direction: Direction) -> Weights {
    if direction == Direction::Reverse { weights.reversed().unwrap() } else { weights }
}

/// Whether two arrays are the same bit for bit, row by row of axis 1; a NaN equals itself.
pub fn same_bits(a: &Array3<f32>, b: &Array3<f32>, row: usize) -> bool {
    let [a, b] = [a, b].map(|array| array.index_axis(Axis(1), row));
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}
