//! LSTM, GRU and RNN nodes: their attributes and weights as this crate has them.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::activations::activations;
use super::value::{InitialStates, Shared};
use crate::cell::{Cell, CellOptions};
use crate::error::Result;
use crate::io::onnx::Node;
use crate::problem::Direction;
use crate::weights::{GateOrder, LayerWeights, Weights};

/// One recurrent node: a layer, all of its directions.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    cell: Cell,
    options: CellOptions,
    direction: Direction,
    pub directions: Vec<LayerWeights>,
    pub states: InitialStates,
}

/// What the attributes of a node say.
pub(super) struct Attributes {
    cell: Cell,
    options: CellOptions,
    direction: Direction,
    hidden_size: Option<usize>,
    /// Whether sequences are `[B, T, ..]` and states `[B, D, H]`.
    pub batch_first: bool,
}

/// The constant inputs of a node.
pub(super) struct Constants {
    pub w: Shared<f32>,
    pub r: Shared<f32>,
    pub b: Option<Shared<f32>>,
    pub p: Option<Shared<f32>>,
}

const SHARED: [&str; 7] = [
    "activation_alpha",
    "activation_beta",
    "activations",
    "clip",
    "direction",
    "hidden_size",
    "layout",
];

impl Attributes {
    pub fn of(node: &Node) -> Result<Self> {
        let own = match node.op.as_str() {
            "LSTM" => Some("input_forget"),
            "GRU" => Some("linear_before_reset"),
            _ => None,
        };
        let allowed: Vec<&str> = SHARED.into_iter().chain(own).collect();
        let attributes = node.attributes(&allowed)?;
        let cell = match node.op.as_str() {
            "LSTM" => Cell::Lstm,
            "GRU" => Cell::Gru { reset_after: attributes.flag("linear_before_reset")? },
            _ => Cell::Rnn,
        };
        let direction = match attributes.string("direction")? {
            None | Some("forward") => Direction::Forward,
            Some("reverse") => Direction::Reverse,
            Some("bidirectional") => Direction::Bidirectional,
            Some(other) => return Err(node.invalid(format!("direction is `{other}`"))),
        };
        let num_directions = 1 + usize::from(direction == Direction::Bidirectional);
        let preact_clip = attributes.float("clip")?;
        if preact_clip.is_some_and(|clip| !(clip > 0.0)) {
            return Err(node.invalid("clip is not more than 0"));
        }
        let hidden_size = attributes.int("hidden_size")?;
        let hidden_size = hidden_size.map(|size| {
            usize::try_from(size).map_err(|_| node.invalid(format!("hidden_size is {size}")))
        });
        let options = CellOptions {
            activations: activations(node, attributes, cell, num_directions)?,
            coupled: cell == Cell::Lstm && attributes.flag("input_forget")?,
            preact_clip,
            cell_clip: None,
        };
        let batch_first = attributes.flag("layout")?;
        let hidden_size = hidden_size.transpose()?;
        Ok(Attributes { cell, options, direction, hidden_size, batch_first })
    }

    pub fn has_c(&self) -> bool {
        self.cell.has_c()
    }

