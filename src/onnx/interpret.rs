//! Goes through the nodes of a graph, for inputs of certain shapes.

use std::collections::{HashMap, HashSet};

use ndarray::{Array1, Array2, Ix2, IxDyn};

use super::builder::{Builder, Built};
use super::constants;
use super::movements::{self, SliceArguments};
use super::recurrent::{Attributes, Constants};
use super::value::{Budget, Element, Movement, Shared, Source, Value, elements_of};
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
pub(super) fn interpret(graph: &Graph, given: &[Given]) -> Result<(Built, Vec<Value>), Stop> {
    if graph.nodes.len().max(given.len()) > usize::from(u16::MAX) / 2 {
        let what = format!("a graph of {} nodes", graph.nodes.len());
        let reason = "it is too large for a chain of layers".into();
        return Err(Error::Unsupported { what, reason }.into());
    }
    let mut interpreter = Interpreter::new(graph, given)?;
    let live = live(graph);
    for (node, _) in graph.nodes.iter().zip(&live).filter(|(_, is_live)| **is_live) {
        interpreter.run(node)?;
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

/// Which nodes an output depends on.
fn live(graph: &Graph) -> Vec<bool> {
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

struct Interpreter<'a> {
    opset: i64,
    values: HashMap<&'a str, Value>,
    /// The names that initializers have, also behind what only moves them around.
    names: HashMap<&'a str, &'a str>,
    builder: Builder,
    budget: Budget,
}

impl<'a> Interpreter<'a> {
    fn new(graph: &'a Graph, given: &[Given]) -> Result<Self> {
        let budget = Budget::new();
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
                one(constants::cast(node, self.value(node, 0)?, to)?)
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

    /// Of a node that only moves the elements of its first input around.
    fn movement(&self, node: &Node) -> Result<Movement, Stop> {
        // From opset 13 on, axes are an input.
        let axes = |new: i64| -> Result<Option<Vec<i64>>, Stop> {
            if self.opset >= new {
                node.attributes(&[])?;
                return node.input(1).map(|_| self.ints(node, 1)).transpose();
            }
            Ok(node.attributes(&["axes"])?.ints("axes")?.map(<[i64]>::to_vec))
        };
        Ok(match node.op.as_str() {
            "Transpose" => movements::transpose(node, self.value(node, 0)?)?,
            "Reshape" => movements::reshape(node, self.value(node, 0)?, &self.ints(node, 1)?)?,
            "Flatten" => movements::flatten(node, self.value(node, 0)?)?,
            "Squeeze" => movements::squeeze(node, self.value(node, 0)?, axes(13)?.as_deref())?,
            "Unsqueeze" => {
                let axes = axes(13)?.ok_or_else(|| node.invalid("has no axes"))?;
                movements::unsqueeze(node, self.value(node, 0)?, &axes)?
            }
            "Expand" => {
                node.attributes(&[])?;
                let (given, wanted) = (self.value(node, 0)?.shape(), self.shape_of_ints(node, 1)?);
                Movement::Expand(movements::broadcast_shape(node, given, &wanted)?)
            }
            "Slice" => movements::slice(node, self.value(node, 0)?, self.slice(node)?)?,
            _ => return Err(node.unsupported("it is none of the operators that are run").into()),
        })
    }

    /// From opset 10 on, all are inputs.
    fn slice(&self, node: &Node) -> Result<SliceArguments, Stop> {
        if self.opset >= 10 {
            node.attributes(&[])?;
            let optional = |place| node.input(place).map(|_| self.ints(node, place)).transpose();
            return Ok(SliceArguments {
                starts: self.ints(node, 1)?,
                ends: self.ints(node, 2)?,
                axes: optional(3)?,
                steps: optional(4)?,
            });
        }
        let attributes = node.attributes(&["starts", "ends", "axes"])?;
        let ints = |name| Ok::<_, Error>(attributes.ints(name)?.map(<[i64]>::to_vec));
        let missing = || node.invalid("has no starts or no ends");
        Ok(SliceArguments {
            starts: ints("starts")?.ok_or_else(missing)?,
            ends: ints("ends")?.ok_or_else(missing)?,
            axes: ints("axes")?,
            steps: None,
        })
    }

    fn moved(&self, node: &Node, value: &Value, movement: &Movement) -> Result<Value> {
        value.moved(movement, &self.budget).map_err(|reason| node.unsupported(reason))
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

    fn shape(&self, node: &Node) -> Result<Value> {
        let attributes = node.attributes(&["start", "end"])?;
        let shape = self.value(node, 0)?.shape();
        let rank = shape.len() as i64;
        let bound = |bound: i64| {
            (if bound < 0 { bound.saturating_add(rank) } else { bound }).clamp(0, rank) as usize
        };
        let first = bound(attributes.int("start")?.unwrap_or(0));
        let end = bound(attributes.int("end")?.unwrap_or(rank)).max(first);
        Ok(constants::integers(shape[first..end].iter().map(|side| *side as i64).collect()))
    }

    fn dropout(&self, node: &Node) -> Result<Value, Stop> {
        node.attributes(&["ratio", "seed"])?;
        if node.output(1).is_some() {
            return Err(node.unsupported("its mask is of training runs").into());
        }
        if node.input(2).is_some() {
            let is_off =
                matches!(self.constant(node, 2)?, Value::Bool(is) if !is.iter().any(|is| *is));
            if !is_off {
                return Err(node.unsupported("it is in training mode").into());
            }
        }
        Ok(self.value(node, 0)?.clone())
    }

    fn concat(&self, node: &Node) -> Result<Value> {
        let axis = node.attributes(&["axis"])?.int("axis")?;
        let axis = axis.ok_or_else(|| node.invalid("has no axis"))?;
        let values = (0..node.inputs.len()).map(|place| self.value(node, place));
        let values = values.collect::<Result<Vec<_>>>()?;
        let rank = values.first().map_or(0, |value| value.shape().len());
        let axis = movements::axis_of(node, axis, rank)?;
        Value::concatenated(&values, axis, &self.budget).map_err(|reason| node.unsupported(reason))
    }

    fn split(&self, node: &Node) -> Result<Vec<Value>, Stop> {
        let attributes = match self.opset {
            ..13 => node.attributes(&["axis", "split"])?,
            _ => node.attributes(&["axis", "num_outputs"])?,
        };
        let value = self.value(node, 0)?;
        let axis = attributes.int("axis")?.unwrap_or(0);
        let axis = movements::axis_of(node, axis, value.shape().len())?;
        let (side, parts) = (value.shape()[axis], node.outputs.len().max(1));
        let sides = match (node.input(1), self.opset) {
            (Some(_), 13..) => self.shape_of_ints(node, 1)?,
            _ => match attributes.ints("split") {
                Ok(Some(sides)) if self.opset < 13 => {
                    sides.iter().map(|side| usize::try_from(*side).unwrap_or(usize::MAX)).collect()
                }
                _ => {
                    let most = side.div_ceil(parts);
                    (0..parts).map(|n| most.min(side.saturating_sub(n * most))).collect()
                }
            },
        };
        let sum = sides.iter().fold(0usize, |sum, side| sum.saturating_add(*side));
        if sides.len() != parts || sum != side {
            return Err(node.invalid(format!("{side} does not split into {sides:?}")).into());
        }
        let mut first = 0;
        let part = |side: usize| {
            let range = movements::part(axis, first, side);
            first += side;
            self.moved(node, value, &range)
        };
        Ok(sides.into_iter().map(part).collect::<Result<_>>()?)
    }

    fn gather(&mut self, node: &Node) -> Result<Value, Stop> {
        let is_table = matches!(self.value(node, 0)?, Value::F32(_));
        if let (true, Value::Data(..)) = (is_table, self.value(node, 1)?) {
            let axis = node.attributes(&["axis"])?.int("axis")?.unwrap_or(0);
            let table = self.floats(node, 0)?;
            let rank = table.ndim();
            let table: Result<Array2<f32>, _> = table.into_owned().into_dimensionality();
            let (0, Ok(table)) = (axis, table) else {
                let reason = format!("ids that pick along axis {axis} of {rank}");
                return Err(node.unsupported(reason).into());
            };
            let (ids, name) = (self.data(node, 1, Dtype::I64)?, self.name(node, 0));
            let y = self.builder.embedding(node, &ids, table, name, &self.budget)?;
            return Ok(Value::Data(Dtype::F32, y));
        }
        match self.constant(node, 1)? {
            Value::I64(indices) => {
                let value = self.value(node, 0)?;
                let movement = movements::gather(node, value, &indices)?;
                Ok(self.moved(node, value, &movement)?)
            }
            other => {
                Err(node.invalid(format!("its indices are {}, expected I64", other.dtype())).into())
            }
        }
    }

    fn map(&mut self, node: &Node, function: Function) -> Result<Value> {
        node.attributes(&[])?;
        let x = self.data(node, 0, Dtype::F32)?;
        let y = self.builder.map(node, x, function, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y))
    }

    fn softmax(&mut self, node: &Node, function: Function) -> Result<Value> {
        let (default, is_old) = if self.opset < 13 { (1, true) } else { (-1, false) };
        let axis = node.attributes(&["axis"])?.int("axis")?.unwrap_or(default);
        let x = self.data(node, 0, Dtype::F32)?;
        let rank = x.ndim();
        let axis = movements::axis_of(node, axis, rank)?;
        if is_old {
            // Before opset 13 the function is of all axes from this one on.
            let shape = x.shape().to_vec();
            let sides = [shape[..axis].iter().product(), shape[axis..].iter().product()];
            let x = self.reshaped(node, x, &sides)?;
            let y = self.builder.map_rows(node, x, function, &self.budget)?;
            return Ok(Value::Data(Dtype::F32, self.reshaped(node, y, &shape)?));
        }
        let mut axes: Vec<usize> = (0..rank).filter(|other| *other != axis).collect();
        axes.push(axis);
        let mut back = vec![0; rank];
        axes.iter().enumerate().for_each(|(place, axis)| back[*axis] = place);
        let x = x.permuted_axes(IxDyn(&axes));
        let y = self.builder.map_rows(node, x, function, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y.permuted_axes(IxDyn(&back))))
    }

    fn reshaped(
        &self,
        node: &Node,
        x: Shared<Element>,
        shape: &[usize],
    ) -> Result<Shared<Element>> {
        let value = Value::Data(Dtype::F32, x);
        match self.moved(node, &value, &Movement::Reshape(shape.to_vec()))? {
            Value::Data(_, x) => Ok(x),
            _ => Err(node.invalid("is of no data")),
        }
    }

    fn matmul(&mut self, node: &Node) -> Result<Value, Stop> {
        node.attributes(&[])?;
        let x = self.data(node, 0, Dtype::F32)?;
        let weight = self.floats(node, 1)?;
        // Axes of length 1 before the matrix only matter for the rank of the result.
        let rank = weight.ndim();
        let is_matrix = rank >= 2 && weight.shape()[..rank - 2].iter().all(|side| *side == 1);
        if !is_matrix || rank > x.ndim().max(2) {
            let shape = weight.shape();
            return Err(node.unsupported(format!("weights {shape:?} that are no matrix")).into());
        }
        let matrix = weight.shape()[rank - 2..].to_vec();
        let weight = weight.as_standard_layout().into_owned().into_shape_with_order(matrix);
        let weight = weight.map_err(|error| node.invalid(error))?;
        let weight = weight.into_dimensionality::<Ix2>().map_err(|error| node.invalid(error))?;
        let weight = weight.t().as_standard_layout().into_owned();
        let name = self.name(node, 1);
        let y = self.builder.linear(node, x, (weight, None), name, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y))
    }

    fn gemm(&mut self, node: &Node) -> Result<Value, Stop> {
        let attributes = node.attributes(&["alpha", "beta", "transA", "transB"])?;
        let alpha = attributes.float("alpha")?.unwrap_or(1.0);
        let beta = attributes.float("beta")?.unwrap_or(1.0);
        let mut x = self.data(node, 0, Dtype::F32)?;
        let weight = self.floats(node, 1)?;
        let (x_shape, shape) = (x.shape().to_vec(), weight.shape().to_vec());
        let misfit = || node.invalid(format!("{x_shape:?} and {shape:?} are no two matrices"));
        if x.ndim() != 2 {
            return Err(misfit().into());
        }
        if attributes.flag("transA")? {
            x = x.permuted_axes(IxDyn(&[1, 0]));
        }
        let weight = weight.into_owned().into_dimensionality::<Ix2>().map_err(|_| misfit())?;
        let weight = if attributes.flag("transB")? { weight } else { weight.reversed_axes() };
        let weight = weight.as_standard_layout().mapv(|w| alpha * w);
        let outputs = weight.nrows();
        let bias = node.input(2).map(|_| self.floats(node, 2)).transpose()?;
        let bias = bias.map(|bias| self.row(node, &bias, outputs));
        let bias = bias.transpose()?.map(|bias| bias.mapv(|b| beta * b));
        let name = self.name(node, 1);
        let y = self.builder.linear(node, x, (weight, bias), name, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y))
    }

    /// What is added to each row of `[M, outputs]`.
    fn row(&self, node: &Node, bias: &Shared<f32>, outputs: usize) -> Result<Array1<f32>> {
        let misfit = || {
            let shape = bias.shape();
            node.unsupported(format!("C {shape:?} is not one row of {outputs}"))
        };
        let is_row = bias.ndim() < 2 || bias.shape()[0] == 1;
        let row = bias.broadcast(IxDyn(&[1, outputs])).filter(|_| is_row).ok_or_else(misfit)?;
        Ok(row.iter().copied().collect())
    }

    fn add(&mut self, node: &Node) -> Result<Value, Stop> {
        node.attributes(&[])?;
        // Either may be the bias. Of two inputs of a graph the second one is.
        let is_run = |place| match self.value(node, place) {
            Ok(Value::Data(_, elements)) => {
                elements.iter().any(|element| !matches!(element.source, Source::Input(_)))
            }
            _ => false,
        };
        let (x, b) = match (is_run(0), is_run(1)) {
            (true, false) => (0, 1),
            (false, true) => (1, 0),
            (true, true) => {
                return Err(node.unsupported("both of its inputs are results of the run").into());
            }
            (false, false) => {
                let (a, b) = (self.constant(node, 0)?, self.constant(node, 1)?);
                return Ok(constants::binary(node, &a, &b, &self.budget)?);
            }
        };
        let (x, bias) =
            (self.data(node, x, Dtype::F32)?, (self.floats(node, b)?, self.name(node, b)));
        let (bias, name) = bias;
        let shape = movements::broadcast_shape(node, x.shape(), bias.shape())?;
        let bias = bias.broadcast(shape.as_slice()).filter(|_| shape == x.shape());
        let bias =
            bias.ok_or_else(|| node.unsupported("its constant has more elements than its data"))?;
        let y = self.builder.add(node, x, &bias, name)?;
        Ok(Value::Data(Dtype::F32, y))
    }

    fn recurrent(&mut self, node: &Node) -> Result<Vec<Value>, Stop> {
        let attributes = Attributes::of(node)?;
        let (batch_first, has_c) = (attributes.batch_first, attributes.has_c());
        let optional = |place| node.input(place).map(|_| self.floats(node, place)).transpose();
        let constants = Constants {
            w: self.floats(node, 1)?,
            r: self.floats(node, 2)?,
            b: optional(3)?,
            p: if has_c { optional(7)? } else { None },
        };
        let most = if has_c { 8 } else { 6 };
        if node.inputs.len() > most {
            return Err(node.invalid(format!("has more than {most} inputs")).into());
        }
        let mut x = self.data(node, 0, Dtype::F32)?;
        if x.ndim() != 3 {
            return Err(node.invalid(format!("X {:?} has not three axes", x.shape())).into());
        }
        if batch_first {
            x = x.permuted_axes(IxDyn(&[1, 0, 2]));
        }
        let (steps, batch) = (x.shape()[0], x.shape()[1]);
        let mut layer = attributes.layer(node, &constants)?;
        let features = constants.w.shape()[2];
        if x.shape()[2] != features {
            let reason = format!("X has {} features, W takes {features}", x.shape()[2]);
            return Err(node.invalid(reason).into());
        }
        let shape = [layer.directions.len(), batch, layer.hidden_size()];
        for (state, place) in layer.states.iter_mut().zip([5, 6]).take(1 + usize::from(has_c)) {
            *state = self.initial_state(node, place, batch_first, shape)?;
        }
        let lengths = self.lengths(node, steps, batch)?;
        let name = self.name(node, 1);
        let outputs = self.builder.recurrent(node, x, layer, lengths, name, &self.budget)?;
        let laid_out = |array: Shared<Element>, axes: &[usize]| {
            let array = if batch_first { array.permuted_axes(IxDyn(axes)) } else { array };
            Value::Data(Dtype::F32, array)
        };
        let mut values =
            vec![laid_out(outputs.y, &[2, 0, 1, 3]), laid_out(outputs.h_n, &[1, 0, 2])];
        if has_c {
            values.push(laid_out(outputs.c_n, &[1, 0, 2]));
        }
        Ok(values)
    }

    /// `[D, B, H]`, of constants or of inputs; none where it is zero.
    fn initial_state(
        &self,
        node: &Node,
        place: usize,
        batch_first: bool,
        shape: [usize; 3],
    ) -> Result<Option<Value>, Stop> {
        if node.input(place).is_none() {
            return Ok(None);
        }
        let mut state = self.of_inputs(node, place, Dtype::F32)?;
        if batch_first && state.shape().len() == 3 {
            state = self.moved(node, &state, &Movement::Transpose(vec![1, 0, 2]))?;
        }
        if state.shape() != shape {
            let given = state.shape();
            let reason = format!("its initial state is {given:?}, expected {shape:?}");
            return Err(node.invalid(reason).into());
        }
        let is_zero = matches!(&state, Value::F32(array) if array.iter().all(|x| *x == 0.0));
        Ok(Some(state).filter(|_| !is_zero))
    }

    /// `[B]`; none where all rows are whole.
    fn lengths(&self, node: &Node, steps: usize, batch: usize) -> Result<Option<Value>, Stop> {
        if node.input(4).is_none() {
            return Ok(None);
        }
        let lengths = self.of_inputs(node, 4, Dtype::I64)?;
        if lengths.shape() != [batch] {
            let given = lengths.shape();
            return Err(node.invalid(format!("sequence_lens {given:?} is not [{batch}]")).into());
        }
        let is_whole =
            matches!(&lengths, Value::I64(array) if array.iter().all(|n| *n == steps as i64));
        Ok(Some(lengths).filter(|_| !is_whole))
    }

    /// Constants, or what the graph takes.
    fn of_inputs(&self, node: &Node, place: usize, wanted: Dtype) -> Result<Value> {
        let value = self.value(node, place)?;
        if value.dtype() != wanted {
            let given = value.dtype();
            return Err(node.invalid(format!("its input {place} is {given}, expected {wanted}")));
        }
        let is_input = |element: &Element| matches!(element.source, Source::Input(_));
        match value {
            Value::Data(_, elements) if !elements.iter().all(is_input) => {
                let name = node.input(place).unwrap_or_default();
                Err(node.unsupported(format!("its input `{name}` depends on what a run computes")))
            }
            value => Ok(value.clone()),
        }
    }
}
