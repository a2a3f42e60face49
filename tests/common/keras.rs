//! The Keras models under tests/fixtures/keras; see the README there.

use std::path::{Path, PathBuf};

use wgpu_rnn::io::keras::{self, Keras, LayerArguments};
use wgpu_rnn::io::safetensors::{self, File};
use wgpu_rnn::ndarray::{Array2, ArrayD, Ix2, Ix3};
use wgpu_rnn::{ModelWeights, Result};

/// What goes into a model, batch first.
pub enum Input {
    Features(ArrayD<f32>),
    Ids(Array2<u32>),
}

/// A model, its input, and the outputs that Keras computed.
pub struct Model {
    pub name: &'static str,
    arrays: File,
    /// The tensor of each output that Keras computed, and the layer that gives it.
    pub outputs: &'static [(&'static str, &'static str)],
}

/// Recurrent layer, then Dense; both are outputs.
const TWO: [&str; 4] = ["lstm", "gru_reset_after", "gru_reset_before", "bilstm"];
const ONE: [(&str, &[(&str, &str)]); 8] = [
    ("embedding_gru", &[("y", "dense")]),
    ("lstm_stack", &[("y", "dense_1")]),
    ("bidirectional_gru", &[("y", "head")]),
    ("bidirectional_mixed", &[("y", "both")]),
    ("simple_rnn_relu", &[("y", "time_distributed")]),
    ("hard_sigmoid_no_bias", &[("y", "dense")]),
    ("go_backwards", &[("y", "simple_rnn")]),
    ("activation_layers", &[("y", "softmax")]),
];

pub fn path(file: &str) -> PathBuf {
    // Cargo sets it for what it runs, too; whoever runs the tests elsewhere says where.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    Path::new(&root).join("tests/fixtures/keras").join(file)
}

pub fn all() -> Vec<Model> {
    let model = |name, outputs| {
        let arrays = safetensors::open(path(&format!("{name}.safetensors"))).unwrap();
        Model { name, arrays, outputs }
    };
    let two = TWO.map(|name| {
        let outputs: &[_] = match name {
            "bilstm" => &[("sequence", "bi"), ("head_output", "head")],
            "lstm" => &[("sequence", "lstm"), ("head_output", "head")],
            "gru_reset_after" => &[("sequence", "gru_reset_after"), ("head_output", "head")],
            _ => &[("sequence", "gru_reset_before"), ("head_output", "head")],
        };
        model(name, outputs)
    });
    two.into_iter().chain(ONE.map(|(name, outputs)| model(name, outputs))).collect()
}

pub fn of_name(name: &str) -> Model {
    all().into_iter().find(|model| model.name == name).expect("a model of this name")
}

impl Model {
    pub fn keras(&self) -> Result<Keras> {
        keras::open(path(&format!("{}.keras", self.name)))
    }

    /// From the `.weights.h5`, with what it does not say. Not every model has one.
    pub fn weights_file(&self) -> Option<Result<Keras>> {
        let path = path(&format!("{}.weights.h5", self.name));
        path.exists().then(|| keras::open_weights(path, &self.arguments()))
    }

    /// What is not Keras' default, and cannot be seen in the `.weights.h5`.
    pub fn arguments(&self) -> Vec<(&'static str, LayerArguments<'static>)> {
        let default = LayerArguments::default();
        let sequences = LayerArguments { return_sequences: Some(true), ..default };
        let activation = |name| LayerArguments { activation: Some(name), ..default };
        match self.name {
            "embedding_gru" => vec![("dense", activation("softmax"))],
            "lstm_stack" => {
                vec![("dense", activation("relu")), ("dense_1", activation("log_softmax"))]
            }
            "bidirectional_gru" => vec![("head", activation("sigmoid"))],
            "simple_rnn_relu" => vec![
                ("simple_rnn", LayerArguments { activation: Some("relu"), ..sequences }),
                ("time_distributed", activation("tanh")),
            ],
            // All of them: functions could stand anywhere.
            "activation_layers" => vec![
                ("lstm", sequences),
                ("re_lu", default),
                ("dense", default),
                ("activation", activation("tanh")),
                ("dense_1", default),
                ("softmax", default),
            ],
            "bilstm" => vec![("bi", sequences)],
            name => vec![(name, sequences)],
        }
    }

    pub fn input(&self) -> Input {
        match self.arrays.dtype("x").as_deref() {
            Some("I32") => {
                let shape = self.arrays.shape("x").unwrap().to_vec();
                let ids = self.arrays.integers("x").unwrap();
                let ids = ids.into_iter().map(|id| u32::try_from(id).unwrap()).collect();
                Input::Ids(
                    ArrayD::from_shape_vec(shape, ids)
                        .unwrap()
                        .into_dimensionality::<Ix2>()
                        .unwrap(),
                )
            }
            _ => Input::Features(self.arrays.tensor("x").unwrap()),
        }
    }

    /// What Keras computed, with an axis of one step where it left that out.
    pub fn expected(&self, output: &str) -> ArrayD<f64> {
        let y = self.arrays.tensor(output).unwrap().mapv(f64::from);
        let (b, f) = (y.shape()[0], y.shape()[y.ndim() - 1]);
        let steps = y.len() / (b * f);
        y.into_shape_with_order((b, steps, f))
            .unwrap()
            .into_dimensionality::<Ix3>()
            .unwrap()
            .into_dyn()
    }
}

/// The weights that end in a layer.
pub fn weights_to(keras: &Keras, layer: &str) -> ModelWeights {
    keras.weights_to(layer).unwrap_or_else(|error| panic!("{layer}: {error}"))
}
