//! Random configurations over all options at once, every schedule against the CPU reference. A failure shrinks to the
//! simplest configuration that still fails, and prints it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wgpu_rnn::ndarray::{Array2, Array3};
use wgpu_rnn::reference::{self, Inputs};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, Direction, Error, Gpu, GruKind, Kind, Layer,
    LayerConfig, LayerSizes, LayerWeights, LstmKind, Options, RnnKind, Schedule, Weights,
};

use crate::common::Random;
use crate::common::compare::{self, Comparison, compare};
use crate::common::trials::GpuTest;

/// Configurations per adapter, unless WGPU_RNN_CASES says otherwise: most of the time goes into compiling kernels.
const CASES: u32 = 24;

pub fn tests() -> Vec<GpuTest> {
    vec![GpuTest::new("random_configurations", |gpu| {
        let cases_given = std::env::var("WGPU_RNN_CASES").ok().and_then(|n| n.parse().ok());
        let cases_count = cases_given.unwrap_or(CASES);
        let config = Config { cases: cases_count, failure_persistence: None, ..Config::default() };
        // The same cases in every run.
        let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let run = |case: Case| case.run(gpu).map_err(TestCaseError::fail);
        runner.run(&cases(), run).map_err(|error| error.to_string())
    })]
}

/// All that a run depends on; numbers are drawn from the seed.
#[derive(Clone, Debug)]
struct Case {
    sizes: LayerSizes,
    seq_len: usize,
    batch: usize,
    seed: u64,
    batch_first: bool,
    has_state: bool,
    has_lengths: bool,
    bias: (bool, bool),
    has_peepholes: bool,
    cell_options: CellOptions,
    rows: Option<u32>,
    chunk: Option<usize>,
}

fn cases() -> impl Strategy<Value = Case> {
    let cell = prop_oneof![
        Just(Cell::Lstm),
        Just(Cell::Gru { reset_after: true }),
        Just(Cell::Gru { reset_after: false }),
        Just(Cell::Rnn),
    ];
    let direction = prop_oneof![
        Just(Direction::Forward),
        Just(Direction::Reverse),
        Just(Direction::Bidirectional),
    ];
    let sizes = (cell, 1..20usize, 1..40usize, 1..4usize, direction, any::<prop::sample::Index>());
    let sizes = sizes.prop_map(|(cell, input_size, hidden_size, num_layers, direction, p)| {
        // Half of the LSTMs are projected.
        let p = p.index(2 * hidden_size);
        let proj_size = if cell == Cell::Lstm && p < hidden_size { p } else { 0 };
        LayerSizes::new(cell, input_size, hidden_size)
            .with_layers(num_layers)
            .with_direction(direction)
            .with_proj_size(proj_size)
    });
    let run = (1..9usize, 1..20usize, any::<u64>(), any::<bool>(), any::<bool>(), any::<bool>());
    let weights = (any::<(bool, bool)>(), any::<bool>(), cell_options());
    let forced = (prop::option::of(prop::sample::select(vec![1, 4])), prop::option::of(1..5usize));
    (sizes, run, weights, forced).prop_map(|(sizes, run, weights, (rows, chunk))| {
        let (seq_len, batch, seed, batch_first, has_state, has_lengths) = run;
        let (bias, has_peepholes, mut cell_options) = weights;
        let is_lstm = sizes.cell == Cell::Lstm;
        if !is_lstm {
            (cell_options.coupled, cell_options.cell_clip) = (false, None);
        }
        let has_peepholes = has_peepholes && is_lstm;
        Case {
            sizes,
            seq_len,
            batch,
            seed,
            batch_first,
            has_state,
            has_lengths,
            bias,
            has_peepholes,
            cell_options,
            rows,
            chunk,
        }
    })
}

fn cell_options() -> impl Strategy<Value = CellOptions> {
    let activation = prop::sample::select(vec![
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu { alpha: 0.1 },
        Activation::ThresholdedRelu { alpha: 0.2 },
        Activation::ScaledTanh { alpha: 1.2, beta: 0.7 },
        Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Activation::Elu { alpha: 0.8 },
        Activation::Softsign,
        Activation::Softplus,
        Activation::Affine { alpha: 0.5, beta: 0.1 },
    ]);
    let activations = (activation.clone(), activation.clone(), activation)
        .prop_map(|(f, g, h)| Activations { f, g, h });
    let activations = prop::option::of(activations);
    let clip = prop::option::of(0.1f32..2.0);
    (activations.clone(), activations, any::<bool>(), clip.clone(), clip).prop_map(
        |(forward, reverse, coupled, preact_clip, cell_clip)| CellOptions {
            activations: [forward, reverse],
            coupled,
            preact_clip,
            cell_clip,
        },
    )
}

