//! The PyTorch cases under tests/fixtures/pytorch; see the README there.

use std::path::{Path, PathBuf};

use wgpu_rnn::io::safetensors::{self, File};
use wgpu_rnn::ndarray::{Array3, ArrayD, Axis, Ix3};
use wgpu_rnn::{Activation, Activations, Cell, CellOptions, Kind, LstmState, Weights};

use super::compare;
use super::gradients::{Named, Run};

pub struct Fixture {
    pub name: String,
    model: File,
}

/// All cases, sorted by name.
pub fn all() -> Vec<Fixture> {
    // Cargo sets it for what it runs, too; whoever runs the tests elsewhere says where.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let folder = Path::new(&root).join("tests/fixtures/pytorch");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 116, "only {} fixtures in {}", paths.len(), folder.display());
    paths
        .iter()
        .map(|path| Fixture {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            model: safetensors::open(path).unwrap(),
        })
        .collect()
}

impl Fixture {
    /// The metadata under a key.
    pub fn text(&self, key: &str) -> &str {
        &self.model.metadata()[key]
    }

    pub fn cell(&self) -> Cell {
        match self.text("cell") {
            "LSTM" => Cell::Lstm,
            "GRU" => Cell::Gru { reset_after: true },
            "RNN" => Cell::Rnn,
            other => panic!("{}: cell {other}", self.name),
        }
    }

    pub fn weights(&self) -> Weights {
        let weights = match self.cell() {
            Cell::Lstm => self.model.lstm(""),
            Cell::Gru { .. } => self.model.gru(""),
            _ => self.model.rnn(""),
        };
        let weights = weights.unwrap();
        if self.text("nonlinearity") != "relu" {
            return weights;
        }
        let relu = Activations { f: Activation::Relu, ..self.cell().standard_activations() };
        let options = CellOptions { activations: [Some(relu); 2], ..Default::default() };
        weights.with_options(options).unwrap()
    }

    /// The length of each row, if the case has them.
    pub fn lengths(&self) -> Option<Vec<usize>> {
        let lengths = || self.model.integers("lengths").unwrap();
        self.flag("packed")
            .then(|| lengths().iter().map(|n| usize::try_from(*n).unwrap()).collect())
    }

    /// The initial state, if the case gives it, for any kind of layer.
    pub fn state<K: Kind>(&self) -> Option<K::State> {
        let given = self.flag("has_initial_state");
        given.then(|| K::state(self.array("h0"), self.model.tensor("c0").ok()).unwrap())
    }

    pub fn flag(&self, key: &str) -> bool {
        self.text(key) == "true"
    }

    pub fn array(&self, name: &str) -> ArrayD<f32> {
        self.model.tensor(name).unwrap()
    }

    pub fn expected(&self, name: &str) -> ArrayD<f64> {
        self.array(name).mapv(f64::from)
    }

    pub fn initial_state(&self) -> Option<LstmState> {
        let given = self.flag("has_initial_state");
        given.then(|| LstmState { h: self.array("h0"), c: self.array("c0") })
    }

    pub fn tolerance(&self) -> f64 {
        let is_large = self.text("input_scale") == "100";
        if is_large { compare::F32_LARGE_INPUTS } else { compare::F32 }
    }

    /// The input as `[T, B, I]`, whatever the layout of the case.
    pub fn input_tbi(&self) -> Array3<f32> {
        self.as_tb("input")
    }

    /// The output as `[T, B, D*H]`.
    pub fn output_tbh(&self) -> Array3<f32> {
        self.as_tb("output")
    }

    /// What a case with gradients starts from.
    pub fn run(&self) -> Run {
        Run {
            weights: self.weights(),
            x: self.input_tbi(),
            h0: self.state3("h0"),
            c0: self.state3("c0"),
            lengths: self.lengths(),
            d_y: self.as_tb("cot_output"),
            d_h_n: self.state3("cot_h_n"),
            d_c_n: self.state3("cot_c_n"),
        }
    }

    /// What a case with gradients should give, as `[T, B, I]` and `[L*D, B, H]`.
    pub fn gradients(&self) -> Named {
        let of_weights = self.model.names().filter(|name| name.starts_with("grad."));
        let of_weights = of_weights.map(|name| (name.to_string(), self.expected(name)));
        let of_states = ["d_h0", "d_c0"].into_iter().filter_map(|name| {
            Some((name.to_string(), self.state3(name)?.mapv(f64::from).into_dyn()))
        });
        let d_x = self.as_tb("d_input").mapv(f64::from).into_dyn();
        of_weights.chain(of_states).chain([("d_input".to_string(), d_x)]).collect()
    }

    /// A state as `[L*D, B, H]`, if the case gives it.
    pub fn state3(&self, name: &str) -> Option<Array3<f32>> {
        let state = self.model.tensor(name).ok()?;
        Some(self.batched(state, 1))
    }

    fn as_tb(&self, name: &str) -> Array3<f32> {
        let mut array = self.batched(self.array(name), 1);
        if self.flag("batch_first") {
            array.swap_axes(0, 1);
        }
        array
    }

    fn batched(&self, array: ArrayD<f32>, axis: usize) -> Array3<f32> {
        let array = if self.flag("batched") { array } else { array.insert_axis(Axis(axis)) };
        array.into_dimensionality::<Ix3>().unwrap()
    }
}
