//! Cases of Keras models: the model, and beside it what goes into it and what Keras computed.

use std::path::Path;

use wgpu_rnn::io::keras::{self, Keras};
use wgpu_rnn::io::safetensors::File;
use wgpu_rnn::ndarray::{ArrayD, Axis};
use wgpu_rnn::{Gpu, LayerConfig, LayerInput};

use crate::compare::Deviation;
use crate::failure::{Failure, Result};
use crate::{files, model_file};

/// The tensor that is the model's input.
const INPUT: &str = "x";

/// A model, and the tensors beside it.
pub struct KerasCase {
    pub name: String,
    keras: Keras,
    input: Input,
    /// The layer of each output, and what it should give.
    outputs: Vec<(String, ArrayD<f64>)>,
}

enum Input {
    Features(ArrayD<f32>),
    Ids(ArrayD<u32>),
}

impl KerasCase {
    /// Whether a file is a model with tensors beside it; a `.weights.h5` also needs the `.keras` that describes it.
    pub fn is_in(path: &Path) -> bool {
        stem(path).is_some_and(|stem| {
            let beside = |end| path.with_file_name(format!("{stem}{end}")).is_file();
            beside(".keras") && beside(".safetensors")
        })
    }

    pub fn read(path: &Path) -> Result<Self> {
        let stem = stem(path).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let failure = |error| model_file::failure(path, error);
        let keras = keras::open(path.with_file_name(format!("{stem}.keras"))).map_err(failure)?;
        let keras = match name.ends_with(".h5") {
            true => keras.load_weights(path).map_err(failure)?,
            false => keras,
        };
        let tensors = path.with_file_name(format!("{stem}.safetensors"));
        let file = files::open_safetensors(&tensors)?;
        let bad = |error| model_file::failure(&tensors, error);
        let outputs = file.names().filter(|name| *name != INPUT && !name.contains('/'));
        let outputs = outputs.map(|tensor| {
            let values = file.tensor(tensor).map_err(bad)?.mapv(f64::from);
            Ok((layer_of(&keras, tensor, &tensors)?, values))
        });
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        if outputs.is_empty() {
            return Err(Failure::file(&tensors, "no tensor but x to compare with"));
        }
        Ok(KerasCase { name, input: input(&file, &tensors)?, keras, outputs })
    }

    /// How far what a device puts out is from what Keras does.
    pub fn deviation(&self, gpu: &Gpu, config: LayerConfig) -> wgpu_rnn::Result<Deviation> {
        let mut worst = Vec::new();
        for (layer, expected) in &self.outputs {
            let model = self.keras.weights_to(layer)?.load(gpu, config)?;
            let input = match &self.input {
                Input::Features(x) => LayerInput::Features(x.view()),
                Input::Ids(ids) => LayerInput::Ids(ids.view()),
            };
            let mut y = model.forward_input(input, None, None)?.0.mapv(f64::from);
            // Keras leaves out an axis of one step.
            if y.ndim() == expected.ndim() + 1 && y.len_of(Axis(1)) == 1 {
                y = y.remove_axis(Axis(1));
            }
            worst.push(Deviation::of(layer, &y, expected));
        }
        Ok(Deviation::worst(worst))
    }
}

/// The name of a model without what says which of its files it is.
fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".keras").or_else(|| name.strip_suffix(".weights.h5"))
}

fn input(file: &File, path: &Path) -> Result<Input> {
    let bad = |error| model_file::failure(path, error);
    let Some("I32" | "I64") = file.dtype(INPUT).as_deref() else {
        return Ok(Input::Features(file.tensor(INPUT).map_err(bad)?));
    };
    let ids = file.integers(INPUT).map_err(bad)?;
    let ids: Option<Vec<u32>> = ids.into_iter().map(|id| u32::try_from(id).ok()).collect();
    let shape = file.shape(INPUT).unwrap_or_default();
    let ids = ids.and_then(|ids| ArrayD::from_shape_vec(shape, ids).ok());
    ids.map(Input::Ids).ok_or_else(|| Failure::file(path, "`x` holds no token ids"))
}

/// The layer that gives a tensor: the one of its name, the recurrent one (`sequence`), or the last output of the model.
fn layer_of(keras: &Keras, tensor: &str, path: &Path) -> Result<String> {
    let recurrent = ["LSTM", "GRU", "SimpleRNN", "Bidirectional"];
    let layer = match tensor {
        "sequence" => {
            keras.layers().find(|(_, class)| recurrent.contains(class)).map(|(name, _)| name)
        }
        "head_output" | "y" => keras.outputs().last(),
        _ => keras.layers().map(|(name, _)| name).find(|name| *name == tensor),
    };
    let missing =
        || Failure::file(path, format!("`{tensor}` is the output of no layer of the model"));
    layer.map(String::from).ok_or_else(missing)
}
