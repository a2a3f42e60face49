//! The stages of a whole model, as a table.

use serde_json::{Value, json};
use wgpu_rnn::{Cell, ModelWeights, StageWeights};

/// A row for each stage, after a header.
pub fn rows(weights: &ModelWeights) -> Vec<Vec<String>> {
    let header = ["STAGE", "KIND", "INPUT", "OUTPUT", "LAYERS", "DIRECTION"];
    let header = header.map(String::from).to_vec();
    std::iter::once(header).chain(weights.stages().iter().map(row)).collect()
}

fn row((name, stage): &(String, StageWeights)) -> Vec<String> {
    let (kind, sizes) = describe(stage);
    let [input, output] =
        sizes.map_or(["-".into(), "-".into()], |sizes| sizes.map(|n| n.to_string()));
    let (layers, direction) = match stage {
        StageWeights::Recurrent(weights) => {
            let sizes = weights.sizes();
            let direction = format!("{:?}", sizes.direction).to_lowercase();
            (sizes.num_layers.to_string(), direction)
        }
        _ => (String::new(), String::new()),
    };
    let name = if name.is_empty() { "-".into() } else { name.clone() };
    vec![name, kind, input, output, layers, direction]
}

pub fn to_json(weights: &ModelWeights) -> Value {
    let stage = |(name, stage): &(String, StageWeights)| {
        let (kind, sizes) = describe(stage);
        let mut value = json!({ "name": name, "kind": kind });
        if let Some([input, output]) = sizes {
            value["input_size"] = input.into();
            value["output_size"] = output.into();
        }
        if let StageWeights::Recurrent(weights) = stage {
            let sizes = weights.sizes();
            value["hidden_size"] = sizes.hidden_size.into();
            value["num_layers"] = sizes.num_layers.into();
            value["direction"] = format!("{:?}", sizes.direction).to_lowercase().into();
        }
        value
    };
    weights.stages().iter().map(stage).collect()
}

/// What it is, and its input and output size where it has its own.
fn describe(stage: &StageWeights) -> (String, Option<[usize; 2]>) {
    match stage {
        StageWeights::Recurrent(weights) => {
            let sizes = weights.sizes();
            let cell = match sizes.cell {
                Cell::Gru { reset_after: false } => "GRU, reset before".into(),
                cell => cell.to_string(),
            };
            (cell, Some([sizes.input_size, sizes.output_size()]))
        }
        StageWeights::Linear { weight, .. } => {
            ("Linear".into(), Some([weight.ncols(), weight.nrows()]))
        }
        StageWeights::Embedding { weight } => {
            ("Embedding".into(), Some([weight.nrows(), weight.ncols()]))
        }
        StageWeights::Function(function) => (format!("{function:?}"), None),
        StageWeights::Last(last) => (format!("Last {last:?}"), None),
        _ => ("?".into(), None),
    }
}
