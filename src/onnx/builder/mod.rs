//! Puts together the chain of stages that a graph is.

mod sequence;
mod stages;

use ndarray::{ArrayD, Axis, IxDyn};

use super::names::{self, Names};
use super::recurrent::Layer;
use super::value::{Budget, Element, InitialStates, Shared, Source, Value, elements_of};
use crate::chain::Last;
use crate::error::{Error, Result};
use crate::io::onnx::Node;
use crate::weights::{ModelWeights, StageWeights, Weights};

/// A chain as it grows. Each node that computes something becomes a stage at its end; data that it takes from elsewhere
/// are an error.
#[derive(Debug, Default)]
pub(super) struct Builder {
    parts: Vec<(String, Part)>,
    names: Names,
    /// What the first stage reads: rows of features, or one id a row.
    input: Option<Shared<Element>>,
    /// T and B, which the first recurrent stage tells.
    grid: Option<[usize; 2]>,
    end: Option<End>,
    stacks: Vec<Stack>,
    lengths: Option<Value>,
}

#[derive(Debug)]
enum Part {
    /// The place among the stacks.
    Stack(usize),
    Other(StageWeights),
}

/// A stack of equal recurrent layers.
#[derive(Debug)]
struct Stack {
    layers: Vec<Layer>,
    /// The source of its output.
    y: u16,
}

/// What the last stage puts out: rows of features, one behind the other.
#[derive(Clone, Copy, Debug)]
struct End {
    y: u16,
    rows: usize,
    features: usize,
    is_one_step: bool,
}

/// A chain that is done.
pub(super) struct Built {
    pub stages: Vec<(String, StageWeights)>,
    /// `[T, B, F]`, or ids `[T, B]`.
    pub input: Shared<Element>,
    pub grid: [usize; 2],
    /// The source of the last stage's output, and its shape but for the layout.
    pub y: u16,
    pub y_shape: [usize; 3],
    pub lengths: Option<Value>,
    /// Of the layers of each recurrent stage.
    pub states: Vec<Vec<InitialStates>>,
}

impl Builder {
    /// The place of an element of the end's output as the node behind it should read it: everything that a stage reads
    /// is what the one before puts out, or the inputs of the graph.
    fn enter(
        &mut self,
        node: &Node,
        view: Shared<Element>,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        let Some(end) = self.end else { return self.begin(node, view, budget) };
        let is_at_end = view.iter().all(|element| element.source == Source::Y(end.y));
        if is_at_end && self.reads_last_step(end, &view) {
            budget.take(view.len()).map_err(|reason| node.unsupported(reason))?;
            return Ok(self.last_step(end, &view));
        }
        // Of one time step, the final states are all there is.
        if matches!(self.parts.last(), Some((_, Part::Stack(_)))) {
            budget.take(view.len()).map_err(|reason| node.unsupported(reason))?;
        }
        let states = self.final_states(end, &view);
        if let Some(states) = states.filter(|_| !is_at_end || self.steps() > 1) {
            self.append(node, Part::Other(StageWeights::Last(Last::States)), end.features, None);
            return Ok(self.at_end(states));
        }
        if is_at_end {
            return Ok(view);
        }
        let reason = "its input is not what the stage before it puts out: only straight chains run";
        Err(node.unsupported(reason))
    }

    /// The first stage reads the graph's inputs, in whatever order.
    fn begin(
        &mut self,
        node: &Node,
        view: Shared<Element>,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        let features = view.shape().last().copied().unwrap_or(1);
        if view.is_empty() {
            return Err(node.unsupported("its input is empty"));
        }
        let rows = view.len() / features;
        let shape = view.shape().to_vec();
        budget.take(view.len()).map_err(|reason| node.unsupported(reason))?;
        let flat = ArrayD::from_shape_vec(IxDyn(&[rows, features]), view.iter().copied().collect());
        self.input = Some(flat.map_err(|error| node.invalid(error))?.into_shared());
        self.end = Some(End { y: 0, rows, features, is_one_step: false });
        let mut next = 0u32..;
        elements_of(&shape, budget, |_| {
            let index = next.next()?;
            Some(Element { source: Source::Y(0), index })
        })
        .map_err(|reason| node.unsupported(reason))
    }