    /// The layer with these weights. D directions, G gates: W `[D, G*H, I]`, R `[D, G*H, H]`, B `[D, 2*G*H]`, P
    /// `[D, 3*H]`.
    pub fn layer(self, node: &Node, constants: &Constants) -> Result<Layer> {
        let Constants { w, r, b, p } = constants;
        let num_directions = 1 + usize::from(self.direction == Direction::Bidirectional);
        let shape = r.shape();
        let hidden = shape.last().copied().unwrap_or(0);
        let rows = hidden.saturating_mul(self.cell.num_gates());
        let is_sound = w.ndim() == 3 && w.shape()[..2] == [num_directions, rows] && !w.is_empty();
        if !is_sound || shape != [num_directions, rows, hidden] {
            let (w, gates) = (w.shape(), self.cell.num_gates());
            return Err(node.invalid(format!(
                "W {w:?} and R {shape:?} are not [{num_directions}, {gates}*H, I] and [{num_directions}, {gates}*H, H]"
            )));
        }
        if let Some(size) = self.hidden_size.filter(|size| *size != hidden) {
            return Err(node.invalid(format!("hidden_size is {size}, R has {hidden}")));
        }
        let twice = [num_directions, rows.saturating_mul(2)];
        if let Some(b) = b.as_ref().filter(|b| b.shape() != twice) {
            return Err(node.invalid(format!("B {:?} is not {twice:?}", b.shape())));
        }
        let thrice = [num_directions, hidden.saturating_mul(3)];
        if let Some(p) = p.as_ref().filter(|p| p.shape() != thrice) {
            return Err(node.invalid(format!("P {:?} is not {thrice:?}", p.shape())));
        }
        let direction = |d| self.direction_of(constants, d, rows);
        let directions = (0..num_directions).map(direction).collect::<Result<_>>()?;
        let Attributes { cell, options, direction, .. } = self;
        Ok(Layer { cell, options, direction, directions, states: [None, None] })
    }

    /// The shapes have been checked.
    fn direction_of(&self, constants: &Constants, d: usize, rows: usize) -> Result<LayerWeights> {
        let part = |array: &Shared<f32>| array.index_axis(Axis(0), d).to_owned();
        let matrix = |name: &str, array: &Shared<f32>| -> Result<Array2<f32>> {
            let array = GateOrder::Onnx.to_canonical(self.cell, name, part(array).view())?;
            let columns = array.len() / rows;
            Ok(Array2::from_shape_fn((rows, columns), |(row, column)| {
                array[[row, column].as_slice()]
            }))
        };
        let vector = |array: &Shared<f32>| Array1::from_iter(part(array));
        let layer = LayerWeights::new(matrix("W", &constants.w)?, matrix("R", &constants.r)?);
        let layer = match &constants.b {
            None => layer,
            Some(b) => {
                let both = vector(b);
                let bias =
                    |half: ArrayView1<'_, f32>| GateOrder::Onnx.to_canonical(self.cell, "B", half);
                let b_ih = bias(both.slice(s![..rows]))?;
                layer.with_bias(Some(b_ih), Some(bias(both.slice(s![rows..]))?))
            }
        };
        let Some(p) = &constants.p else { return Ok(layer) };
        let peepholes = GateOrder::Onnx.peepholes("P", vector(p).view())?;
        let hidden = peepholes.len() / 3;
        let peepholes = ArrayView2::from_shape((3, hidden), peepholes.as_slice().unwrap_or(&[]));
        let peepholes = peepholes.map_err(|error| crate::io::onnx::invalid(error.to_string()))?;
        Ok(layer.with_peepholes(peepholes.to_owned()))
    }
}

impl Layer {
    pub fn hidden_size(&self) -> usize {
        self.directions.first().map_or(0, |direction| direction.w_hh.ncols())
    }

    pub fn is_reverse(&self, direction: usize) -> bool {
        direction == 1 || self.direction == Direction::Reverse
    }

    /// Whether both can be layers of one stack.
    pub fn is_like(&self, other: &Layer) -> bool {
        let same =
            |layer: &Layer| (layer.cell, layer.options, layer.direction, layer.hidden_size());
        same(self) == same(other)
    }

    /// Layers that are alike, the first of which takes the input.
    pub fn stacked(layers: &[Layer]) -> Result<Weights> {
        let directions = layers.iter().map(|layer| layer.directions.clone()).collect();
        let Some(first) = layers.first() else { return Weights::new(Cell::Rnn, directions) };
        let weights = Weights::new(first.cell, directions)?.with_options(first.options)?;
        match first.direction {
            Direction::Reverse => weights.reversed(),
            _ => Ok(weights),
        }
    }
}
