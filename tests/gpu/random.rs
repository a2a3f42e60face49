//! Random configurations over all options at once, every schedule against the CPU reference. A failure shrinks to the
//! simplest configuration that still fails, and prints the command that runs it again.

use std::fmt;
use std::str::FromStr;

use proptest::prelude::*;
use proptest::sample::{Select, select};
use proptest::test_runner::{Config, TestError, TestRng, TestRunner};
use wgpu_rnn::reference::Outputs;
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, Direction, Error, Gpu, LayerSizes, Options,
    Schedule,
};

use crate::common::Random;
use crate::common::case::{Bias, Case, Given};
use crate::common::trials::GpuTest;
use crate::common::variant::{ACTIVATIONS, Variant, that_count};

/// Configurations per adapter, unless WGPU_RNN_CASES says otherwise: most of the time goes into compiling kernels.
pub const CASES: u32 = 24;

const NAMES: &str = "standard sigmoid tanh relu leaky_relu thresholded_relu scaled_tanh hard_sigmoid elu softsign \
     softplus affine";

/// The parts of a configuration and the values that each can have, the simplest first; sizes lie around tile edges.
/// Where the cell has not got a part, its value means nothing; what has the most parts, or the most schedules, stands there
/// more than once.
const PARTS: [(&str, &str); 31] = [
    ("cell", "rnn gru gru_reset_before lstm lstm lstm"),
    ("direction", "forward forward reverse bidirectional"),
    ("num_layers", "1 2 2 3"),
    ("input", "features projected tokens"),
    ("input_size", "1 2 3 4 5 15 16 17 33"),
    ("hidden_size", "1 2 3 4 5 8 15 16 17 31 32 33 64 65"),
    ("projection", "none one half all_but_one"),
    ("seq_len", "1 2 3 4 5 8"),
    ("batch", "1 2 3 4 5 7 8 9 15 16 17"),
    ("lengths", "none ragged"),
    ("batch_first", "false true"),
    ("format", "f32 f32 f32 f16 int8"),
    ("state", "false true"),
    ("b_ih", "false true"),
    ("b_hh", "false true"),
    // The rest but for the last three counts where this is true: PyTorch's cells have kernels of their own.
    ("choices", "false true true"),
    ("peepholes", "false true"),
    ("coupled", "false true"),
    ("preact_clip", "none 1.5 0.3"),
    ("cell_clip", "none 1.5 0.2"),
    ("f", NAMES),
    ("g", NAMES),
    ("h", NAMES),
    ("reverse_f", NAMES),
    ("reverse_g", NAMES),
    ("reverse_h", NAMES),
    ("rows", "planned 1 2 4 8 16"),
    ("chunk", "planned 1 2 3 4"),
    ("split", "planned planned 1 8 32"),
    ("resident", "planned planned true false"),
    ("seed", "0 1 2 3 4 5 6 7 8 9"),
];

pub fn tests() -> Vec<GpuTest> {
    vec![GpuTest::new("random_configurations", |gpu| {
        search("random_configurations", Configuration::is_bounded, |case| case.check(gpu))
    })]
}

/// Checks random configurations that are fit for it, or the one that WGPU_RNN_CASE names.
///
/// # Errors
/// What is wrong with the simplest one found, and how the test of this name runs it again.
pub fn search(
    name: &str,
    is_fit: impl Fn(&Configuration) -> bool,
    check: impl Fn(&Configuration) -> Result<(), String>,
) -> Result<(), String> {
    if let Ok(text) = std::env::var("WGPU_RNN_CASE") {
        return check(&text.parse()?);
    }
    let cases_given = std::env::var("WGPU_RNN_CASES").ok().and_then(|n| n.parse().ok());
    let cases = cases_given.unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    // The same cases in every run.
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let values: Vec<Select<&str>> = values().map(select).collect();
    let run = |values| {
        let configuration = Configuration(values);
        prop_assume!(is_fit(&configuration));
        check(&configuration).map_err(TestCaseError::fail)
    };
    TestRunner::new_with_rng(config, rng).run(&values, run).map_err(|error| match error {
        TestError::Fail(problem, values) => format!(
            "{problem}\nWGPU_RNN_CASE=\"{}\" cargo test --test gpu {name}",
            Configuration(values)
        ),
        abort => abort.to_string(),
    })
}

fn values() -> impl Iterator<Item = Vec<&'static str>> {
    PARTS.iter().map(|(_, values)| values.split_whitespace().collect())
}

/// A value for each part.
pub struct Configuration(Vec<&'static str>);

/// As [`FromStr`] reads it: the parts that have not got the simplest value.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = PARTS.iter().zip(&self.0).zip(values());
        let parts = parts.filter(|((_, value), values)| **value != values[0]);
        let parts: Vec<_> = parts.map(|((part, value), _)| format!("{}={value}", part.0)).collect();
        f.write_str(&parts.join(" "))
    }
}

impl FromStr for Configuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut configuration = Configuration(values().map(|values| values[0]).collect());
        for part in text.split_whitespace() {
            let (name, given) = part.split_once('=').ok_or(format!("{part}: no ="))?;
            let at = place(name).ok_or(format!("{name}: no such part"))?;
            let mut values = PARTS[at].1.split_whitespace();
            let value = values.find(|value| *value == given);
            configuration.0[at] = value.ok_or(format!("{part}: one of {}", PARTS[at].1))?;
        }
        Ok(configuration)
    }
}

fn place(name: &str) -> Option<usize> {
    PARTS.iter().position(|part| part.0 == name)
}