    /// Time steps of what the last stage puts out.
    fn steps(&self) -> usize {
        match (self.grid, self.end) {
            (Some([steps, _]), Some(End { is_one_step: false, .. })) => steps,
            _ => 1,
        }
    }

    /// The first element of the last time step.
    fn last_step_at(&self, end: End) -> usize {
        let batch = self.grid.map_or(end.rows, |[_, batch]| batch);
        end.rows.saturating_sub(batch) * end.features
    }

    /// Where only the last time step is read, the stages behind need not see the others.
    fn reads_last_step(&self, end: End, view: &Shared<Element>) -> bool {
        let first = self.last_step_at(end);
        // With lengths, that of each row is meant by the stage, and not by the graph.
        self.steps() > 1
            && self.lengths.is_none()
            && view.iter().all(|element| element.index as usize >= first)
    }

    fn last_step(&mut self, end: End, view: &Shared<Element>) -> Shared<Element> {
        let first = self.last_step_at(end);
        self.push(String::new(), Part::Other(StageWeights::Last(Last::Step)), end.features);
        if let (Some(end), Some([_, batch])) = (&mut self.end, self.grid) {
            (end.rows, end.is_one_step) = (batch, true);
        }
        self.at_end(view.mapv(|element| element.index - first as u32).into_shared())
    }

    /// The final hidden states of the last layer, of all directions side by side: where in these each element is, if the
    /// view reads nothing else.
    fn final_states(&self, end: End, view: &Shared<Element>) -> Option<Shared<u32>> {
        let [steps, batch] = self.grid?;
        let (_, Part::Stack(k)) = self.parts.last()? else { return None };
        let stack = self.stacks.get(*k)?;
        let layer = stack.layers.last()?;
        let (directions, hidden) = (layer.directions.len(), layer.hidden_size());
        let first = (stack.layers.len() - 1) * directions * batch * hidden;
        let place = |element: &Element| {
            let index = element.index as usize;
            let (b, d, h) = match element.source {
                Source::H(stack) if usize::from(stack) == *k => {
                    let rest = index.checked_sub(first)?;
                    (rest / hidden % batch, rest / hidden / batch, rest % hidden)
                }
                Source::Y(y) if y == end.y && self.lengths.is_none() => {
                    let (row, feature) = (index / end.features, index % end.features);
                    let d = feature / hidden;
                    let last = if layer.is_reverse(d) { 0 } else { steps - 1 };
                    (row / batch == last).then_some((row % batch, d, feature % hidden))?
                }
                _ => return None,
            };
            u32::try_from((b * directions + d) * hidden + h).ok()
        };
        let places: Option<Vec<u32>> = view.iter().map(place).collect();
        let places = ArrayD::from_shape_vec(view.raw_dim(), places?).ok()?;
        Some(places.into_shared())
    }

    /// Elements of the end's output.
    fn at_end(&self, indices: Shared<u32>) -> Shared<Element> {
        let source = Source::Y(self.end.map_or(0, |end| end.y));
        indices.mapv(|index| Element { source, index }).into_shared()
    }

