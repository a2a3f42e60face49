//! Nodes that only move elements around: what they do, by the file's opset.

use super::value::{Movement, Range, Value};
use crate::error::Result;
use crate::io::onnx::Node;

/// Axis `axis` of `rank`, counted from behind where it is negative.
pub(super) fn axis_of(node: &Node, axis: i64, rank: usize) -> Result<usize> {
    place_of(axis, rank).ok_or_else(|| node.invalid(format!("axis {axis} is none of {rank} axes")))
}

/// Place `index` of `len`, counted from behind where it is negative.
pub(super) fn place_of(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let place = if index < 0 { index.checked_add(len)? } else { index };
    usize::try_from(place).ok().filter(|_| place < len)
}

pub(super) fn transpose(node: &Node, value: &Value) -> Result<Movement> {
    let rank = value.shape().len();
    let axes = match node.attributes(&["perm"])?.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(axes) => {
            let axes = axes.iter().map(|axis| axis_of(node, *axis, rank));
            axes.collect::<Result<Vec<_>>>()?
        }
    };
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if sorted.into_iter().ne(0..rank) {
        return Err(node.invalid(format!("perm {axes:?} is no order of {rank} axes")));
    }
    Ok(Movement::Transpose(axes))
}

/// `wanted`: a side for each axis; 0 takes that of the input, one may be -1.
pub(super) fn reshape(node: &Node, value: &Value, wanted: &[i64]) -> Result<Movement> {
    let keeps_zeros = node.attributes(&["allowzero"])?.flag("allowzero")?;
    let given = value.shape();
    let misfit = || node.invalid(format!("{given:?} does not become {wanted:?}"));
    let mut free = None;
    let mut shape = Vec::with_capacity(wanted.len());
    for (axis, side) in wanted.iter().enumerate() {
        shape.push(match side {
            0 if !keeps_zeros => *given.get(axis).ok_or_else(misfit)?,
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            side => usize::try_from(*side).map_err(|_| misfit())?,
        });
    }
    let product =
        |shape: &[usize]| shape.iter().try_fold(1usize, |len, side| len.checked_mul(*side));
    let (len, known) = (product(given), product(&shape));
    let (Some(len), Some(known)) = (len, known) else { return Err(misfit()) };
    if let Some(axis) = free {
        shape[axis] = len.checked_div(known).ok_or_else(misfit)?;
    }
    if product(&shape) != Some(len) {
        return Err(misfit());
    }
    Ok(Movement::Reshape(shape))
}

/// `axes` to leave out; none: all of length 1.
pub(super) fn squeeze(node: &Node, value: &Value, axes: Option<&[i64]>) -> Result<Movement> {
    let given = value.shape();
    let Some(axes) = axes else {
        return Ok(Movement::Reshape(given.iter().copied().filter(|side| *side != 1).collect()));
    };
    let axes = axes.iter().map(|axis| axis_of(node, *axis, given.len()));
    let axes = axes.collect::<Result<Vec<_>>>()?;
    match axes.iter().find(|axis| given[**axis] != 1) {
        Some(axis) => Err(node.invalid(format!("axis {axis} of {given:?} is not of length 1"))),
        None => {
            let rest = given.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
            Ok(Movement::Reshape(rest.map(|(_, side)| *side).collect()))
        }
    }
}

/// `axes` of the result that are new.
pub(super) fn unsqueeze(node: &Node, value: &Value, axes: &[i64]) -> Result<Movement> {
    let given = value.shape();
    let rank = given.len() + axes.len();
    let mut is_new = vec![false; rank];
    for axis in axes {
        let is_new = &mut is_new[axis_of(node, *axis, rank)?];
        if std::mem::replace(is_new, true) {
            return Err(node.invalid(format!("axes {axes:?} name one twice")));
        }
    }
    let mut given = given.iter().copied();
    let side = |is_new| if is_new { 1 } else { given.next().unwrap_or(1) };
    Ok(Movement::Reshape(is_new.into_iter().map(side).collect()))
}