impl Case {
    fn run(&self, gpu: &Gpu) -> Result<(), String> {
        match self.sizes.cell {
            Cell::Lstm => self.run_kind::<LstmKind>(gpu),
            Cell::Gru { .. } => self.run_kind::<GruKind>(gpu),
            _ => self.run_kind::<RnnKind>(gpu),
        }
        .map_err(|problem| format!("{problem}\n  in {self:?}"))
    }

    fn run_kind<K: Kind>(&self, gpu: &Gpu) -> Result<(), String> {
        let mut random = Random::new(self.seed);
        let weights = self.weights(&mut random);
        let x = random.array3([self.seq_len, self.batch, self.sizes.input_size]);
        let states = [self.sizes.recurrent_size(), self.sizes.hidden_size]
            .map(|features| random.array3([self.sizes.num_states(), self.batch, features]));
        let lengths: Vec<usize> = (0..self.batch)
            .map(|_| (random.next().abs() * (self.seq_len + 1) as f32) as usize)
            .collect();
        let has_c = self.sizes.cell.has_c();
        let expected = reference::forward(
            &weights,
            &Inputs {
                h0: self.has_state.then(|| states[0].view()),
                c0: (self.has_state && has_c).then(|| states[1].view()),
                lengths: self.has_lengths.then_some(&lengths[..]),
                ..Inputs::new(x.view())
            },
        );
        let c = has_c.then(|| states[1].clone().into_dyn());
        let state = K::state(states[0].clone().into_dyn(), c).map_err(|e| e.to_string())?;
        let state = self.has_state.then_some(&state);
        for schedule in Schedule::ALL {
            let options = Options { schedule: Some(schedule), rows: self.rows, chunk: self.chunk };
            let config = LayerConfig { batch_first: self.batch_first, options };
            let result = self.forward::<K>(gpu, &weights, config, &x, &lengths, state);
            let (y, state) = match result {
                Err(Error::Schedule { .. }) if schedule == Schedule::Wavefront => continue,
                // Sixteen rows of h may not fit in workgroup memory.
                Err(Error::Schedule { .. }) if self.rows.is_some() => continue,
                result => result.map_err(|error| format!("{schedule}: {error}"))?,
            };
            let (h, c) = K::parts(&state);
            let allowed = compare::F32_CHOSEN;
            let mut comparisons = vec![
                compare("y", &y.into_dyn(), &expected.y.clone().into_dyn(), allowed),
                compare("h_n", h, &expected.h_n.clone().into_dyn(), allowed),
            ];
            comparisons
                .extend(c.map(|c| compare("c_n", c, &expected.c_n.clone().into_dyn(), allowed)));
            let verdict = comparisons.iter().try_for_each(Comparison::verdict);
            verdict.map_err(|problem| format!("{schedule}: {problem}"))?;
        }
        Ok(())
    }

    /// y as `[T, B, features]`.
    fn forward<K: Kind>(
        &self,
        gpu: &Gpu,
        weights: &Weights,
        config: LayerConfig,
        x: &Array3<f32>,
        lengths: &[usize],
        state: Option<&K::State>,
    ) -> Result<(Array3<f32>, K::State), Error> {
        let layer = Layer::<K>::new(gpu, weights, config)?;
        let mut x = x.view();
        if self.batch_first {
            x.swap_axes(0, 1);
        }
        let (mut y, state) = if self.has_lengths {
            layer.forward_lengths(x, lengths, state)?
        } else {
            layer.forward(x, state)?
        };
        if self.batch_first {
            y.swap_axes(0, 1);
        }
        Ok((y, state))
    }

    fn weights(&self, random: &mut Random) -> Weights {
        let sizes = self.sizes;
        let all = random.weights_of(sizes);
        let directions = |l| (0..sizes.num_directions()).map(move |d| (l, d));
        let mut layer = |(l, d)| {
            let drawn: &LayerWeights = all.layer(l, d).unwrap();
            let mut layer = drawn.clone();
            layer.b_ih = layer.b_ih.filter(|_| self.bias.0);
            layer.b_hh = layer.b_hh.filter(|_| self.bias.1);
            if self.has_peepholes {
                let shape = (3, sizes.hidden_size);
                let peepholes = Array2::from_shape_simple_fn(shape, || 0.3 * random.next());
                layer = layer.with_peepholes(peepholes);
            }
            layer
        };
        let layers = (0..sizes.num_layers).map(|l| directions(l).map(&mut layer).collect());
        let weights = Weights::new(sizes.cell, layers.collect()).unwrap();
        let weights = weights.with_options(self.cell_options).unwrap();
        if sizes.direction == Direction::Reverse { weights.reversed().unwrap() } else { weights }
    }
}
