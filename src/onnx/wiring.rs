//! What of a run's inputs goes into the chain, and where the graph's outputs come from.

use ndarray::{ArrayD, CowArray, IxDyn};

use super::builder::Built;
use super::value::{Element, InitialStates, Shared, Source, Value, whole};
use crate::any::AnyState;
use crate::error::{Error, Result};
use crate::io::onnx::{Dtype, Graph, Tensor, invalid};
use crate::run::LayerInput;
use crate::weights::StageWeights;

#[derive(Debug)]
pub(super) struct Wiring {
    /// `[T, B, F]`, or ids `[T, B]`.
    input: Shared<Element>,
    /// The input of the graph that this is, as it lies; and the one that it is with T and B swapped.
    as_it_lies: Option<Source>,
    swapped: Option<Source>,
    /// Rows of the embedding, where ids are what the chain takes.
    num_embeddings: Option<usize>,
    lengths: Option<Value>,
    /// By recurrent stage and layer; none where all are zero.
    states: Option<Vec<Vec<InitialStates>>>,
    /// `[D, B, H]` of each recurrent stage, and whether it has c.
    state_shapes: Vec<([usize; 3], bool)>,
    y_len: usize,
    y: u16,
    outputs: Vec<(String, Value)>,
}

/// What a run of the chain takes.
pub(super) struct Feed<'a> {
    x: X<'a>,
    lengths: Option<Vec<usize>>,
    states: Option<Vec<AnyState>>,
}

enum X<'a> {
    Features(CowArray<'a, f32, IxDyn>),
    Ids(ArrayD<u32>),
}

impl Feed<'_> {
    pub fn input(&self) -> LayerInput<'_> {
        match &self.x {
            X::Features(x) => LayerInput::Features(x.view()),
            X::Ids(ids) => LayerInput::Ids(ids.view()),
        }
    }

    pub fn lengths(&self) -> Option<&[usize]> {
        self.lengths.as_deref()
    }

    pub fn states(&self) -> Option<&[AnyState]> {
        self.states.as_deref()
    }
}

impl Wiring {
    pub fn new(built: &Built, graph: &Graph, outputs: Vec<Value>) -> Self {
        let input = built.input.clone();
        let mut other = input.clone();
        other.swap_axes(0, 1);
        let num_embeddings = match built.stages.first() {
            Some((_, StageWeights::Embedding { weight })) => Some(weight.nrows()),
            _ => None,
        };
        let batch = built.grid[1];
        let sizes = built.stages.iter().filter_map(|(_, stage)| match stage {
            StageWeights::Recurrent(weights) => Some(weights.sizes()),
            _ => None,
        });
        let shape = |sizes: crate::problem::LayerSizes| {
            ([sizes.num_directions(), batch, sizes.hidden_size], sizes.cell.has_c())
        };
        let is_given = built.states.iter().flatten().flatten().any(Option::is_some);
        let names = graph.outputs.iter().map(|output| output.name.clone());
        // All of a graph's input, or there are more elements behind those that the chain takes.
        let whole_of = |elements: &Shared<Element>| whole(elements, elements.len());
        Wiring {
            as_it_lies: whole_of(&input),
            swapped: whole_of(&other),
            input,
            num_embeddings,
            lengths: built.lengths.clone(),
            states: is_given.then(|| built.states.clone()),
            state_shapes: sizes.map(shape).collect(),
            y_len: built.y_shape.iter().product(),
            y: built.y,
            outputs: names.zip(outputs).collect(),
        }
    }

    /// Whether the graph takes sequences as `[B, T, ..]`.
    pub fn is_batch_first(&self) -> bool {
        self.as_it_lies.is_none() && self.swapped.is_some()
    }

    /// Whether the stages alone are what the graph computes: it does nothing to its input but to lay it out, and starts
    /// from no states and stops at no lengths of its own.
    ///
    /// # Errors
    /// [`Error::Unsupported`] that says what it does beside.
    pub fn check_alone(&self) -> Result<()> {
        let steps = self.input.shape().first().copied().unwrap_or(0);
        let is_cut = |lengths: &Value| match lengths {
            Value::I64(lengths) => {
                lengths.iter().any(|length| usize::try_from(*length) != Ok(steps))
            }
            _ => false,
        };
        let is_set = |state: &Value| match state {
            Value::F32(state) => state.iter().any(|h| *h != 0.0),
            _ => false,
        };
        let mut states = self.states.iter().flatten().flatten().flatten().flatten();
        let beside = if self.as_it_lies.is_none() && self.swapped.is_none() {
            "it reorders its input, or picks from it"
        } else if self.lengths.as_ref().is_some_and(is_cut) {
            "it holds the lengths of sequences"
        } else if states.any(is_set) {
            "it holds initial states"
        } else {
            return Ok(());
        };
        let what = "the chain of stages of this graph without the graph".into();
        Err(Error::Unsupported { what, reason: beside.into() })
    }

