//! A chain on the host: what goes into a model, and what the reference says comes out.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, Ix3, s};
use wgpu_rnn::reference::{self, Inputs};
use wgpu_rnn::{
    AnyLayer, AnyState, Cell, DeviceArray, DeviceInput, Direction, Embedding, Function, Gpu, Last,
    LayerConfig, LayerInput, LayerSizes, Linear, Model, ModelIo, ModelWeights, Options, Stage,
    StageState, StageWeights, Weights, wgpu,
};

use crate::common::Random;
use crate::common::compare::{F32, compare};
use crate::common::trials::Outcome;
use crate::linear::Head;

pub const SEQ_LEN: usize = 7;
pub const BATCH: usize = 3;
pub const INPUT_SIZE: usize = 4;
pub const VOCABULARY: usize = 11;
pub const LENGTHS: [usize; BATCH] = [4, 7, 1];
pub const FORWARD: Direction = Direction::Forward;
pub const GRU: Cell = Cell::Gru { reset_after: true };

/// A stage on the host.
pub enum Part {
    Recurrent(Weights),
    Linear(Head),
    Embedding(Array2<f32>),
    Function(Function),
    Last(Last),
}

/// A chain on the host, with a random input; sequences are `[T, B, ..]` here, whatever `batch_first` says.
pub struct Chain {
    pub parts: Vec<Part>,
    pub random: Random,
    pub x: Array3<f32>,
    /// What the chain takes in place of x where it begins with an embedding.
    pub ids: Array2<u32>,
    pub batch_first: bool,
    pub lengths: Option<&'static [usize]>,
    pub states: Option<Vec<AnyState>>,
}

/// What a run should give: y, and the final states.
type Expected = (ArrayD<f64>, Vec<(ArrayD<f64>, Option<ArrayD<f64>>)>);

