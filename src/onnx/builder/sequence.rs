//! Recurrent stages, which go through rows step by step.

use ndarray::Axis;

use super::{Builder, End, Part, Stack};
use crate::error::Result;
use crate::io::onnx::Node;
use crate::onnx::recurrent::Layer;
use crate::onnx::value::{Budget, Element, Shared, Source, Value, elements_of, whole};

/// What a recurrent node puts out: Y `[T, D, B, H]`, and the final states, `[D, B, H]`.
pub(in crate::onnx) struct RecurrentOutputs {
    pub y: Shared<Element>,
    pub h_n: Shared<Element>,
    pub c_n: Shared<Element>,
}

impl Builder {
    /// A recurrent layer over x, `[T, B, I]`: on top of the stack before where it is one more of the same.
    pub fn recurrent(
        &mut self,
        node: &Node,
        x: Shared<Element>,
        layer: Layer,
        lengths: Option<Value>,
        name: Option<&str>,
        budget: &Budget,
    ) -> Result<RecurrentOutputs> {
        self.enter_sequence(node, x, budget)?;
        let [steps, batch] = self.grid.ok_or_else(|| node.invalid("has no input"))?;
        if self.stacks.is_empty() {
            self.lengths = lengths;
        } else if !same_lengths(self.lengths.as_ref(), lengths.as_ref()) {
            let reason = "it has other sequence_lens than the recurrent node before it";
            return Err(node.unsupported(reason));
        }
        let (directions, hidden) = (layer.directions.len(), layer.hidden_size());
        let before = match self.parts.last() {
            Some((_, Part::Stack(k))) => self.stacks.get_mut(*k).map(|stack| (*k, stack)),
            _ => None,
        };
        let k = match before.filter(|(_, stack)| stack.layers.iter().all(|l| l.is_like(&layer))) {
            Some((k, stack)) => {
                stack.layers.push(layer);
                self.renew(directions * hidden);
                k
            }
            None => {
                let k = self.stacks.len();
                self.stacks.push(Stack { layers: vec![layer], y: 0 });
                self.append(node, Part::Stack(k), directions * hidden, name);
                k
            }
        };
        let y = self.end.map_or(0, |end| end.y);
        self.stacks[k].y = y;
        let layers_below = self.stacks[k].layers.len() - 1;
        let index =
            |index: usize, source| Some(Element { source, index: u32::try_from(index).ok()? });
        let refused = |reason| node.unsupported(reason);
        let y = elements_of(&[steps, directions, batch, hidden], budget, |at| {
            let &[t, d, b, h] = at else { return None };
            index(((t * batch + b) * directions + d) * hidden + h, Source::Y(y))
        });
        let stack = u16::try_from(k).map_err(|_| refused("too many recurrent nodes".into()))?;
        let states = |source: Source| {
            elements_of(&[directions, batch, hidden], budget, |at| {
                let &[d, b, h] = at else { return None };
                index(((layers_below * directions + d) * batch + b) * hidden + h, source)
            })
        };
        Ok(RecurrentOutputs {
            y: y.map_err(refused)?,
            h_n: states(Source::H(stack)).map_err(refused)?,
            c_n: states(Source::C(stack)).map_err(refused)?,
        })
    }

    /// The whole of what the stage before puts out, step by step; the first recurrent stage tells the steps.
    fn enter_sequence(&mut self, node: &Node, x: Shared<Element>, budget: &Budget) -> Result<()> {
        let &[steps, batch, features] = x.shape() else {
            let shape = x.shape();
            return Err(node.invalid(format!("X {shape:?} has not three axes")));
        };
        if x.is_empty() {
            return Err(node.unsupported("X is empty"));
        }
        let end = match self.end {
            None => {
                self.begin(node, x, budget)?;
                self.grid = Some([steps, batch]);
                return Ok(());
            }
            Some(end) => end,
        };
        let refused =
            || node.unsupported("X is not what the stage before it puts out, step by step");
        if x.iter().any(|element| element.source != Source::Y(end.y)) {
            return Err(refused());
        }
        if self.grid.is_none() {
            // Stages of each row for itself: they may go through the rows in any order.
            let rows = self.rows_of(node, &x)?;
            let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
            let input = self.input.take().ok_or_else(refused)?;
            let width = input.shape().last().copied().unwrap_or(1);
            let len = rows.len().saturating_mul(width);
            budget.take(len).map_err(|reason| node.unsupported(reason))?;
            self.input = Some(input.select(Axis(0), &rows).into_shared());
            self.end = Some(End { rows: rows.len(), ..end });
            self.grid = Some([steps, batch]);
            self.renew(end.features);
            return Ok(());
        }
        let is_whole = whole(&x, end.rows * end.features).is_some();
        if !is_whole || self.grid != Some([steps, batch]) || features != end.features {
            return Err(refused());
        }
        Ok(())
    }
}

fn same_lengths(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(Value::I64(a)), Some(Value::I64(b))) => a == b,
        (Some(Value::Data(_, a)), Some(Value::Data(_, b))) => a == b,
        _ => false,
    }
}
