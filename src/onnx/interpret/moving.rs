//! Nodes that move elements around, or tell shapes.

use super::{Interpreter, Stop};
use crate::error::{Error, Result};
use crate::io::onnx::Node;
use crate::onnx::movements::{self, SliceArguments};
use crate::onnx::value::{Movement, Value};
use crate::onnx::{constants, support};

impl Interpreter<'_> {
    /// Of a node that only moves the elements of its first input around.
    pub(super) fn movement(&self, node: &Node) -> Result<Movement, Stop> {
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
            _ => return Err(support::unknown(node).into()),
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

    pub(super) fn moved(&self, node: &Node, value: &Value, movement: &Movement) -> Result<Value> {
        value.moved(movement, &self.budget).map_err(|reason| node.unsupported(reason))
    }

    pub(super) fn shape(&self, node: &Node) -> Result<Value> {
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

    pub(super) fn dropout(&self, node: &Node) -> Result<Value, Stop> {
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

    pub(super) fn concat(&self, node: &Node) -> Result<Value> {
        let axis = node.attributes(&["axis"])?.int("axis")?;
        let axis = axis.ok_or_else(|| node.invalid("has no axis"))?;
        let values = (0..node.inputs.len()).map(|place| self.value(node, place));
        let values = values.collect::<Result<Vec<_>>>()?;
        let rank = values.first().map_or(0, |value| value.shape().len());
        let axis = movements::axis_of(node, axis, rank)?;
        Value::concatenated(&values, axis, &self.budget).map_err(|reason| node.unsupported(reason))
    }

    pub(super) fn split(&self, node: &Node) -> Result<Vec<Value>, Stop> {
        let attributes = match self.opset {
            ..13 => node.attributes(&["axis", "split"])?,
            13..18 => node.attributes(&["axis"])?,
            _ => node.attributes(&["axis", "num_outputs"])?,
        };
        let num_outputs = attributes.int("num_outputs")?;
        if let Some(n) = num_outputs.filter(|n| usize::try_from(*n) != Ok(node.outputs.len())) {
            let outputs = node.outputs.len();
            return Err(node.invalid(format!("num_outputs is {n}, it has {outputs}")).into());
        }
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
                // Only from opset 18 on may the last part be smaller.
                _ if self.opset < 18 && side % parts != 0 => {
                    let reason = format!("{side} does not split into {parts} equal parts");
                    return Err(node.invalid(reason).into());
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
}
