//! From layers and their variables to the stages of a model. The only place that knows how Keras lays out weights.

use ndarray::{Array1, Array2, ArrayView1};

use super::layer::{Dense, Direction, Kind, Layer};
use super::variables::Variables;
use super::{invalid, unsupported, words};
use crate::cell::{Activations, Cell, CellOptions};
use crate::chain::{Function, Last};
use crate::error::{Error, Result};
use crate::weights::{GateOrder, LayerWeights, StageWeights, Weights};

/// The stages of a chain of layers, with their names.
pub(super) fn stages(
    layers: &[Layer],
    variables: &Variables,
) -> Result<Vec<(String, StageWeights)>> {
    let mut chain = Chain { variables, stages: Vec::new(), reversed_by: None, is_one_step: false };
    for layer in layers {
        chain.push(layer)?;
    }
    if let Some(name) = chain.reversed_by {
        let what = format!("`go_backwards` with `return_sequences` of layer `{name}`");
        return Err(unsupported(
            &what,
            "the model's output would run from the last time step to the first",
        ));
    }
    Ok(chain.stages)
}

struct Chain<'a> {
    variables: &'a Variables,
    stages: Vec<(String, StageWeights)>,
    /// The layer since which the steps are from the last to the first. The stages keep those of x: a recurrent layer
    /// among them runs the other way instead.
    reversed_by: Option<&'a str>,
    /// Whether only the last time step is left.
    is_one_step: bool,
}

impl<'a> Chain<'a> {
    fn push(&mut self, layer: &'a Layer) -> Result<()> {
        match &layer.kind {
            Kind::Identity => {}
            Kind::Embedding { shape } => {
                let [input_dim, output_dim] = *shape;
                let weight = self.read(&layer.path("vars", 0), [input_dim, output_dim])?;
                self.has_only(layer, "vars", 1)?;
                self.add(layer, StageWeights::Embedding { weight });
            }
            Kind::Recurrent { directions, go_backwards, return_sequences } => {
                self.recurrent(layer, directions, *go_backwards, *return_sequences)?;
            }
            Kind::Dense(dense) => self.dense(layer, dense)?,
            Kind::Function(function) => self.function(*function),
        }
        Ok(())
    }

    fn recurrent(
        &mut self,
        layer: &'a Layer,
        directions: &[Direction],
        go_backwards: bool,
        return_sequences: bool,
    ) -> Result<()> {
        if self.is_one_step {
            let reason = format!(
                "{} takes a sequence, but the layers before it leave one time step",
                layer.words()
            );
            return Err(invalid(reason));
        }
        let runs_backwards = self.reversed_by.is_some() != go_backwards;
        let mut weights = self.weights(layer, directions)?;
        if runs_backwards && directions.len() == 2 {
            let what = format!("`go_backwards` of the forward layer of {}", layer.words());
            return Err(unsupported(
                &what,
                "the first half of its output belongs to the forward direction",
            ));
        }
        if runs_backwards {
            weights = weights.reversed()?;
        }
        self.add(layer, StageWeights::Recurrent(weights));
        self.reversed_by = runs_backwards.then_some(&layer.name);
        if !return_sequences {
            self.stages.push((String::new(), StageWeights::Last(Last::States)));
            (self.reversed_by, self.is_one_step) = (None, true);
        }
        Ok(())
    }

    fn weights(&self, layer: &Layer, directions: &[Direction]) -> Result<Weights> {
        let [Direction { cell, .. }, ..] = directions else {
            return Err(invalid(format!("{} has no direction", layer.words())));
        };
        let arrays = directions.iter().map(|direction| self.direction(layer, direction));
        let activations = |at: usize| {
            let chosen = directions.get(at)?.activations();
            (chosen != cell.standard_activations()).then_some(chosen)
        };
        let activations = [activations(0), activations(1)];
        let options = CellOptions { activations, ..Default::default() };
        Weights::new(*cell, vec![arrays.collect::<Result<_>>()?])?.with_options(options)
    }

    /// Keras: kernel `[I, G*H]`, recurrent kernel `[H, G*H]`, bias `[G*H]`; `[2, G*H]`, of the input and of h, of a GRU
    /// with reset after.
    fn direction(&self, layer: &Layer, direction: &Direction) -> Result<LayerWeights> {
        let Direction { variables, cell, units, .. } = *direction;
        let path = |variable| layer.path(variables, variable);
        let gates = units.checked_mul(cell.num_gates());
        let gates = gates.ok_or_else(|| Error::Overflow { what: layer.words() })?;
        let canonical = |variable, kernel: &Array2<f32>| {
            GateOrder::Keras.to_canonical(cell, &path(variable), kernel.t())
        };
        let kernel = self.read(&path(0), [self.features(&path(0))?, gates])?;
        let w_ih = canonical(0, &kernel)?;
        let w_hh = canonical(1, &self.read(&path(1), [units, gates])?)?;
        let [b_ih, b_hh] = self.biases(direction, &path(2), gates)?;
        self.has_only(layer, variables, 2 + usize::from(direction.use_bias))?;
        Ok(LayerWeights::new(w_ih, w_hh).with_bias(b_ih, b_hh))
    }