impl Chain {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let x = random.array3([SEQ_LEN, BATCH, INPUT_SIZE]);
        let ids =
            Array2::from_shape_simple_fn((SEQ_LEN, BATCH), || random.below(VOCABULARY) as u32);
        let (parts, batch_first) = (Vec::new(), false);
        Chain { parts, random, x, ids, batch_first, lengths: None, states: None }
    }

    /// No two sizes are alike.
    pub fn mixed(seed: u64, direction: Direction) -> Self {
        let last = Self::new(seed).then(Cell::Lstm, 6, 2, FORWARD);
        last.then(GRU, 9, 1, direction).then(Cell::Rnn, 5, 1, FORWARD).linear(3)
    }

    pub fn then(mut self, cell: Cell, hidden: usize, layers: usize, direction: Direction) -> Self {
        let sizes = LayerSizes::new(cell, self.width(), hidden).with_layers(layers);
        let weights = self.random.weights_of(sizes.with_direction(direction));
        self.parts.push(Part::Recurrent(weights));
        self
    }

    pub fn linear(mut self, features: usize) -> Self {
        let width = self.width();
        self.parts.push(Part::Linear(Head::new(&mut self.random, width, features, true)));
        self
    }

    pub fn embedding(mut self, features: usize) -> Self {
        let weight = self.random.array2((VOCABULARY, features));
        self.parts.push(Part::Embedding(weight));
        self
    }

    pub fn function(mut self, function: Function) -> Self {
        self.parts.push(Part::Function(function));
        self
    }

    pub fn last(mut self, last: Last) -> Self {
        self.parts.push(Part::Last(last));
        self
    }

    pub fn takes_ids(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Embedding(_)))
    }

    pub fn width(&self) -> usize {
        let width = |part: &Part| match part {
            Part::Recurrent(weights) => Some(weights.sizes().output_size()),
            Part::Linear(head) => Some(head.weight.nrows()),
            Part::Embedding(weight) => Some(weight.ncols()),
            Part::Function(_) | Part::Last(_) => None,
        };
        self.parts.iter().rev().find_map(width).unwrap_or(INPUT_SIZE)
    }

    pub fn recurrent(&self) -> impl Iterator<Item = &Weights> {
        self.parts.iter().filter_map(|part| match part {
            Part::Recurrent(weights) => Some(weights),
            _ => None,
        })
    }

    pub fn with_states(mut self, seed: u64) -> Self {
        self.states = Some(self.some_states(seed));
        self
    }

    fn some_states(&self, seed: u64) -> Vec<AnyState> {
        let (mut random, batch) = (Random::new(seed), self.x.dim().1);
        let state = |weights: &Weights| {
            let sizes = weights.sizes();
            let mut part = || random.array3([sizes.num_states(), batch, sizes.hidden_size]);
            let h = part().into_dyn();
            AnyState { h, c: sizes.cell.has_c().then(|| part().into_dyn()) }
        };
        self.recurrent().map(state).collect()
    }

    pub fn stages(&self, gpu: &Gpu, options: Options) -> wgpu_rnn::Result<Vec<Stage>> {
        let config = LayerConfig { batch_first: self.batch_first, options, ..Default::default() };
        let stage = |part: &Part| match part {
            Part::Recurrent(weights) => Ok(AnyLayer::new(gpu, weights, config)?.into()),
            Part::Linear(head) => Ok(head.on(gpu)?.into()),
            Part::Embedding(weight) => Ok(Embedding::new(gpu, weight)?.into()),
            Part::Function(function) => Ok((*function).into()),
            Part::Last(last) => Ok((*last).into()),
        };
        self.parts.iter().map(stage).collect()
    }

    pub fn on(&self, gpu: &Gpu) -> wgpu_rnn::Result<Model> {
        Model::new(self.stages(gpu, Options::default())?)
    }

    /// The chain's weights, with a number for a name each.
    pub fn weights(&self) -> wgpu_rnn::Result<ModelWeights> {
        let stage = |(i, part): (usize, &Part)| {
            let stage = match part {
                Part::Recurrent(weights) => StageWeights::Recurrent(weights.clone()),
                Part::Linear(Head { weight, bias }) => {
                    StageWeights::Linear { weight: weight.clone(), bias: bias.clone() }
                }
                Part::Embedding(weight) => StageWeights::Embedding { weight: weight.clone() },
                Part::Function(function) => StageWeights::Function(*function),
                Part::Last(last) => StageWeights::Last(*last),
            };
            (i.to_string(), stage)
        };
        ModelWeights::new(self.parts.iter().enumerate().map(stage).collect(), self.batch_first)
    }

    fn expected(&self) -> Expected {
        let (mut x, mut states) = (self.x.mapv(f64::from), Vec::new());
        for (i, part) in self.parts.iter().enumerate() {
            x = match part {
                Part::Recurrent(weights) => {
                    let initial = self.states.as_ref().map(|given| &given[states.len()]);
                    let three =
                        |part: &ArrayD<f32>| part.clone().into_dimensionality::<Ix3>().unwrap();
                    let h0 = initial.map(|state| three(&state.h));
                    let c0 = initial.and_then(|state| state.c.as_ref()).map(three);
                    let x = x.mapv(|value| value as f32);
                    let inputs = Inputs {
                        x: x.view(),
                        h0: h0.as_ref().map(|h| h.view()),
                        c0: c0.as_ref().map(|c| c.view()),
                        lengths: self.lengths,
                    };
                    let out = reference::forward(weights, &inputs);
                    let c_n = weights.sizes().cell.has_c().then(|| out.c_n.into_dyn());
                    states.push((out.h_n.into_dyn(), c_n));
                    out.y
                }
                Part::Linear(Head { weight, bias }) => {
                    let y = reference::linear(weight.view(), bias.as_ref(), &x.into_dyn());
                    y.into_dimensionality().unwrap()
                }
                Part::Embedding(weight) => {
                    let y = reference::embedding(weight.view(), &self.ids.clone().into_dyn());
                    y.into_dimensionality().unwrap()
                }
                Part::Function(function) => {
                    let y = reference::function(*function, &x.into_dyn());
                    y.into_dimensionality().unwrap()
                }
                Part::Last(Last::States) => {
                    let Part::Recurrent(before) = &self.parts[i - 1] else { unreachable!() };
                    let (h_n, _): &(ArrayD<f64>, _) = states.last().unwrap();
                    let h_n = h_n.clone().into_dimensionality().unwrap();
                    reference::last_states(&h_n, before.sizes().num_directions())
                }
                Part::Last(_) => reference::last_step(&x, self.lengths),
            };
        }
        (x.into_dyn(), states)
    }

    /// x, or y, in the layout of the model.
    pub fn laid_out<T: Clone>(&self, mut array: ArrayD<T>) -> ArrayD<T> {
        if self.batch_first {
            array.swap_axes(0, 1);
        }
        array.as_standard_layout().into_owned()
    }

    pub fn run(&self, model: &Model) -> wgpu_rnn::Result<(ArrayD<f32>, Vec<AnyState>)> {
        let x = self.laid_out(self.x.clone().into_dyn());
        let ids = self.laid_out(self.ids.clone().into_dyn());
        let features = || LayerInput::Features(x.view());
        let input = if self.takes_ids() { LayerInput::Ids(ids.view()) } else { features() };
        model.forward_input(input, self.lengths, self.states.as_deref())
    }

    pub fn check(&self, model: &Model) -> Result<(), String> {
        let (y, states) = self.run(model).map_err(|error| error.to_string())?;
        self.verdict(&y, &states)
    }

    pub fn verdict(&self, y: &ArrayD<f32>, states: &[AnyState]) -> Result<(), String> {
        let (expected, expected_states) = self.expected();
        compare("y", &self.laid_out(y.clone()), &expected, F32).verdict()?;
        if states.len() != expected_states.len() {
            return Err(format!("{} states", states.len()));
        }
        for (k, (state, (h, c))) in states.iter().zip(&expected_states).enumerate() {
            compare(&format!("h_n of {k}"), &state.h, h, F32).verdict()?;
            match (&state.c, c) {
                (Some(c_n), Some(c)) => {
                    compare(&format!("c_n of {k}"), c_n, c, F32).verdict()?;
                }
                (None, None) => {}
                _ => return Err(format!("c_n of {k}")),
            }
        }
        Ok(())
    }
}

