//! What a name of a graph stands for while the graph is gone through.

use std::cell::Cell;

use ndarray::{ArcArray, ArrayD, Axis, Dimension, IxDyn, Slice};

use super::interpret::Given;
use crate::io::onnx::{Dtype, Graph, Tensor, checked_len};

/// An array whose transposes and slices share its elements.
pub(super) type Shared<T> = ArcArray<T, IxDyn>;

/// Where an element of data comes from, in a run: the array, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub source: Source,
    pub index: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An input of the graph.
    Input(u16),
    /// The output of a stage, `[T, B, F]`: the first is that of no stage, the input of the chain.
    Y(u16),
    /// The final hidden states of a recurrent stage, `[L*D, B, H]`.
    H(u16),
    /// Its final cell states.
    C(u16),
}

/// Constants have values, data have the places that their elements come from: what only moves elements around does the
/// same to both.
#[derive(Clone, Debug)]
pub(super) enum Value {
    F32(Shared<f32>),
    I64(Shared<i64>),
    Bool(Shared<bool>),
    Data(Dtype, Shared<Element>),
}

/// h0 and c0 of a layer, `[D, B, H]`; none is zero.
pub(super) type InitialStates = [Option<Value>; 2];

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        match tensor {
            Tensor::F32(array) => Value::F32(array.into_shared()),
            Tensor::I64(array) => Value::I64(array.into_shared()),
            Tensor::Bool(array) => Value::Bool(array.into_shared()),
        }
    }
}

impl Value {
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::F32(array) => array.shape(),
            Value::I64(array) => array.shape(),
            Value::Bool(array) => array.shape(),
            Value::Data(_, array) => array.shape(),
        }
    }

    pub fn dtype(&self) -> Dtype {
        match self {
            Value::F32(_) => Dtype::F32,
            Value::I64(_) => Dtype::I64,
            Value::Bool(_) => Dtype::Bool,
            Value::Data(dtype, _) => *dtype,
        }
    }

    pub fn moved(&self, movement: &Movement, budget: &Budget) -> Result<Value, String> {
        Ok(match self {
            Value::F32(array) => Value::F32(movement.apply(array, budget)?),
            Value::I64(array) => Value::I64(movement.apply(array, budget)?),
            Value::Bool(array) => Value::Bool(movement.apply(array, budget)?),
            Value::Data(dtype, array) => Value::Data(*dtype, movement.apply(array, budget)?),
        })
    }

    /// Constants of one kind, or data, one behind the other.
    pub fn concatenated(values: &[&Value], axis: usize, budget: &Budget) -> Result<Value, String> {
        fn join<T: Clone>(arrays: &[&Shared<T>], axis: usize) -> Result<Shared<T>, String> {
            let views: Vec<_> = arrays.iter().map(|array| array.view()).collect();
            let joined = ndarray::concatenate(Axis(axis), &views);
            joined.map(ArrayD::into_shared).map_err(|_| "its inputs do not fit each other".into())
        }
        /// All of one kind, or none.
        fn all<'a, T>(
            values: &[&'a Value],
            part: impl Fn(&'a Value) -> Option<&'a Shared<T>>,
        ) -> Option<Vec<&'a Shared<T>>> {
            values.iter().map(|value| part(value)).collect()
        }
        let rank = |value: &&Value| value.shape().len();
        if values.iter().any(|value| rank(value) != values.first().map_or(0, rank)) {
            return Err("its inputs differ in their number of axes".into());
        }
        let mut shape = values.first().map_or(&[][..], |value| value.shape()).to_vec();
        if let Some(side) = shape.get_mut(axis) {
            let sides = values.iter().map(|value| value.shape()[axis]);
            *side = sides.fold(0, usize::saturating_add);
        }
        budget.take_array(&shape)?;
        let f32s =
            all(values, |value| if let Value::F32(array) = value { Some(array) } else { None });
        let i64s =
            all(values, |value| if let Value::I64(array) = value { Some(array) } else { None });
        let bools =
            all(values, |value| if let Value::Bool(array) = value { Some(array) } else { None });
        let data =
            all(values, |value| if let Value::Data(_, array) = value { Some(array) } else { None });
        let dtype = values.first().map_or(Dtype::F32, |value| value.dtype());
        let is_one = values.iter().all(|value| value.dtype() == dtype);
        match (f32s, i64s, bools, data) {
            (Some(arrays), ..) => join(&arrays, axis).map(Value::F32),
            (_, Some(arrays), ..) => join(&arrays, axis).map(Value::I64),
            (_, _, Some(arrays), _) => join(&arrays, axis).map(Value::Bool),
            (_, _, _, Some(arrays)) if is_one => {
                join(&arrays, axis).map(|joined| Value::Data(dtype, joined))
            }
            _ => Err("it mixes kinds of elements, or constants with data".into()),
        }
    }
}

/// Whether these are all elements of one array, in their order: of `len`.
pub(super) fn whole(elements: &Shared<Element>, len: usize) -> Option<Source> {
    let first = elements.first()?.source;
    let is_at = |(place, element): (usize, &Element)| {
        element.source == first && element.index as usize == place
    };
    (elements.len() == len && elements.iter().enumerate().all(is_at)).then_some(first)
}

