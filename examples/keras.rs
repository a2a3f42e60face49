//! Runs a model that Keras 3 saved, from token ids to the probabilities of classes:
//!
//!     cargo run --features keras --example keras [-- model.keras [model.safetensors]]
//!
//! In Python, such a model is made and saved by
//!
//! ```python
//! import keras
//! from keras import layers
//!
//! model = keras.Sequential([
//!     layers.Input((None,), dtype="int32"),
//!     layers.Embedding(11, 4),
//!     layers.GRU(5),
//!     layers.Dense(3, activation="softmax"),
//! ])
//! model.compile("adam", "sparse_categorical_crossentropy")
//! model.fit(ids, classes)  # ids [batch, seq_len]
//! model.save("model.keras")
//! ```
//!
//! The model that is run by default is this one, with random weights. Where a second file is named, the weights are saved
//! there by PyTorch's names, for `load_state_dict(safetensors.torch.load_file("model.safetensors"))` of its modules.

use std::error::Error;

use wgpu_rnn::ndarray::{Array2, Array3};
use wgpu_rnn::{Gpu, LayerInput, StageWeights, io};

const DEFAULT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keras/embedding_gru.keras");

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or(DEFAULT.into());
    let keras = io::keras::open(&path)?;
    for (name, class) in keras.layers() {
        println!("{name}: {class}");
    }
    let weights = keras.weights()?;
    if let Some(path) = std::env::args().nth(2) {
        weights.save(path)?;
    }
    let gpu = Gpu::new()?;
    let model = weights.load(&gpu, Default::default())?;
    let (batch, seq_len) = (2, 6);
    let y = match weights.stages().first() {
        Some((_, StageWeights::Embedding { weight })) => {
            let id = |(b, t)| ((b + 2 * t) % weight.nrows()) as u32;
            let ids = Array2::from_shape_fn((batch, seq_len), id);
            println!("ids [batch, seq_len]:\n{ids}");
            model.forward_input(LayerInput::Ids(ids.view().into_dyn()), None, None)?.0
        }
        _ => {
            let x = Array3::<f32>::ones((batch, seq_len, weights.input_size()));
            model.forward(x.view(), None)?.0.into_dyn()
        }
    };
    // Keras leaves out an axis of one step.
    println!("y {:?}:\n{y:.4}", y.shape());
    Ok(())
}