    /// Inputs in the order of the graph; the layout is that of the model.
    pub fn feed<'a>(&self, inputs: &[&'a Tensor], batch_first: bool) -> Result<Feed<'a>> {
        let mut elements = self.input.clone();
        if batch_first {
            elements.swap_axes(0, 1);
        }
        let source = Sources { inputs: &flat(inputs), y: &[], states: &[] };
        let x = match self.num_embeddings {
            Some(rows) => X::Ids(to_ids(&source.integers(&elements)?, rows)?),
            None => {
                let lies = if batch_first { self.swapped } else { self.as_it_lies };
                let x = match lies {
                    Some(Source::Input(i)) => as_it_lies(inputs, i, elements.shape()),
                    _ => None,
                };
                let gathered = || source.floats(&elements).map(CowArray::from);
                X::Features(x.map_or_else(gathered, Ok)?)
            }
        };
        let lengths = self.lengths.as_ref().map(|lengths| {
            let lengths = source.integers_of(lengths)?;
            let length = |n: &i64| {
                let given = format!("{n} among them");
                usize::try_from(*n)
                    .map_err(|_| Error::argument("sequence_lens", "none below 0", given))
            };
            lengths.iter().map(length).collect::<Result<Vec<_>>>()
        });
        let states = self.states.as_ref().map(|states| self.initial_states(states, &source));
        Ok(Feed { x, lengths: lengths.transpose()?, states: states.transpose()? })
    }

    fn initial_states(
        &self,
        states: &[Vec<InitialStates>],
        source: &Sources<'_>,
    ) -> Result<Vec<AnyState>> {
        let stage = |layers: &Vec<InitialStates>, (shape, has_c): &([usize; 3], bool)| {
            let stacked = |place: usize| -> Result<ArrayD<f32>> {
                let mut values = Vec::new();
                for layer in layers {
                    match layer.get(place).and_then(Option::as_ref) {
                        Some(value) => values.extend(source.floats_of(value)?),
                        None => values.resize(values.len() + shape.iter().product::<usize>(), 0.0),
                    }
                }
                let [directions, batch, hidden] = *shape;
                let shape = [layers.len() * directions, batch, hidden];
                ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| invalid(e.to_string()))
            };
            Ok(AnyState { h: stacked(0)?, c: has_c.then(|| stacked(1)).transpose()? })
        };
        states.iter().zip(&self.state_shapes).map(|(layers, shape)| stage(layers, shape)).collect()
    }

    /// The outputs of the graph, from y `[T, B, F]` and the final states.
    pub fn outputs(
        &self,
        inputs: &[&Tensor],
        y: &ArrayD<f32>,
        states: &[AnyState],
    ) -> Result<Vec<(String, Tensor)>> {
        let y = y.as_standard_layout();
        let y = y.as_slice().unwrap_or(&[]);
        if y.len() != self.y_len {
            return Err(Error::Gpu { reason: format!("y has {} elements", y.len()) });
        }
        let source = Sources { inputs: &flat(inputs), y, states };
        let output = |(name, value): &(String, Value)| {
            let tensor = match value {
                Value::F32(array) => Tensor::F32(array.to_owned()),
                Value::I64(array) => Tensor::I64(array.to_owned()),
                Value::Bool(array) => Tensor::Bool(array.to_owned()),
                Value::Data(_, elements) if whole(elements, y.len()) == Some(Source::Y(self.y)) => {
                    Tensor::F32(of_shape(elements, y.to_vec())?)
                }
                Value::Data(Dtype::F32, elements) => Tensor::F32(source.floats(elements)?),
                Value::Data(Dtype::I64, elements) => Tensor::I64(source.integers(elements)?),
                Value::Data(Dtype::Bool, elements) => Tensor::Bool(source.booleans(elements)?),
            };
            Ok((name.clone(), tensor))
        };
        self.outputs.iter().map(output).collect()
    }
}

/// The input itself, where it is that alone.
fn as_it_lies<'a>(
    inputs: &[&'a Tensor],
    input: u16,
    shape: &[usize],
) -> Option<CowArray<'a, f32, IxDyn>> {
    let array = inputs.get(usize::from(input))?.as_f32()?;
    let is_all = array.len() == shape.iter().product::<usize>();
    let array = array.as_standard_layout();
    array.into_shape_with_order(IxDyn(shape)).ok().filter(|_| is_all)
}

