//! Goes through the nodes of a graph, for inputs of certain shapes.

mod computing;
mod moving;
mod recurrence;

use std::collections::HashMap;

use super::builder::{Builder, Built};
use super::value::{Budget, Element, Shared, Source, Value, elements_of};
use super::{constants, support};
use crate::chain::Function;
use crate::error::{Error, Result};
use crate::io::onnx::{Dtype, Graph, Node, Tensor, invalid};

/// An input of the graph while it is gone through.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// Data of this shape.
    Shape(Vec<usize>),
    /// A constant of this run.
    Constant(Tensor),
}

/// Why the graph could not be gone through.
#[derive(Debug)]
pub(super) enum Stop {
    /// A node wants the values of this input: weights that are given at each run, or a shape.
    Needs(usize),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

/// What a graph is for inputs of certain shapes: a chain, and where its outputs come from.
pub(super) fn interpret(
    graph: &Graph,
    given: &[Given],
    budget: Budget,
) -> Result<(Built, Vec<Value>), Stop> {
    if graph.nodes.len().max(given.len()) > usize::from(u16::MAX) / 2 {
        let what = format!("a graph of {} nodes", graph.nodes.len());
        let reason = "it is too large for a chain of layers".into();
        return Err(Error::Unsupported { what, reason }.into());
    }
    support::check(graph)?;
    let budget = budget.of_graph(graph, given);
    let mut interpreter = Interpreter::new(graph, given, budget)?;
    let live = support::live(graph);
    let nodes = graph.nodes.iter().zip(&live).filter(|(_, is_live)| **is_live);
    let nodes: Vec<&Node> = nodes.map(|(node, _)| node).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    let taken = nodes.iter().flat_map(|node| &node.inputs);
    for name in taken.chain(graph.outputs.iter().map(|output| &output.name)) {
        *uses.entry(name).or_default() += 1;
    }
    for node in nodes {
        interpreter.run(node)?;
        // What no node behind this one takes, needs no memory any more.
        for name in &node.inputs {
            if let Some(left) = uses.get_mut(name.as_str()) {
                *left -= 1;
                if *left == 0 {
                    interpreter.values.remove(name.as_str());
                }
            }
        }
        for name in node.outputs.iter().filter(|name| !uses.contains_key(name.as_str())) {
            interpreter.values.remove(name.as_str());
        }
    }
    let outputs = graph.outputs.iter().map(|output| {
        let value = interpreter.values.get(output.name.as_str()).cloned();
        value.ok_or_else(|| invalid(format!("output `{}` is not made", output.name)))
    });
    let outputs = outputs.collect::<Result<Vec<_>>>()?;
    let built = interpreter.builder.finish()?;
    for (output, value) in graph.outputs.iter().zip(&outputs) {
        let is_inner = |element: &Element| match element.source {
            Source::Y(y) => y != built.y,
            _ => false,
        };
        if matches!(value, Value::Data(_, elements) if elements.iter().any(is_inner)) {
            return Err(Error::Unsupported {
                what: format!("output `{}`", output.name),
                reason:
                    "other stages follow the one that makes it: a chain puts out the last one's"
                        .into(),
            }
            .into());
        }
    }
    Ok((built, outputs))
}

struct Interpreter<'a> {
    opset: i64,
    values: HashMap<&'a str, Value>,
    /// The names that initializers have, also behind what only moves them around.
    names: HashMap<&'a str, &'a str>,
    builder: Builder,
    budget: Budget,
}

impl<'a> Interpreter<'a> {
    fn new(graph: &'a Graph, given: &[Given], budget: Budget) -> Result<Self> {
        let mut values = HashMap::new();
        for (name, tensor) in &graph.initializers {
            values.insert(name.as_str(), Value::from(tensor.clone()));
        }
        for (i, (input, given)) in graph.inputs.iter().zip(given).enumerate() {
            let value = match given {
                Given::Constant(tensor) => tensor.clone().into(),
                Given::Shape(shape) => {
                    let source = Source::Input(i as u16);
                    let mut next = 0u32..;
                    let element = |_: &[usize]| Some(Element { source, index: next.next()? });
                    let elements = elements_of(shape, &budget, element).map_err(|reason| {
                        Error::Unsupported { what: format!("input `{}`", input.name), reason }
                    })?;
                    Value::Data(input.dtype, elements)
                }
            };
            values.insert(input.name.as_str(), value);
        }
        let names = graph.initializers.keys().map(|name| (name.as_str(), name.as_str()));
        let (names, builder) = (names.collect(), Builder::default());
        Ok(Interpreter { opset: graph.opset, values, names, builder, budget })
    }

    fn run(&mut self, node: &'a Node) -> Result<(), Stop> {
        let outputs = self.outputs(node)?;
        for (place, value) in outputs.into_iter().enumerate() {
            if let Some(name) = node.output(place) {
                self.values.insert(name, value);
            }
        }
        let made = node.outputs.iter().filter(|name| !name.is_empty());
        match made.clone().find(|name| !self.values.contains_key(name.as_str())) {
            Some(name) => Err(node.invalid(format!("has no output such as `{name}`")).into()),
            None => {
                self.keep_name(node);
                Ok(())
            }
        }
    }