/// What a node does that only moves elements around.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Movement {
    /// Axis `i` of the result is axis `[i]` of the input.
    Transpose(Vec<usize>),
    /// The same elements in the same order.
    Reshape(Vec<usize>),
    Slice(Vec<Range>),
    /// Those at `indices` of an axis, which become axes of `shape`.
    Take {
        axis: usize,
        indices: Vec<usize>,
        shape: Vec<usize>,
    },
    /// As NumPy's `broadcast_to`.
    Expand(Vec<usize>),
}

/// Of an axis, those from `first` before `end`; from behind where `step` is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub axis: usize,
    pub first: usize,
    pub end: usize,
    pub step: isize,
}

impl Movement {
    fn apply<T: Clone>(&self, array: &Shared<T>, budget: &Budget) -> Result<Shared<T>, String> {
        let misfit = |shape: &[usize]| format!("{:?} does not become {shape:?}", array.shape());
        match self {
            Movement::Transpose(axes) => Ok(array.clone().permuted_axes(IxDyn(axes))),
            Movement::Reshape(shape) => {
                let array = if array.is_standard_layout() {
                    array.clone()
                } else {
                    budget.take(array.len())?;
                    array.as_standard_layout().into_owned().into_shared()
                };
                array.clone().into_shape_with_order(IxDyn(shape)).map_err(|_| misfit(shape))
            }
            Movement::Slice(ranges) => {
                let mut array = array.clone();
                for range in ranges {
                    let slice =
                        Slice::new(range.first as isize, Some(range.end as isize), range.step);
                    array.slice_axis_inplace(Axis(range.axis), slice);
                }
                Ok(array)
            }
            Movement::Take { axis, indices, shape } => {
                let sides = array.shape();
                let shape = [&sides[..*axis], shape, &sides[axis + 1..]].concat();
                budget.take_array(&shape)?;
                let taken = array.select(Axis(*axis), indices);
                let taken = taken.into_shape_with_order(IxDyn(&shape));
                taken.map(ArrayD::into_shared).map_err(|_| misfit(&shape))
            }
            Movement::Expand(shape) => {
                budget.take_array(shape)?;
                let expanded = array.broadcast(IxDyn(shape)).ok_or_else(|| misfit(shape))?;
                Ok(expanded.to_owned().into_shared())
            }
        }
    }
}

/// How many elements a graph may make of those that it has: its nodes can ask for more than there is memory.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<usize>,
    is_of_run: bool,
}

/// What a graph may make for each element that its file holds, or says that its inputs have, and beside these.
const SHARE: usize = 256;
const FLOOR: usize = 1 << 22;

/// How often each weight may be copied: into the order of a matrix, into that of the gates.
const COPIES: usize = 8;

impl Budget {
    /// Of a run, whose inputs are there. Two layers of 512 units over a thousand steps of 64 rows take half of it.
    pub fn of_run() -> Self {
        Budget { left: Cell::new(1 << 28), is_of_run: true }
    }

    /// Of a graph whose inputs are only said to be of some size.
    pub fn of_file() -> Self {
        Budget { left: Cell::new(1 << 26), is_of_run: false }
    }

    /// Of a file alone, no more than its share; weights may be as many as the file holds.
    pub fn of_graph(self, graph: &Graph, given: &[Given]) -> Self {
        let len =
            |shape: &[usize]| shape.iter().fold(1, |len: usize, side| len.saturating_mul(*side));
        let add = usize::saturating_add;
        let held = graph.initializers.values().map(|tensor| len(tensor.shape())).fold(0, add);
        let given = given.iter().map(|given| match given {
            Given::Shape(shape) => len(shape),
            Given::Constant(tensor) => len(tensor.shape()),
        });
        let share = add(held, given.fold(0, add)).saturating_mul(SHARE).saturating_add(FLOOR);
        let most = if self.is_of_run { usize::MAX } else { share };
        let left = self.left.get().min(most).saturating_add(held.saturating_mul(COPIES));
        Budget { left: Cell::new(left), ..self }
    }

    /// For an array of this shape, be it empty.
    pub fn take_array(&self, shape: &[usize]) -> Result<(), String> {
        let len = checked_len(shape);
        self.take(len.ok_or_else(|| format!("it makes too many elements: an array {shape:?}"))?)
    }

    pub fn take(&self, elements: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(elements);
        let left = left.ok_or_else(|| format!("it makes too many elements: {elements} more"))?;
        self.left.set(left);
        Ok(())
    }
}

/// An array of `shape`, each element from its index.
pub(super) fn elements_of(
    shape: &[usize],
    budget: &Budget,
    mut element: impl FnMut(&[usize]) -> Option<Element>,
) -> Result<Shared<Element>, String> {
    budget.take_array(shape)?;
    let elements = ndarray::indices(IxDyn(shape)).into_iter().map(|at| element(at.slice()));
    let elements: Option<Vec<_>> = elements.collect();
    let elements = elements.ok_or("it has more elements than a GPU can hold")?;
    let array = ArrayD::from_shape_vec(IxDyn(shape), elements);
    array.map(ArrayD::into_shared).map_err(|error| error.to_string())
}