type Pairs = Vec<(DeviceArray, Option<DeviceArray>)>;

/// The arrays of an encoded run.
pub struct Arrays {
    pub x: DeviceArray,
    pub ids: DeviceArray<u32>,
    takes_ids: bool,
    pub y: DeviceArray,
    lengths: Option<DeviceArray<u32>>,
    /// Of each recurrent stage; the final states are written over the initial ones, as a caller may want it.
    states: Pairs,
    has_states: bool,
}

impl Arrays {
    pub fn new(gpu: &Gpu, chain: &Chain) -> wgpu_rnn::Result<Self> {
        let x = chain.laid_out(chain.x.clone().into_dyn());
        let lengths = chain.lengths.map(|lengths| {
            gpu.upload(lengths.iter().map(|n| *n as u32).collect::<Array1<_>>().view())
        });
        let on = |array: &ArrayD<f32>| gpu.upload(array.view());
        let on = |state: &AnyState| Ok((on(&state.h)?, state.c.as_ref().map(on).transpose()?));
        // Where a run begins from zero, what lies in the arrays must not matter.
        let some = chain.some_states(9);
        let states = chain.states.as_ref().unwrap_or(&some).iter().map(on);
        let seq_len = match chain.parts.iter().any(|part| matches!(part, Part::Last(_))) {
            true => 1,
            false => chain.x.dim().0,
        };
        let y = ArrayD::zeros(vec![seq_len, chain.x.dim().1, chain.width()]);
        Ok(Arrays {
            y: gpu.upload(chain.laid_out(y).view())?,
            x: gpu.upload(x.view())?,
            ids: gpu.upload(chain.laid_out(chain.ids.clone().into_dyn()).view())?,
            takes_ids: chain.takes_ids(),
            lengths: lengths.transpose()?,
            states: states.collect::<wgpu_rnn::Result<_>>()?,
            has_states: chain.states.is_some(),
        })
    }

    pub fn lengths(&self) -> Option<&DeviceArray<u32>> {
        self.lengths.as_ref()
    }

    pub fn states(&self) -> Vec<StageState<'_>> {
        let states = self.states.iter().map(|(h, c)| {
            let last = StageState::default().with_final(h, c.as_ref());
            if self.has_states { last.with_initial(h, c.as_ref()) } else { last }
        });
        states.collect()
    }

    pub fn encode(
        &self,
        model: &Model,
        encoder: &mut wgpu::CommandEncoder,
    ) -> wgpu_rnn::Result<()> {
        let states = self.states();
        let features = DeviceInput::Features(&self.x);
        let input = if self.takes_ids { DeviceInput::Ids(&self.ids) } else { features };
        let mut io = ModelIo::from_input(input, &self.y);
        (io.lengths, io.states) = (self.lengths(), &states);
        model.encode(encoder, &io)
    }

    pub fn check(&self, chain: &Chain) -> Outcome {
        let state = |(h, c): &(DeviceArray, Option<DeviceArray>)| {
            let c = c.as_ref().map(DeviceArray::download).transpose()?;
            Ok(AnyState { h: h.download()?, c })
        };
        let states = self.states.iter().map(state).collect::<wgpu_rnn::Result<Vec<_>>>()?;
        Ok(chain.verdict(&self.y.download()?, &states)?)
    }
}

pub fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

/// The embedding of a chain that begins with a recurrent stage, projected; and x made of its rows.
pub fn embed(
    gpu: &Gpu,
    chain: &mut Chain,
) -> Result<(DeviceArray, Array2<u32>), Box<dyn std::error::Error>> {
    let embedding = chain.random.array2((VOCABULARY, INPUT_SIZE));
    let ids = chain.ids.clone();
    for ((t, b), id) in ids.indexed_iter() {
        chain.x.slice_mut(s![t, b, ..]).assign(&embedding.row(*id as usize));
    }
    let weights = chain.recurrent().next().ok_or("a recurrent stage")?;
    let table = Linear::input_projection(gpu, weights)?.forward(embedding.view())?;
    Ok((gpu.upload(table.view())?, ids))
}
