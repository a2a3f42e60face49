//! Nodes that compute each row for itself: linear layers, functions, embeddings.

use ndarray::{Array1, Array2, Ix2, IxDyn};

use super::{Interpreter, Stop};
use crate::chain::Function;
use crate::error::Result;
use crate::io::onnx::{Dtype, Node};
use crate::onnx::value::{Element, Movement, Shared, Source, Value};
use crate::onnx::{constants, movements};

impl Interpreter<'_> {
    pub(super) fn gather(&mut self, node: &Node) -> Result<Value, Stop> {
        let is_table = matches!(self.value(node, 0)?, Value::F32(_));
        if let (true, Value::Data(..)) = (is_table, self.value(node, 1)?) {
            let axis = node.attributes(&["axis"])?.int("axis")?.unwrap_or(0);
            let table = self.floats(node, 0)?;
            let rank = table.ndim();
            self.copied(node, &table)?;
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

    pub(super) fn map(&mut self, node: &Node, function: Function) -> Result<Value> {
        node.attributes(&[])?;
        let x = self.data(node, 0, Dtype::F32)?;
        let y = self.builder.map(node, x, function, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y))
    }

    pub(super) fn softmax(&mut self, node: &Node, function: Function) -> Result<Value> {
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

    pub(super) fn matmul(&mut self, node: &Node) -> Result<Value, Stop> {
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
        self.copied(node, &weight)?;
        let matrix = weight.shape()[rank - 2..].to_vec();
        let weight = weight.as_standard_layout().into_owned().into_shape_with_order(matrix);
        let weight = weight.map_err(|error| node.invalid(error))?;
        let weight = weight.into_dimensionality::<Ix2>().map_err(|error| node.invalid(error))?;
        let weight = weight.t().as_standard_layout().into_owned();
        let name = self.name(node, 1);
        let y = self.builder.linear(node, x, (weight, None), name, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y))
    }

    pub(super) fn gemm(&mut self, node: &Node) -> Result<Value, Stop> {
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
        self.copied(node, &weight)?;
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

    /// Weights become the own ones of a stage.
    pub(super) fn copied(&self, node: &Node, weight: &Shared<f32>) -> Result<()> {
        self.budget.take(weight.len()).map_err(|reason| node.unsupported(reason))
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

    pub(super) fn add(&mut self, node: &Node) -> Result<Value, Stop> {
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
        let y = self.builder.add(node, x, &bias, name, &self.budget)?;
        Ok(Value::Data(Dtype::F32, y))
    }
}