impl Configuration {
    fn text(&self, name: &str) -> &'static str {
        self.0[place(name).unwrap_or_else(|| panic!("no part {name}"))]
    }

    fn is(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// None where the value is a word.
    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }

    pub fn size(&self, name: &str) -> usize {
        self.number(name).unwrap_or_else(|| panic!("{name} is a number"))
    }

    fn sizes(&self) -> LayerSizes {
        let cell = match self.text("cell") {
            "lstm" => Cell::Lstm,
            "rnn" => Cell::Rnn,
            gru => Cell::Gru { reset_after: gru == "gru" },
        };
        let hidden_size = self.size("hidden_size");
        let proj_size = match self.text("projection") {
            "one" => 1.min(hidden_size - 1),
            "half" => hidden_size / 2,
            "all_but_one" => hidden_size - 1,
            _ => 0,
        };
        LayerSizes::new(cell, self.size("input_size"), hidden_size)
            .with_layers(self.size("num_layers"))
            .with_direction(match self.text("direction") {
                "reverse" => Direction::Reverse,
                direction => Direction::of(direction == "bidirectional"),
            })
            .with_proj_size(if cell == Cell::Lstm { proj_size } else { 0 })
    }

    fn variant(&self, sizes: &LayerSizes) -> Variant {
        let cell = sizes.cell;
        let plain = Variant::plain("", cell);
        if !self.is("choices") {
            return plain;
        }
        let activation = |name, standard| {
            let wanted = self.text(name);
            let found = ACTIVATIONS.iter().find(|(name, _)| *name == wanted);
            found.map_or(standard, |(_, activation): &(_, Activation)| *activation)
        };
        let standard = cell.standard_activations();
        let activations = [["f", "g", "h"], ["reverse_f", "reverse_g", "reverse_h"]].map(|names| {
            let [f, g, h] = names;
            let [f, g, h] = [(f, standard.f), (g, standard.g), (h, standard.h)]
                .map(|(name, standard)| activation(name, standard));
            Some(Activations { f, g, h })
        });
        let activations = that_count(sizes, activations)
            .map(|activations| activations.filter(|activations| *activations != standard));
        let is_lstm = cell == Cell::Lstm;
        let options = CellOptions {
            activations,
            coupled: is_lstm && self.is("coupled"),
            preact_clip: self.number("preact_clip"),
            cell_clip: self.number("cell_clip").filter(|_| is_lstm),
        };
        Variant { has_peepholes: is_lstm && self.is("peepholes"), options, ..plain }
    }

    fn given(&self) -> Given {
        match self.text("input") {
            "projected" => Given::Projected,
            "tokens" => Given::Tokens,
            _ => Given::Features,
        }
    }

    pub fn case(&self) -> Case {
        let (sizes, seed) = (self.sizes(), self.size("seed") as u64);
        let (seq_len, batch) = (self.size("seq_len"), self.size("batch"));
        let bias = match (self.is("b_ih"), self.is("b_hh")) {
            (true, true) => Bias::Both,
            (true, false) => Bias::InputOnly,
            (false, true) => Bias::HiddenOnly,
            (false, false) => Bias::None,
        };
        let case = Case::from_sizes(seed, &self.variant(&sizes), sizes, [seq_len, batch])
            .with_bias(bias)
            .with_batch_first(self.is("batch_first"));
        let case = case.but(|case| {
            case.given = self.given();
            case.weight_format = self.text("format").parse().unwrap();
        });
        let case = if self.is("state") { case.with_state(seed + 1) } else { case };
        let mut random = Random::new(seed + 2);
        let mut length = |_| [0, 1, seq_len, 1 + random.below(seq_len)][random.below(4)];
        let lengths: Vec<usize> = (0..batch).map(&mut length).collect();
        case.but(|case| case.lengths = (self.text("lengths") == "ragged").then_some(lengths))
    }

    /// Gates without bounds can make values that double with each step: first errors grow, then f32 overflows.
    pub fn is_bounded(&self) -> bool {
        let case = self.case();
        let Outputs { y, h_n, c_n } = case.expected();
        y.iter().chain(h_n).chain(c_n).all(|value| value.abs() < 100.0)
    }

    fn check(&self, gpu: &Gpu) -> Result<(), String> {
        let case = self.case();
        let sizes = case.weights.sizes();
        let is_wave = sizes.num_layers > 1
            && sizes.direction == Direction::Forward
            && case.given == Given::Features
            && sizes.proj_size == 0
            && sizes.cell != Cell::Gru { reset_after: false };
        let has_shape = sizes.hidden_size <= 64
            && sizes.proj_size == 0
            && sizes.cell != Cell::Gru { reset_after: false };
        for schedule in Schedule::ALL {
            let is_fused = schedule == Schedule::SequenceFused;
            let rows: Option<u32> = self.number("rows");
            let options = Options {
                schedule: Some(schedule),
                rows,
                chunk: self.number("chunk"),
                split: self
                    .number("split")
                    .filter(|_| !is_fused && rows.is_none_or(|rows| rows <= 8)),
                resident: self.number("resident").filter(|resident: &bool| {
                    is_fused && (!resident || (has_shape && rows.is_none_or(|rows| rows <= 4)))
                }),
                ..Default::default()
            };
            match case.run(gpu, options) {
                Err(Error::Schedule { .. }) if schedule == Schedule::Wavefront && !is_wave => {}
                Err(error) => return Err(format!("{schedule}: {error}")),
                Ok((y, state)) => {
                    case.verdict(&y, &state).map_err(|problem| format!("{schedule}: {problem}"))?
                }
            }
        }
        Ok(())
    }
}