    /// Which row of the end's output each lane of the last axis is.
    fn rows_of(&self, node: &Node, view: &Shared<Element>) -> Result<Shared<u32>> {
        let features = self.end.map_or(0, |end| end.features);
        let misfit = || {
            let shape = view.shape();
            node.unsupported(format!(
                "its input {shape:?} has other rows than the {features} features of the stage before it"
            ))
        };
        if view.ndim() == 0 || features == 0 || view.shape().last() != Some(&features) {
            return Err(misfit());
        }
        let lanes = view.lanes(Axis(view.ndim() - 1));
        let row = |lane: ndarray::ArrayView1<'_, Element>| {
            let first = lane.first()?.index as usize;
            let is_next = |(i, element): (usize, &Element)| element.index as usize == first + i;
            let is_row = first.is_multiple_of(features) && lane.iter().enumerate().all(is_next);
            is_row.then_some((first / features) as u32)
        };
        let rows: Option<Vec<u32>> = lanes.into_iter().map(row).collect();
        let rows = ArrayD::from_shape_vec(
            IxDyn(&view.shape()[..view.ndim() - 1]),
            rows.ok_or_else(misfit)?,
        );
        rows.map(ArrayD::into_shared).map_err(|_| misfit())
    }

    /// The elements of rows of the end's output.
    fn spread(&self, node: &Node, rows: &Shared<u32>, budget: &Budget) -> Result<Shared<Element>> {
        let (y, features) = self.end.map_or((0, 0), |end| (end.y, end.features));
        let shape = [rows.shape(), &[features]].concat();
        let element = |at: &[usize]| {
            let (feature, row) = at.split_last()?;
            let row = u64::from(*rows.get(IxDyn(row))?);
            let index = row.checked_mul(features as u64)?.checked_add(*feature as u64)?;
            Some(Element { source: Source::Y(y), index: u32::try_from(index).ok()? })
        };
        elements_of(&shape, budget, element).map_err(|reason| node.unsupported(reason))
    }

    /// A stage at the end, named after its node or its weights.
    fn append(&mut self, node: &Node, part: Part, features: usize, weight: Option<&str>) {
        let name = match &part {
            Part::Other(StageWeights::Function(_) | StageWeights::Last(_)) => String::new(),
            _ => self.names.unlike(names::of_stage(node, weight)),
        };
        let is_states = matches!(part, Part::Other(StageWeights::Last(Last::States)));
        self.push(name, part, features);
        if let (true, Some(end), Some([_, batch])) = (is_states, &mut self.end, self.grid) {
            (end.rows, end.is_one_step) = (batch, true);
        }
    }

    fn push(&mut self, name: String, part: Part, features: usize) {
        self.parts.push((name, part));
        self.renew(features);
    }

    /// The end's output is another one: what still refers to the one before has missed it.
    fn renew(&mut self, features: usize) {
        if let Some(end) = &mut self.end {
            (end.y, end.features) = (end.y.saturating_add(1), features);
        }
    }

    /// The chain, if it has a stage.
    pub fn finish(self) -> Result<Built> {
        let empty = || Error::Unsupported {
            what: "this graph".into(),
            reason: "no node of it computes anything".into(),
        };
        let (end, input) = (self.end.ok_or_else(empty)?, self.input.ok_or_else(empty)?);
        if self.parts.is_empty() {
            return Err(empty());
        }
        let [steps, batch] = self.grid.unwrap_or([end.rows, 1]);
        let takes_ids = matches!(self.parts[0].1, Part::Other(StageWeights::Embedding { .. }));
        let width = input.len() / (steps * batch);
        let shape = if takes_ids { vec![steps, batch] } else { vec![steps, batch, width] };
        let input = input.into_shape_with_order(IxDyn(&shape)).map_err(|_| empty())?;
        let weights = |layers: &[Layer]| -> Result<Weights> { Layer::stacked(layers) };
        let stages = self.parts.into_iter().map(|(name, part)| {
            Ok((
                name,
                match part {
                    Part::Stack(k) => StageWeights::Recurrent(weights(&self.stacks[k].layers)?),
                    Part::Other(stage) => stage,
                },
            ))
        });
        let stages = stages.collect::<Result<Vec<_>>>()?;
        let states = self.stacks.into_iter();
        let states = states.map(|stack| stack.layers.into_iter().map(|l| l.states).collect());
        let y_steps = if end.is_one_step { 1 } else { steps };
        Ok(Built {
            stages,
            input,
            grid: [steps, batch],
            y: end.y,
            y_shape: [y_steps, batch, end.features],
            lengths: self.lengths,
            states: states.collect(),
        })
    }
}

impl Built {
    pub fn weights(self, batch_first: bool) -> Result<ModelWeights> {
        ModelWeights::new(self.stages, batch_first)
    }
}
