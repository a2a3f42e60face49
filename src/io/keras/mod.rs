//! Models that Keras 3 saved: `.keras` files, and `.weights.h5` files without the model's description.
//!
//! ```python
//! model = keras.Sequential([
//!     keras.layers.Input((None, 80)),
//!     keras.layers.Bidirectional(keras.layers.LSTM(128, return_sequences=True)),
//!     keras.layers.GRU(64),
//!     keras.layers.Dense(10, activation="softmax"),
//! ])
//! model.save("model.keras")                 # this, or
//! model.save_weights("model.weights.h5")    # the weights alone
//! ```
//!
//! ```no_run
//! use wgpu_rnn::ndarray::Array3;
//! use wgpu_rnn::{Gpu, io};
//!
//! let gpu = Gpu::new()?;
//! let model = io::keras::open("model.keras")?.weights()?.load(&gpu, Default::default())?;
//! let x = Array3::<f32>::zeros((4, 100, 80)); // [batch, seq_len, features], as in Keras
//! let (y, _) = model.forward(x.view(), None)?; // [4, 1, 10]: one step, where Keras has [4, 10]
//! # Ok::<(), wgpu_rnn::Error>(())
//! ```
//!
//! A model is a Sequential, or a functional one whose layers are a straight chain. Its layers are LSTM, GRU with reset
//! after or before, SimpleRNN, Bidirectional with `merge_mode="concat"`, Embedding, Dense, TimeDistributed(Dense),
//! Activation, Softmax and ReLU; Dropout and SpatialDropout1D do nothing at inference. Whatever else would change a
//! result, a layer or an option of one, is refused by its name.

mod archive;
mod graph;
mod layer;
mod options;
mod stages;
mod variables;
mod weights_file;

use std::path::Path;

pub use weights_file::LayerArguments;

use crate::error::{Error, Result};
use crate::weights::ModelWeights;
use graph::{Graph, Node};
use layer::Layer;
use variables::Variables;

/// The most that config.json may be: it takes many times as much once it is read.
const CONFIG_BYTES: usize = 4 << 20;

/// A model that Keras saved.
#[derive(Clone, Debug)]
pub struct Keras {
    layers: Layers,
    outputs: Vec<String>,
    variables: Variables,
}

/// First to last.
#[derive(Clone, Debug)]
enum Layers {
    /// As config.json describes them.
    Described(Vec<Node>),
    /// As the weights tell them.
    Found(Vec<Layer>),
}

/// Reads a `.keras` file.
///
/// # Errors
/// [`Error::Io`], [`Error::Format`] where the file is not what Keras writes, [`Error::Unsupported`] where the model is no
/// straight chain.
pub fn open(path: impl AsRef<Path>) -> Result<Keras> {
    from_bytes(&read(path.as_ref())?)
}

/// As [`open`], from the bytes of a file.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(bytes: &[u8]) -> Result<Keras> {
    let graph = Graph::of(&archive::member(bytes, "config.json", CONFIG_BYTES)?)?;
    let variables = Variables::from_bytes(archive::member(bytes, "model.weights.h5", usize::MAX)?)?;
    Ok(Keras { layers: Layers::Described(graph.nodes), outputs: graph.outputs, variables })
}

