//! The models that Keras wrote, from both kinds of file, against what Keras computed.

use std::error::Error;

use wgpu_rnn::io::keras::Keras;
use wgpu_rnn::{Gpu, LayerInput};

use crate::common::compare::{F32, compare};
use crate::common::keras::{Input, Model, all};
use crate::common::trials::GpuTest;

pub fn tests() -> Vec<GpuTest> {
    let test = |model: Model| {
        GpuTest::new(format!("keras::{}", model.name), move |gpu| -> Result<(), Box<dyn Error>> {
            check(gpu, &model, &model.keras()?)?;
            model.weights_file().map_or(Ok(()), |keras| check(gpu, &model, &keras?))
        })
    };
    all().into_iter().map(test).collect()
}

fn check(gpu: &Gpu, model: &Model, keras: &Keras) -> Result<(), Box<dyn Error>> {
    let input = model.input();
    let input = match &input {
        Input::Features(x) => LayerInput::Features(x.view()),
        Input::Ids(ids) => LayerInput::Ids(ids.view().into_dyn()),
    };
    for (output, layer) in model.outputs {
        let loaded = keras.weights_to(layer)?.load(gpu, Default::default())?;
        let (y, _) = loaded.forward_input(input.clone(), None, None)?;
        compare(output, &y, &model.expected(output), F32).verdict()?;
    }
    Ok(())
}