    /// Those of the input and of h.
    fn biases(
        &self,
        direction: &Direction,
        path: &str,
        gates: usize,
    ) -> Result<[Option<Array1<f32>>; 2]> {
        let canonical = |bias: ArrayView1<'_, f32>| {
            GateOrder::Keras.to_canonical(direction.cell, path, bias).map(Some)
        };
        Ok(match direction.cell {
            _ if !direction.use_bias => [None, None],
            Cell::Gru { reset_after: true } => {
                let both = self.read(path, [2, gates])?;
                [canonical(both.row(0))?, canonical(both.row(1))?]
            }
            _ => [canonical(self.read_bias(path, gates)?.view())?, None],
        })
    }

    /// Keras: kernel `[inputs, units]`, bias `[units]`.
    fn dense(&mut self, layer: &Layer, dense: &Dense) -> Result<()> {
        let path = |variable| layer.path(dense.variables, variable);
        let kernel = self.read(&path(0), [self.features(&path(0))?, dense.units])?;
        let bias = dense.use_bias.then(|| self.read_bias(&path(1), dense.units)).transpose()?;
        self.has_only(layer, dense.variables, 1 + usize::from(dense.use_bias))?;
        let weight = kernel.t().as_standard_layout().into_owned();
        self.add(layer, StageWeights::Linear { weight, bias });
        dense.activation.into_iter().for_each(|function| self.function(function));
        Ok(())
    }

    fn add(&mut self, layer: &Layer, stage: StageWeights) {
        self.stages.push((layer.name.clone(), stage));
    }

    fn function(&mut self, function: Function) {
        self.stages.push((String::new(), StageWeights::Function(function)));
    }

    /// The features that the next layer gets; where it is the first, those of its kernel.
    fn features(&self, kernel: &str) -> Result<usize> {
        let outputs = |(_, stage): &(String, StageWeights)| match stage {
            StageWeights::Recurrent(weights) => Some(weights.sizes().output_size()),
            StageWeights::Linear { weight, .. } => Some(weight.nrows()),
            StageWeights::Embedding { weight } => Some(weight.ncols()),
            _ => None,
        };
        match self.stages.iter().rev().find_map(outputs) {
            Some(features) => Ok(features),
            None => Ok(self.variables.shape(kernel)?.first().copied().unwrap_or_default()),
        }
    }

    /// A matrix, read only where it has the shape that the layer's sizes ask for.
    fn read(&self, path: &str, expected: [usize; 2]) -> Result<Array2<f32>> {
        self.expect(path, &expected)?;
        self.variables.array(path)
    }

    fn read_bias(&self, path: &str, expected: usize) -> Result<Array1<f32>> {
        self.expect(path, &[expected])?;
        self.variables.array(path)
    }

    fn expect(&self, path: &str, expected: &[usize]) -> Result<()> {
        let given = self.variables.shape(path)?;
        if given == expected {
            Ok(())
        } else {
            Err(Error::shape(path, format!("{expected:?}"), &given))
        }
    }

    /// A variable that would be left out makes another layer.
    fn has_only(&self, layer: &Layer, variables: &str, expected: usize) -> Result<()> {
        let group = layer.group.clone() + "/" + variables;
        let given = self.variables.count(&group)?;
        if given == expected {
            return Ok(());
        }
        let what = format!("{given} variables in `{group}`");
        Err(unsupported(&what, &format!("{} has {expected}", layer.words())))
    }
}

impl Layer {
    fn path(&self, variables: &str, variable: usize) -> String {
        format!("{}/{variables}/{variable}", self.group)
    }

    fn words(&self) -> String {
        words(&self.name, &self.class)
    }
}

impl Direction {
    fn activations(&self) -> Activations {
        let standard = self.cell.standard_activations();
        let (f, g) = (self.recurrent_activation, self.activation);
        match self.cell {
            Cell::Lstm => Activations { f, g, h: g },
            Cell::Gru { .. } => Activations { f, g, ..standard },
            Cell::Rnn => Activations { f: g, ..standard },
        }
    }
}