    /// A weight keeps its name where it is transposed.
    fn keep_name(&mut self, node: &'a Node) {
        let is_same = matches!(node.op.as_str(), "Transpose" | "Identity" | "Cast" | "Unsqueeze");
        let name = node.input(0).and_then(|input| self.names.get(input).copied());
        if let (true, Some(name), Some(output)) = (is_same, name, node.output(0)) {
            self.names.insert(output, name);
        }
    }

    fn outputs(&mut self, node: &'a Node) -> Result<Vec<Value>, Stop> {
        let one = |value: Value| vec![value];
        Ok(match node.op.as_str() {
            "LSTM" | "GRU" | "RNN" => self.recurrent(node)?,
            "Gemm" => one(self.gemm(node)?),
            "MatMul" => one(self.matmul(node)?),
            "Add" => one(self.add(node)?),
            "Sub" | "Mul" | "Div" | "Equal" => {
                let (a, b) = (self.constant(node, 0)?, self.constant(node, 1)?);
                one(constants::binary(node, &a, &b, &self.budget)?)
            }
            "Where" => {
                let [a, b] = [self.constant(node, 1)?, self.constant(node, 2)?];
                let condition = self.constant(node, 0)?;
                one(constants::choose(node, [&condition, &a, &b], &self.budget)?)
            }
            "Relu" => one(self.map(node, Function::Relu)?),
            "Tanh" => one(self.map(node, Function::Tanh)?),
            "Sigmoid" => one(self.map(node, Function::Sigmoid)?),
            "Softmax" => one(self.softmax(node, Function::Softmax)?),
            "LogSoftmax" => one(self.softmax(node, Function::LogSoftmax)?),
            "Dropout" => one(self.dropout(node)?),
            "Identity" => {
                node.attributes(&[])?;
                one(self.value(node, 0)?.clone())
            }
            "Cast" => {
                let to = constants::cast_to(node)?;
                one(constants::cast(node, self.value(node, 0)?, to, &self.budget)?)
            }
            "Constant" => one(constants::constant(node)?),
            "ConstantOfShape" => {
                let shape = self.shape_of_ints(node, 0)?;
                one(constants::constant_of_shape(node, &shape, &self.budget)?)
            }
            "Shape" => one(self.shape(node)?),
            "Gather" => one(self.gather(node)?),
            "Concat" => one(self.concat(node)?),
            "Split" => self.split(node)?,
            _ => {
                let movement = self.movement(node)?;
                one(self.moved(node, self.value(node, 0)?, &movement)?)
            }
        })
    }

    fn value(&self, node: &Node, place: usize) -> Result<&Value> {
        let value = node.input(place).and_then(|name| self.values.get(name));
        value.ok_or_else(|| node.invalid(format!("has no input {place}")))
    }

    /// The name of the initializer behind an input.
    fn name(&self, node: &Node, place: usize) -> Option<&'a str> {
        self.names.get(node.input(place)?).copied()
    }

    /// An input that has to be known before a run.
    fn constant(&self, node: &Node, place: usize) -> Result<Value, Stop> {
        let value = self.value(node, place)?;
        let Value::Data(_, elements) = value else { return Ok(value.clone()) };
        let inputs = elements.iter().map(|element| match element.source {
            Source::Input(input) => Some(usize::from(input)),
            _ => None,
        });
        let inputs: Option<Vec<usize>> = inputs.collect();
        match inputs.as_deref() {
            Some([input, ..]) => Err(Stop::Needs(*input)),
            _ => {
                let name = node.input(place).unwrap_or_default();
                let reason = format!("its input `{name}` depends on what a run computes");
                Err(node.unsupported(reason).into())
            }
        }
    }

    fn floats(&self, node: &Node, place: usize) -> Result<Shared<f32>, Stop> {
        match self.constant(node, place)? {
            Value::F32(array) => Ok(array),
            other => {
                let name = node.input(place).unwrap_or_default().into();
                Err(Error::TensorDtype { name, given: other.dtype().to_string() }.into())
            }
        }
    }

    /// A constant of no or one axis.
    fn ints(&self, node: &Node, place: usize) -> Result<Vec<i64>, Stop> {
        match self.constant(node, place)? {
            Value::I64(array) if array.ndim() <= 1 => Ok(array.iter().copied().collect()),
            other => {
                let (dtype, shape) = (other.dtype(), other.shape());
                let reason =
                    format!("its input {place} is {dtype} {shape:?}, expected I64 of one axis");
                Err(node.invalid(reason).into())
            }
        }
    }

    fn shape_of_ints(&self, node: &Node, place: usize) -> Result<Vec<usize>, Stop> {
        let sides = self.ints(node, place)?;
        let shape = sides.iter().map(|side| usize::try_from(*side).ok());
        let shape: Option<Vec<usize>> = shape.collect();
        // More than an address can count is more than the budget.
        shape.ok_or_else(|| node.invalid(format!("{sides:?} is no shape")).into())
    }

    /// An input that is data, of floats or of integers.
    fn data(&self, node: &Node, place: usize, wanted: Dtype) -> Result<Shared<Element>> {
        match self.value(node, place)? {
            Value::Data(dtype, elements) if *dtype == wanted => Ok(elements.clone()),
            Value::Data(dtype, _) => {
                Err(node.invalid(format!("its input {place} is {dtype}, expected {wanted}")))
            }
            _ => Err(node.unsupported("its input is a constant, which no run computes with")),
        }
    }
}
