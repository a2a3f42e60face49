//! The layers of a `.weights.h5` that comes without a config.json, as far as groups and shapes tell them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::layer::{
    ACTIVATIONS, BACKWARD, CELL, Dense, Direction, FORWARD, FUNCTIONS, INNER, Kind, Layer, OWN,
    activation_named, function_named,
};
use super::unsupported;
use super::variables::Variables;
use crate::cell::{Activation, Cell};
use crate::chain::Function;
use crate::error::{Error, Result};

/// What a `.weights.h5` does not say of a layer. None is Keras' default, or what the file tells.
///
/// An argument that the layer has not got is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerArguments<'a> {
    /// `activation`: by default `"tanh"` of recurrent layers, `"linear"` of a Dense. An Activation has none.
    pub activation: Option<&'a str>,
    /// `recurrent_activation` of an LSTM or GRU: by default `"sigmoid"`.
    pub recurrent_activation: Option<&'a str>,
    /// `return_sequences` of a recurrent layer: by default what the next layer needs, which is true before a recurrent
    /// layer and false elsewhere.
    pub return_sequences: Option<bool>,
    /// `go_backwards` of a recurrent layer, in a Bidirectional of its forward one: by default false.
    pub go_backwards: Option<bool>,
    /// `reset_after` of a GRU: by default as the shape of its bias tells, true where it has none.
    pub reset_after: Option<bool>,
}

/// A layer, and the features that it takes and gives.
struct Found {
    layer: Layer,
    sizes: Option<(usize, usize)>,
    /// Layers of a class follow each other.
    class: String,
    number: usize,
}

/// The layers of the file, first to last.
pub(super) fn layers(
    variables: &Variables,
    given: &[(&str, LayerArguments<'_>)],
) -> Result<Vec<Layer>> {
    for (at, (name, _)) in given.iter().enumerate() {
        if given[..at].iter().any(|(other, _)| other == name) {
            return Err(Error::argument("layers", "each layer once", format!("`{name}` twice")));
        }
    }
    let groups = variables.groups("layers")?;
    if groups.is_empty() {
        let what = "a `.weights.h5` without the group `layers`";
        return Err(unsupported(
            what,
            "weights are those of Sequential and functional models, saved by Keras 3",
        ));
    }
    let mut found = Vec::new();
    for group in &groups {
        found.extend(self::found(variables, group, given)?);
    }
    let unknown = given.iter().find(|(name, _)| !found.iter().any(|one| one.layer.name == *name));
    if let Some((name, _)) = unknown {
        let names: Vec<&str> = found.iter().map(|one| one.layer.name.as_str()).collect();
        let expected = format!("layers of the file: {}", names.join(", "));
        return Err(Error::argument("layers", expected, format!("`{name}`")));
    }
    let mut layers =
        if given.len() == found.len() { as_given(found, given) } else { in_order(found)? };
    let is_recurrent = |layer: &Layer| matches!(layer.kind, Kind::Recurrent { .. });
    for at in 0..layers.len() {
        let is_before_recurrent = layers[at + 1..].iter().any(is_recurrent);
        let said = said_of(&layers[at].name, given).return_sequences;
        if let Kind::Recurrent { return_sequences, .. } = &mut layers[at].kind {
            *return_sequences = said.unwrap_or(is_before_recurrent);
        }
    }
    Ok(layers)
}

fn said_of<'a>(name: &str, given: &[(&str, LayerArguments<'a>)]) -> LayerArguments<'a> {
    given.iter().find(|(of, _)| *of == name).map(|(_, arguments)| *arguments).unwrap_or_default()
}

