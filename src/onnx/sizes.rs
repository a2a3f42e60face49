//! The sizes of a graph's inputs: those that a run gives, and stand-ins for those that the file leaves open.

use std::collections::HashMap;

use super::interpret::{Given, Stop, interpret};
use super::value::Budget;
use super::wiring::Wiring;
use crate::error::{Error, Result};
use crate::io::onnx::{Dim, Graph, Tensor, ValueInfo};
use crate::weights::ModelWeights;

/// In the order of the graph, each fit for what it is given to.
pub(super) fn ordered<'a>(graph: &Graph, inputs: &'a [(&str, Tensor)]) -> Result<Vec<&'a Tensor>> {
    for (i, (name, _)) in inputs.iter().enumerate() {
        let is_input = graph.inputs.iter().any(|input| input.name == *name);
        if !is_input || inputs[..i].iter().any(|(other, _)| other == name) {
            let names: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
            let expected = format!("each of {} once", names.join(", "));
            return Err(Error::argument("inputs", expected, format!("with `{name}` at {i}")));
        }
    }
    let mut named = HashMap::new();
    let ordered = graph.inputs.iter().map(|info| {
        let given = inputs.iter().find(|(name, _)| *name == info.name);
        let (_, tensor) = given
            .ok_or_else(|| Error::argument(&info.name, "a tensor: it is an input", "missing"))?;
        if tensor.dtype() != info.dtype {
            return Err(Error::argument(&info.name, format!("of {}", info.dtype), tensor.dtype()));
        }
        check_dims(info, tensor.shape(), &mut named)?;
        Ok(tensor)
    });
    ordered.collect()
}

fn check_dims<'a>(
    info: &'a ValueInfo,
    shape: &[usize],
    named: &mut HashMap<&'a str, usize>,
) -> Result<()> {
    let Some(dims) = &info.dims else { return Ok(()) };
    let mut fits = |(dim, side): (&'a Dim, &usize)| match dim {
        Dim::Known(known) => known == side,
        Dim::Named(name) if name.is_empty() => true,
        Dim::Named(name) => named.entry(name).or_insert(*side) == side,
    };
    if dims.len() == shape.len() && dims.iter().zip(shape).all(&mut fits) {
        return Ok(());
    }
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    Err(Error::shape(&info.name, format!("[{}]", dims.join(", ")), shape))
}

/// Whether the inputs of a run tell more than the file, or are so large that the graph is better gone through for them
/// alone.
pub(super) fn is_left_to_runs(graph: &Graph) -> bool {
    let sides = |input: &ValueInfo| {
        let sides = input.dims.iter().flatten().map(|dim| match dim {
            Dim::Known(side) => *side,
            Dim::Named(_) => 1,
        });
        sides.fold(1, usize::saturating_mul)
    };
    is_open(graph) || graph.inputs.iter().any(|input| sides(input) > LARGE)
}

/// Elements of an input.
const LARGE: usize = 1 << 22;

/// Whether the file leaves a size open.
fn is_open(graph: &Graph) -> bool {
    graph.inputs.iter().any(|input| match &input.dims {
        None => true,
        Some(dims) => dims.iter().any(|dim| matches!(dim, Dim::Named(_))),
    })
}

/// The stages of a graph, whatever the sizes are that the file leaves open: those of two sets of sizes have to be the
/// same. A place counted from the front is the last one of no two lengths. `check` may refuse them.
pub(super) fn weights(
    graph: &Graph,
    check: fn(&Wiring) -> Result<()>,
) -> Result<ModelWeights, Stop> {
    let of = |first| -> Result<ModelWeights, Stop> {
        let (built, outputs) = interpret(graph, &stand_ins(graph, first)?, Budget::of_file())?;
        let wiring = Wiring::new(&built, graph, outputs);
        check(&wiring)?;
        Ok(built.weights(wiring.is_batch_first())?)
    };
    let weights = of(11)?;
    if is_open(graph) && of(16)? != weights {
        let what = "a graph whose stages depend on the sizes of its inputs".into();
        let reason = "what they are is known when it runs".into();
        return Err(Error::Unsupported { what, reason }.into());
    }
    Ok(weights)
}

/// Each name has a size of its own, from `first` on.
fn stand_ins(graph: &Graph, first: usize) -> Result<Vec<Given>> {
    let mut named: HashMap<&str, usize> = HashMap::new();
    let mut next = first..;
    let shapes = graph.inputs.iter().map(|input| {
        let unknown = || Error::Unsupported {
            what: format!("input `{}` of any number of axes", input.name),
            reason: "what the graph does with it is known when it runs".into(),
        };
        let dims = input.dims.as_ref().ok_or_else(unknown)?;
        let sides = dims.iter().map(|dim| match dim {
            Dim::Known(side) => *side,
            Dim::Named(name) if name.is_empty() => next.next().unwrap_or(first),
            Dim::Named(name) => *named.entry(name).or_insert_with(|| next.next().unwrap_or(first)),
        });
        Ok(Given::Shape(sides.collect()))
    });
    shapes.collect()
}
