//! What can be told of a graph whatever the sizes of its inputs are: nodes that no sizes make run.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result};
use crate::io::onnx::{Dtype, Graph, Node};

/// What a name stands for, in the order in which one outweighs the other.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// The file, or shapes.
    Known,
    /// Floats that the graph takes, moved around: data, weights or states.
    Input,
    /// What this node computes of such floats: weights can be.
    Folded(&'a Node),
    /// What a stage of the chain computes.
    Run,
}

/// What an operator does with its inputs.
enum Role {
    /// It is a stage: its first input is data.
    Stage,
    /// It computes on constants; Add also adds to what a stage puts out.
    Arithmetic,
    /// Its result is known before a run.
    Known,
    /// It moves its first input around.
    Movement,
    /// It moves all of its inputs.
    Concat,
}

fn role(op: &str) -> Option<Role> {
    Some(match op {
        "LSTM" | "GRU" | "RNN" | "Gemm" | "MatMul" | "Relu" | "Tanh" | "Sigmoid" | "Softmax"
        | "LogSoftmax" => Role::Stage,
        "Add" | "Sub" | "Mul" | "Div" | "Equal" | "Where" => Role::Arithmetic,
        "Constant" | "ConstantOfShape" | "Shape" => Role::Known,
        "Dropout" | "Identity" | "Cast" | "Split" | "Transpose" | "Reshape" | "Flatten"
        | "Squeeze" | "Unsqueeze" | "Expand" | "Slice" | "Gather" => Role::Movement,
        "Concat" => Role::Concat,
        _ => return None,
    })
}

pub(super) fn unknown(node: &Node) -> Error {
    node.unsupported("it is none of the operators that are run")
}

/// The nodes that outputs depend on are all of operators that are run, and what is computed of an input is no data of a
/// stage.
pub(super) fn check(graph: &Graph) -> Result<()> {
    let live = live(graph);
    let nodes = graph.nodes.iter().zip(&live).filter(|(_, is_live)| **is_live);
    let mut origins: HashMap<&str, Origin<'_>> = HashMap::new();
    let floats = graph.inputs.iter().filter(|input| input.dtype == Dtype::F32);
    origins.extend(floats.map(|input| (input.name.as_str(), Origin::Input)));
    for (node, _) in nodes {
        let role = role(&node.op).ok_or_else(|| unknown(node))?;
        let of = |place: usize| {
            let name = node.input(place);
            name.and_then(|name| origins.get(name).copied()).unwrap_or(Origin::Known)
        };
        let all = (0..node.inputs.len()).map(of).fold(Origin::Known, Origin::or);
        let origin = match role {
            Role::Stage => {
                if let Origin::Folded(folding) = of(0) {
                    let reason =
                        "it computes on an input of the graph, which no stage of a chain does";
                    return Err(folding.unsupported(reason));
                }
                Origin::Run
            }
            Role::Arithmetic => match all {
                Origin::Input => Origin::Folded(node),
                other => other,
            },
            Role::Known => Origin::Known,
            Role::Movement => of(0),
            Role::Concat => all,
        };
        origins.extend(node.outputs.iter().map(|output| (output.as_str(), origin)));
    }
    Ok(())
}

impl<'a> Origin<'a> {
    fn or(self, other: Origin<'a>) -> Origin<'a> {
        match (self, other) {
            (Origin::Run, _) | (_, Origin::Run) => Origin::Run,
            (Origin::Folded(node), _) | (_, Origin::Folded(node)) => Origin::Folded(node),
            (Origin::Input, _) | (_, Origin::Input) => Origin::Input,
            (Origin::Known, Origin::Known) => Origin::Known,
        }
    }
}

/// Which nodes an output depends on.
pub(super) fn live(graph: &Graph) -> Vec<bool> {
    let mut wanted: HashSet<&str> = graph.outputs.iter().map(|o| o.name.as_str()).collect();
    let mut live = vec![false; graph.nodes.len()];
    for (node, is_live) in graph.nodes.iter().zip(&mut live).rev() {
        *is_live = node.outputs.iter().any(|output| wanted.contains(output.as_str()));
        if *is_live {
            wanted.extend(node.inputs.iter().filter(|name| !name.is_empty()).map(String::as_str));
        }
    }
    live
}