/// The layer of a group; none where it computes nothing.
fn found(
    variables: &Variables,
    group: &str,
    given: &[(&str, LayerArguments<'_>)],
) -> Result<Option<Found>> {
    let (stem, number) = match group.rsplit_once('_').map(|(stem, number)| (stem, number.parse())) {
        Some((stem, Ok(number))) => (stem, number),
        _ => (group, 0),
    };
    let path = format!("layers/{group}");
    let name = variables.layer_name(&path).unwrap_or_else(|| group.to_string());
    let mut said = Said { name: &name, left: said_of(&name, given) };
    let (class, kind, sizes) = match stem {
        "input_layer" | "dropout" | "spatial_dropout1d" => return Ok(None),
        "embedding" => {
            let shape = matrix(variables, &format!("{path}/{OWN}/0"))?;
            ("Embedding", Kind::Embedding { shape }, Some((1, shape[1])))
        }
        "lstm" | "gru" | "simple_rnn" => recurrent(variables, &path, &[CELL], &mut said)?,
        "bidirectional" => recurrent(variables, &path, &[FORWARD, BACKWARD], &mut said)?,
        "dense" => dense(variables, &path, OWN, &mut said)?,
        "time_distributed" => dense(variables, &path, INNER, &mut said)?,
        "softmax" => ("Softmax", Kind::Function(Function::Softmax), None),
        "re_lu" => ("ReLU", Kind::Function(Function::Relu), None),
        "activation" => {
            let kind = said.function()?.map_or(Kind::Identity, Kind::Function);
            ("Activation", kind, None)
        }
        _ => {
            let what = format!("layer `{name}` of the group `{path}`");
            return Err(unsupported(&what, "this version knows no such layer"));
        }
    };
    said.finish()?;
    let layer = Layer { name, class: class.into(), group: path, kind };
    Ok(Some(Found { layer, sizes, class: stem.into(), number }))
}

type Parts = (&'static str, Kind, Option<(usize, usize)>);

fn recurrent(
    variables: &Variables,
    group: &str,
    places: &[&'static str],
    said: &mut Said<'_>,
) -> Result<Parts> {
    let go_backwards = said.left.go_backwards.take().unwrap_or(false);
    // Which it is depends on the layers behind it.
    said.left.return_sequences = None;
    let kernel = matrix(variables, &format!("{group}/{}/0", places[0]))?;
    let [units, columns] = matrix(variables, &format!("{group}/{}/1", places[0]))?;
    let has_bias = variables.count(&format!("{group}/{}", places[0]))? > 2;
    let reset_after = !has_bias || variables.shape(&format!("{group}/{}/2", places[0]))?.len() == 2;
    let cell = match columns.checked_div(units) {
        Some(4) => Cell::Lstm,
        Some(3) => Cell::Gru { reset_after: said.left.reset_after.take().unwrap_or(reset_after) },
        Some(1) => Cell::Rnn,
        _ => {
            let expected = "units times 4 (LSTM), 3 (GRU) or 1 (SimpleRNN) columns";
            return Err(Error::shape(
                &format!("{group}/{}/1", places[0]),
                expected,
                &[units, columns],
            ));
        }
    };
    let activation = said.activation()?.unwrap_or(Activation::Tanh);
    let recurrent_activation = match cell {
        Cell::Rnn => Activation::Sigmoid,
        _ => said.recurrent_activation()?.unwrap_or(Activation::Sigmoid),
    };
    let mut directions = Vec::new();
    for place in places {
        let use_bias = variables.count(&format!("{group}/{place}"))? > 2;
        directions.push(Direction {
            variables: place,
            cell,
            units,
            activation,
            recurrent_activation,
            use_bias,
        });
    }
    let class = match (places, cell) {
        ([_, _], _) => "Bidirectional",
        (_, Cell::Lstm) => "LSTM",
        (_, Cell::Gru { .. }) => "GRU",
        (_, Cell::Rnn) => "SimpleRNN",
    };
    let output_size = units.saturating_mul(places.len());
    let kind = Kind::Recurrent { directions, go_backwards, return_sequences: false };
    Ok((class, kind, Some((kernel[0], output_size))))
}

fn dense(
    variables: &Variables,
    group: &str,
    place: &'static str,
    said: &mut Said<'_>,
) -> Result<Parts> {
    let [input_size, units] = matrix(variables, &format!("{group}/{place}/0"))?;
    let use_bias = variables.count(&format!("{group}/{place}"))? > 1;
    let activation = match said.left.activation {
        None => None,
        Some(_) => said.function()?,
    };
    let class = if place == INNER { "TimeDistributed" } else { "Dense" };
    let kind = Kind::Dense(Dense { variables: place, units, use_bias, activation });
    Ok((class, kind, Some((input_size, units))))
}

fn matrix(variables: &Variables, path: &str) -> Result<[usize; 2]> {
    let shape = variables.shape(path)?;
    match shape[..] {
        [rows, columns] if rows > 0 && columns > 0 => Ok([rows, columns]),
        _ => Err(Error::shape(path, "2 axes, none of length 0", &shape)),
    }
}

/// The caller's arguments of a layer, less those that have been read.
struct Said<'a> {
    name: &'a str,
    left: LayerArguments<'a>,
}

impl Said<'_> {
    fn activation(&mut self) -> Result<Option<Activation>> {
        let name = self.left.activation.take();
        self.named(name, "activation", ACTIVATIONS, activation_named)
    }

    fn recurrent_activation(&mut self) -> Result<Option<Activation>> {
        let name = self.left.recurrent_activation.take();
        self.named(name, "recurrent_activation", ACTIVATIONS, activation_named)
    }

    /// Of a layer that has to have one.
    fn function(&mut self) -> Result<Option<Function>> {
        let name = self.left.activation.take();
        let function = self.named(name, "activation", FUNCTIONS, function_named)?;
        function.ok_or_else(|| self.wrong("activation", FUNCTIONS, "missing"))
    }

    fn named<T>(
        &self,
        name: Option<&str>,
        argument: &str,
        expected: &str,
        known: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let of = |name| known(name).ok_or_else(|| self.wrong(argument, expected, name));
        name.map(of).transpose()
    }

    fn wrong(&self, argument: &str, expected: &str, given: &str) -> Error {
        Error::argument(&format!("{argument} of layer {}", self.name), expected, given)
    }

    fn finish(self) -> Result<()> {
        let left = &self.left;
        let given = [
            ("activation", left.activation.is_some()),
            ("recurrent_activation", left.recurrent_activation.is_some()),
            ("return_sequences", left.return_sequences.is_some()),
            ("go_backwards", left.go_backwards.is_some()),
            ("reset_after", left.reset_after.is_some()),
        ];
        let superfluous = given.iter().find(|(_, is_given)| *is_given);
        let error = |(argument, _): &(&str, bool)| {
            self.wrong(argument, "none: the layer has no such argument", "given")
        };
        superfluous.map_or(Ok(()), |argument| Err(error(argument)))
    }
}

fn as_given(found: Vec<Found>, given: &[(&str, LayerArguments<'_>)]) -> Vec<Layer> {
    let place = |layer: &Layer| given.iter().position(|(name, _)| *name == layer.name);
    let mut layers: Vec<Layer> = found.into_iter().map(|one| one.layer).collect();
    layers.sort_by_key(place);
    layers
}

/// The only order in which each layer takes what the one before gives.
fn in_order(found: Vec<Found>) -> Result<Vec<Layer>> {
    let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in found.iter().enumerate() {
        classes.entry(&one.class).or_default().push(at);
    }
    for members in classes.values_mut() {
        members.sort_by_key(|at| Reverse(found[*at].number));
    }
    let mut search = Search {
        sizes: found.iter().map(|one| one.sizes).collect(),
        left: classes.into_values().collect(),
        order: Vec::new(),
        orders: Vec::new(),
        tries: 0,
    };
    search.extend(None);
    let is_only = search.orders.len() == 1 && search.tries <= Search::MOST_TRIES;
    match search.orders.pop() {
        Some(order) if is_only => {
            let mut layers: Vec<Option<Layer>> =
                found.into_iter().map(|one| Some(one.layer)).collect();
            Ok(order.into_iter().filter_map(|at| layers[at].take()).collect())
        }
        _ => {
            let names: Vec<&str> = found.iter().map(|one| one.layer.name.as_str()).collect();
            let expected = "all layers, first to last: their sizes do not tell the order";
            Err(Error::argument("layers", expected, format!("fewer than {}", names.join(", "))))
        }
    }
}

/// Goes through the orders of layers until a second one is found.
struct Search {
    /// Features in and out of each layer.
    sizes: Vec<Option<(usize, usize)>>,
    /// The layers of each class that are not in `order` yet, the next one last.
    left: Vec<Vec<usize>>,
    order: Vec<usize>,
    orders: Vec<Vec<usize>>,
    tries: usize,
}

impl Search {
    const MOST_TRIES: usize = 4096;
    const LONGEST: usize = 256;

    fn extend(&mut self, features: Option<usize>) {
        if self.order.len() == self.sizes.len() {
            return self.orders.push(self.order.clone());
        }
        for class in 0..self.left.len() {
            self.tries += 1;
            let is_over = self.orders.len() > 1
                || self.tries > Self::MOST_TRIES
                || self.order.len() > Self::LONGEST;
            let Some(next) = self.left[class].last().copied().filter(|_| !is_over) else {
                continue;
            };
            let taken = match self.sizes[next] {
                // Functions take any number of features, and give as many.
                None => features,
                Some((input_size, output_size)) => {
                    if features.is_some_and(|features| features != input_size) {
                        continue;
                    }
                    Some(output_size)
                }
            };
            self.left[class].pop();
            self.order.push(next);
            self.extend(taken);
            self.order.pop();
            self.left[class].push(next);
        }
    }
}