pub(super) fn flatten(node: &Node, value: &Value) -> Result<Movement> {
    let axis = node.attributes(&["axis"])?.int("axis")?.unwrap_or(1);
    let given = value.shape();
    // Behind the last axis is a place, too.
    let axis = match usize::try_from(axis) {
        Ok(axis) if axis == given.len() => axis,
        _ => axis_of(node, axis, given.len())?,
    };
    let (before, behind) = given.split_at(axis);
    Ok(Movement::Reshape(vec![before.iter().product(), behind.iter().product()]))
}

/// What a Slice takes: one of each for each of its axes.
pub(super) struct SliceArguments {
    pub starts: Vec<i64>,
    pub ends: Vec<i64>,
    pub axes: Option<Vec<i64>>,
    pub steps: Option<Vec<i64>>,
}

pub(super) fn slice(node: &Node, value: &Value, arguments: SliceArguments) -> Result<Movement> {
    let SliceArguments { starts, ends, axes, steps } = arguments;
    let given = value.shape();
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(node.invalid("starts, ends, axes and steps differ in length"));
    }
    let mut ranges: Vec<Range> = Vec::with_capacity(axes.len());
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = axis_of(node, axis, given.len())?;
        if step == 0 || ranges.iter().any(|range| range.axis == axis) {
            return Err(node.invalid(format!("axis {axis} has a step of 0, or is there twice")));
        }
        ranges.push(range(axis, given[axis], start, end, step));
    }
    Ok(Movement::Slice(ranges))
}

/// `len` of an axis, from `first` on.
pub(super) fn part(axis: usize, first: usize, len: usize) -> Movement {
    Movement::Slice(vec![Range { axis, first, end: first + len, step: 1 }])
}

/// Bounds beyond the axis are brought to its ends.
fn range(axis: usize, len: usize, start: i64, end: i64, step: i64) -> Range {
    let side = i64::try_from(len).unwrap_or(i64::MAX);
    let within = |bound: i64, low: i64, high: i64| {
        let bound = if bound < 0 { bound.saturating_add(side) } else { bound };
        bound.clamp(low, high)
    };
    // Of a negative step the range runs from `start` down, before `end` is reached.
    let (first, end) = if step > 0 {
        (within(start, 0, side), within(end, 0, side))
    } else {
        (within(end, -1, side - 1) + 1, within(start, -1, side - 1) + 1)
    };
    let (first, end) = (first as usize, end.max(first) as usize);
    let step = isize::try_from(step).unwrap_or(if step > 0 { isize::MAX } else { -isize::MAX });
    Range { axis, first, end, step: step.max(-isize::MAX) }
}

/// Of a node whose indices are constant.
pub(super) fn gather(
    node: &Node,
    value: &Value,
    indices: &super::value::Shared<i64>,
) -> Result<Movement> {
    let axis = node.attributes(&["axis"])?.int("axis")?.unwrap_or(0);
    let axis = axis_of(node, axis, value.shape().len())?;
    let side = value.shape()[axis];
    let place = |index: &i64| {
        let misfit = || node.invalid(format!("index {index} is none of {side}"));
        place_of(*index, side).ok_or_else(misfit)
    };
    let shape = indices.shape().to_vec();
    let indices = indices.iter().map(place).collect::<Result<_>>()?;
    Ok(Movement::Take { axis, indices, shape })
}

/// Both sides broadcast, as NumPy does it.
pub(super) fn broadcast_shape(node: &Node, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let side = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis])
    };
    let both = (0..rank).map(|axis| match (side(a, axis), side(b, axis)) {
        (1, side) | (side, 1) => Ok(side),
        (a_side, b_side) if a_side == b_side => Ok(a_side),
        _ => Err(node.invalid(format!("{a:?} and {b:?} do not fit each other"))),
    });
    both.collect()
}
