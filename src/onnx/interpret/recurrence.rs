//! LSTM, GRU and RNN nodes: their inputs and outputs.

use ndarray::IxDyn;

use super::{Interpreter, Stop};
use crate::error::Result;
use crate::io::onnx::{Dtype, Node};
use crate::onnx::recurrent::{Attributes, Constants};
use crate::onnx::value::{Element, Movement, Shared, Source, Value};

impl Interpreter<'_> {
    pub(super) fn recurrent(&mut self, node: &Node) -> Result<Vec<Value>, Stop> {
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
        self.copied(node, &constants.w)?;
        self.copied(node, &constants.r)?;
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
