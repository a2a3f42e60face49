//! What an ONNX graph takes and puts out, and what it is made of.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use wgpu_rnn::io::onnx::{Onnx, ValueInfo};

use crate::failure::Result;
use crate::{stages, text};

pub fn print(path: &Path, onnx: &Onnx, json: bool, out: &mut dyn Write) -> Result<()> {
    let mut operators = BTreeMap::new();
    for operator in onnx.operators() {
        *operators.entry(operator).or_insert(0usize) += 1;
    }
    let weights = onnx.weights();
    if json {
        let values = |values: &[ValueInfo]| values.iter().map(to_json).collect::<Vec<_>>();
        let value = json!({
            "producer": onnx.producer(),
            "opset": onnx.opset(),
            "inputs": values(onnx.inputs()),
            "outputs": values(onnx.outputs()),
            "operators": operators,
            "stages": weights.as_ref().ok().map(stages::to_json),
            "served": weights.is_ok(),
            "reason": weights.as_ref().err().map(ToString::to_string),
        });
        writeln!(out, "{value:#}")?;
        return Ok(());
    }
    let (opset, producer) = (onnx.opset(), onnx.producer());
    let by = if producer.is_empty() { String::new() } else { format!(" by {producer}") };
    writeln!(out, "{}: ONNX, opset {opset}{by}", path.display())?;
    writeln!(out)?;
    let header = ["VALUE", "NAME", "DTYPE", "SHAPE"].map(String::from).to_vec();
    let inputs = onnx.inputs().iter().map(|value| row("input", value));
    let outputs = onnx.outputs().iter().map(|value| row("output", value));
    let rows: Vec<_> = std::iter::once(header).chain(inputs).chain(outputs).collect();
    text::table(out, &rows)?;
    writeln!(out)?;
    let operators = operators.iter().map(|(operator, count)| match count {
        1 => operator.to_string(),
        count => format!("{operator} ({count})"),
    });
    writeln!(out, "operators: {}", operators.collect::<Vec<_>>().join(", "))?;
    writeln!(out)?;
    match weights {
        Ok(weights) => text::table(out, &stages::rows(&weights))?,
        Err(error) => writeln!(out, "no stages: {error}")?,
    }
    Ok(())
}

fn row(kind: &str, value: &ValueInfo) -> Vec<String> {
    vec![kind.into(), value.name.clone(), value.dtype.to_string(), shape(value)]
}

fn shape(value: &ValueInfo) -> String {
    match &value.dims {
        None => "?".into(),
        Some(dims) => {
            let sides: Vec<String> = dims.iter().map(ToString::to_string).collect();
            format!("[{}]", sides.join(", "))
        }
    }
}

fn to_json(value: &ValueInfo) -> Value {
    let dims = value.dims.as_ref();
    let dims = dims.map(|dims| dims.iter().map(ToString::to_string).collect::<Vec<_>>());
    json!({ "name": value.name, "dtype": value.dtype.to_string(), "dims": dims })
}
