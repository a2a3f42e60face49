//! The recurrent stacks among the tensors of a safetensors file.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use wgpu_rnn::io::safetensors::File;

use crate::failure::Result;
use crate::text;

/// Other tensors that are listed for people.
const SHOWN: usize = 20;
/// What the names of a stack's tensors begin with, after its prefix.
const TENSORS: [&str; 5] = ["weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l", "weight_hr_l"];

/// A stack of recurrent layers.
struct Stack {
    prefix: String,
    cell: String,
    input_size: usize,
    hidden_size: usize,
    num_layers: usize,
    bidirectional: bool,
    bias: bool,
    dtype: String,
    /// Why it cannot be served, if it cannot.
    problem: Option<String>,
}

pub fn print(path: &Path, model: &File, json: bool, out: &mut dyn Write) -> Result<()> {
    let stacks: Vec<Stack> = model.prefixes().map(|prefix| Stack::new(model, prefix)).collect();
    let other = |name: &&str| !stacks.iter().any(|stack| stack.owns(name));
    let others: Vec<&str> = model.names().filter(other).collect();
    if json {
        let stacks: Vec<Value> = stacks.iter().map(Stack::to_json).collect();
        let others: Vec<Value> = others.iter().map(|name| tensor_json(model, name)).collect();
        let value = json!({ "recurrent": stacks, "other": others });
        writeln!(out, "{value:#}")?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: {}, {}",
        path.display(),
        text::count(stacks.len(), "recurrent stack"),
        text::count(others.len(), "other tensor")
    )?;
    if !stacks.is_empty() {
        writeln!(out)?;
        let header = "PREFIX CELL INPUT HIDDEN LAYERS DIRECTIONS BIAS DTYPE SERVED";
        let header = header.split(' ').map(String::from).collect();
        let rows: Vec<_> = std::iter::once(header).chain(stacks.iter().map(Stack::row)).collect();
        text::table(out, &rows)?;
    }
    if !others.is_empty() {
        writeln!(out)?;
        let header = ["TENSOR", "DTYPE", "SHAPE"].map(String::from).to_vec();
        let rows = others.iter().take(SHOWN).map(|name| tensor_row(model, name));
        text::table(out, &std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
        if others.len() > SHOWN {
            writeln!(out, "and {} more (--json lists all)", others.len() - SHOWN)?;
        }
    }
    Ok(())
}

impl Stack {
    fn new(model: &File, prefix: &str) -> Self {
        let path = |tensor: &str| match prefix {
            "" => tensor.to_string(),
            _ => format!("{prefix}.{tensor}"),
        };
        let side = |tensor: &str, axis: usize| {
            model.shape(&path(tensor)).and_then(|shape| shape.get(axis)).copied().unwrap_or(0)
        };
        let has = |tensor: &str| model.shape(&path(tensor)).is_some();
        let with_h = if has("weight_hr_l0") { "weight_hr_l0" } else { "weight_hh_l0" };
        let (cell, weights) = match model.cell(prefix) {
            Ok(cell) => (cell.to_string(), model.weights(prefix, cell)),
            Err(error) => ("?".to_string(), Err(error)),
        };
        Stack {
            prefix: prefix.to_string(),
            cell,
            input_size: side("weight_ih_l0", 1),
            hidden_size: side(with_h, 1),
            num_layers: (0..).take_while(|l| has(&format!("weight_ih_l{l}"))).count(),
            bidirectional: has("weight_ih_l0_reverse"),
            bias: has("bias_ih_l0"),
            dtype: model.dtype(&path("weight_ih_l0")).unwrap_or_default(),
            problem: weights.err().map(|error| error.to_string()),
        }
    }

    fn owns(&self, name: &str) -> bool {
        let rest = match self.prefix.as_str() {
            "" => Some(name),
            prefix => name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')),
        };
        rest.is_some_and(|rest| TENSORS.iter().any(|tensor| rest.starts_with(tensor)))
    }

    fn row(&self) -> Vec<String> {
        vec![
            if self.prefix.is_empty() { "\"\"".into() } else { self.prefix.clone() },
            self.cell.clone(),
            self.input_size.to_string(),
            self.hidden_size.to_string(),
            self.num_layers.to_string(),
            if self.bidirectional { "2" } else { "1" }.to_string(),
            if self.bias { "yes" } else { "no" }.to_string(),
            self.dtype.clone(),
            match &self.problem {
                None => "yes".to_string(),
                Some(reason) => format!("no: {reason}"),
            },
        ]
    }

    fn to_json(&self) -> Value {
        json!({
            "prefix": self.prefix,
            "cell": self.cell,
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "bidirectional": self.bidirectional,
            "bias": self.bias,
            "dtype": self.dtype,
            "served": self.problem.is_none(),
            "reason": self.problem,
        })
    }
}

fn tensor_row(model: &File, name: &str) -> Vec<String> {
    let shape = model.shape(name).unwrap_or_default();
    vec![name.to_string(), model.dtype(name).unwrap_or_default(), format!("{shape:?}")]
}

fn tensor_json(model: &File, name: &str) -> Value {
    json!({ "name": name, "dtype": model.dtype(name), "shape": model.shape(name) })
}