/// Reads a `.weights.h5` file, which holds neither the order of the layers nor their options. Both are inferred as far
/// as groups and shapes tell them: cells, sizes, biases, directions, a GRU's reset mode where it has a bias, and the
/// order where only one lets each layer take what the one before gives. `layers` says the rest, by the names that the
/// layers have in Keras: those with something to say, or all of them, first to last, where their sizes do not tell
/// their order. Inputs and dropout are none.
///
/// ```no_run
/// use wgpu_rnn::io::keras::{self, LayerArguments};
///
/// let sequences = LayerArguments { return_sequences: Some(true), ..Default::default() };
/// let softmax = LayerArguments { activation: Some("softmax"), ..Default::default() };
/// let file = keras::open_weights("model.weights.h5", &[("lstm", sequences), ("dense", softmax)])?;
/// let weights = file.weights()?;
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`], [`Error::Format`], [`Error::MissingTensor`], [`Error::Shape`] where the file is not what Keras writes,
/// [`Error::Unsupported`] where there is a layer that this version does not know, [`Error::Argument`] where `layers` has
/// to say more, or says what does not fit.
pub fn open_weights(
    path: impl AsRef<Path>,
    layers: &[(&str, LayerArguments<'_>)],
) -> Result<Keras> {
    weights_from_bytes(read(path.as_ref())?, layers)
}

/// As [`open_weights`], from the bytes of a file.
///
/// # Errors
/// As [`open_weights`].
pub fn weights_from_bytes(bytes: Vec<u8>, layers: &[(&str, LayerArguments<'_>)]) -> Result<Keras> {
    let variables = Variables::from_bytes(bytes)?;
    let layers = weights_file::layers(&variables, layers)?;
    let outputs = layers.last().map(|layer| layer.name.clone()).into_iter().collect();
    Ok(Keras { layers: Layers::Found(layers), outputs, variables })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Io { path: path.display().to_string(), source })
}

impl Keras {
    /// The same model with the weights of a `.weights.h5` file, as `model.load_weights` has it in Keras.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`]; whether they are the weights of these layers is checked by [`Keras::weights`].
    pub fn load_weights(self, path: impl AsRef<Path>) -> Result<Self> {
        let variables = Variables::from_bytes(read(path.as_ref())?)?;
        Ok(Keras { variables, ..self })
    }

    /// The names and classes of the layers, first to last, also of those that [`Keras::weights`] refuses.
    pub fn layers(&self) -> impl Iterator<Item = (&str, &str)> {
        let (described, found) = match &self.layers {
            Layers::Described(nodes) => (nodes.as_slice(), &[][..]),
            Layers::Found(layers) => (&[][..], layers.as_slice()),
        };
        let described = described.iter().map(|node| (node.name.as_str(), node.class.as_str()));
        described.chain(found.iter().map(|layer| (layer.name.as_str(), layer.class.as_str())))
    }

    /// The layers whose outputs the model gives, first to last. A chain may have several: its layers' outputs on the way.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.layers()
            .map(|(name, _)| name)
            .filter(|name| self.outputs.iter().any(|output| output == name))
    }

    /// The model up to its last output, `batch_first` as in Keras.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the layer that this version does not compute, or its option; [`Error::MissingTensor`],
    /// [`Error::TensorDtype`], [`Error::Shape`] or [`Error::Format`] where the weights are not those of the layers;
    /// [`Error::Argument`] where no layer has weights.
    pub fn weights(&self) -> Result<ModelWeights> {
        match self.outputs().last() {
            Some(output) => self.weights_to(output),
            None => Err(invalid("the model has no output")),
        }
    }

    /// The model up to a layer, and with it.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no such layer, those of [`Keras::weights`].
    pub fn weights_to(&self, layer: &str) -> Result<ModelWeights> {
        let Some(at) = self.layers().position(|(name, _)| name == layer) else {
            let names: Vec<&str> = self.layers().map(|(name, _)| name).collect();
            return Err(Error::argument("layer", format!("one of {}", names.join(", ")), layer));
        };
        let stages = match &self.layers {
            Layers::Found(layers) => stages::stages(&layers[..=at], &self.variables)?,
            Layers::Described(nodes) => {
                let layers = nodes[..=at].iter().map(Node::layer).collect::<Result<Vec<_>>>()?;
                stages::stages(&layers, &self.variables)?
            }
        };
        ModelWeights::new(stages, true)
    }
}

/// A layer as errors name it.
fn words(name: &str, class: &str) -> String {
    format!("layer `{name}` ({class})")
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::Format { format: "Keras", reason: reason.into() }
}

fn unsupported(what: &str, reason: &str) -> Error {
    Error::Unsupported { what: what.into(), reason: reason.into() }
}