fn to_ids(ids: &ArrayD<i64>, rows: usize) -> Result<ArrayD<u32>> {
    let id = |id: &i64| {
        let place = super::movements::place_of(*id, rows).and_then(|id| u32::try_from(id).ok());
        let expected =
            || format!("one of the {rows} rows of the embedding, or counted from behind");
        place.ok_or_else(|| Error::argument("ids", expected(), format!("{id} among them")))
    };
    let ids = ids.iter().map(id).collect::<Result<Vec<_>>>().map(|values| (values, ids.raw_dim()));
    let (values, shape) = ids?;
    ArrayD::from_shape_vec(shape, values).map_err(|error| invalid(error.to_string()))
}

/// Tensors whose elements lie in their order.
enum Flat<'a> {
    F32(CowArray<'a, f32, IxDyn>),
    I64(CowArray<'a, i64, IxDyn>),
    Bool(CowArray<'a, bool, IxDyn>),
}

fn flat<'a>(inputs: &[&'a Tensor]) -> Vec<Flat<'a>> {
    let flat = |tensor: &&'a Tensor| match tensor {
        Tensor::F32(array) => Flat::F32(array.as_standard_layout()),
        Tensor::I64(array) => Flat::I64(array.as_standard_layout()),
        Tensor::Bool(array) => Flat::Bool(array.as_standard_layout()),
    };
    inputs.iter().map(flat).collect()
}

/// The arrays that elements come from.
struct Sources<'a> {
    inputs: &'a [Flat<'a>],
    y: &'a [f32],
    states: &'a [AnyState],
}

impl Sources<'_> {
    fn float(&self, element: &Element) -> Option<f32> {
        let index = element.index as usize;
        let state = |k: u16| self.states.get(usize::from(k));
        let of = |array: &ArrayD<f32>| array.as_slice()?.get(index).copied();
        match element.source {
            Source::Y(_) => self.y.get(index).copied(),
            Source::H(k) => of(&state(k)?.h),
            Source::C(k) => of(state(k)?.c.as_ref()?),
            Source::Input(i) => match self.inputs.get(usize::from(i))? {
                Flat::F32(array) => array.as_slice()?.get(index).copied(),
                _ => None,
            },
        }
    }

    fn floats(&self, elements: &Shared<Element>) -> Result<ArrayD<f32>> {
        gathered(elements, |element| self.float(element))
    }

    fn integers(&self, elements: &Shared<Element>) -> Result<ArrayD<i64>> {
        gathered(elements, |element| match (element.source, element.index) {
            (Source::Input(i), index) => match self.inputs.get(usize::from(i))? {
                Flat::I64(array) => array.as_slice()?.get(index as usize).copied(),
                _ => None,
            },
            _ => None,
        })
    }

    fn booleans(&self, elements: &Shared<Element>) -> Result<ArrayD<bool>> {
        gathered(elements, |element| match (element.source, element.index) {
            (Source::Input(i), index) => match self.inputs.get(usize::from(i))? {
                Flat::Bool(array) => array.as_slice()?.get(index as usize).copied(),
                _ => None,
            },
            _ => None,
        })
    }

    fn floats_of(&self, value: &Value) -> Result<Vec<f32>> {
        match value {
            Value::F32(array) => Ok(array.iter().copied().collect()),
            Value::Data(_, elements) => Ok(self.floats(elements)?.into_iter().collect()),
            _ => Err(invalid("a state is no F32")),
        }
    }

    fn integers_of(&self, value: &Value) -> Result<Vec<i64>> {
        match value {
            Value::I64(array) => Ok(array.iter().copied().collect()),
            Value::Data(_, elements) => Ok(self.integers(elements)?.into_iter().collect()),
            _ => Err(invalid("sequence_lens are no I64")),
        }
    }
}

fn gathered<T>(
    elements: &Shared<Element>,
    of: impl Fn(&Element) -> Option<T>,
) -> Result<ArrayD<T>> {
    let values: Option<Vec<T>> = elements.iter().map(of).collect();
    of_shape(elements, values.ok_or_else(|| invalid("an element comes from nowhere"))?)
}

fn of_shape<T>(elements: &Shared<Element>, values: Vec<T>) -> Result<ArrayD<T>> {
    ArrayD::from_shape_vec(elements.raw_dim(), values).map_err(|e| invalid(e.to_string()))
}
