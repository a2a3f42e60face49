//! config.json: which layers there are, and in which order x goes through them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::layer::{Config, Layer, group_name};
use super::{invalid, unsupported, words};
use crate::error::Result;

/// A model that is a straight chain.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    /// From the input on.
    pub nodes: Vec<Node>,
    /// The layers whose outputs the model gives, sorted.
    pub outputs: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub name: String,
    pub class: String,
    group: String,
    config: Map<String, Value>,
}

impl Node {
    fn words(&self) -> String {
        words(&self.name, &self.class)
    }

    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) naming what this version does not compute.
    pub fn layer(&self) -> Result<Layer> {
        let kind = Config::of(&self.config, &format!("layer `{}`", self.name))?.kind()?;
        Ok(Layer {
            name: self.name.clone(),
            class: self.class.clone(),
            group: self.group.clone(),
            kind,
        })
    }
}

/// A tensor between layers: the layer that makes it, which of its calls, and which of its outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tensor<'a> {
    layer: &'a str,
    call: u64,
    output: u64,
}

impl Graph {
    /// # Errors
    /// [`Error::Format`](crate::Error::Format), [`Error::Unsupported`](crate::Error::Unsupported) where the model is no
    /// chain.
    pub fn of(config: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(config)
            .map_err(|error| invalid(format!("config.json: {error}")))?;
        let class = value.get("class_name").and_then(Value::as_str).unwrap_or("nothing");
        let config = value.get("config").unwrap_or(&Value::Null);
        let layers = config.get("layers").and_then(Value::as_array);
        let is_sequential = class == "Sequential";
        if !is_sequential && class != "Functional" {
            let reason = "models are Sequential and functional ones, saved by Keras 3";
            return Err(unsupported(&format!("a model of class {class}"), reason));
        }
        let layers = layers.ok_or_else(|| invalid("config.json: the model has no `layers`"))?;
        let mut nodes = nodes(layers)?;
        let mut outputs: Vec<String> =
            nodes.last().map(|node| node.name.clone()).into_iter().collect();
        if is_sequential {
            refuse_states(&nodes)?;
        } else {
            nodes = chain(layers, nodes)?;
            outputs = output_names(config)?;
        }
        let unknown = |name: &&String| !nodes.iter().any(|node| node.name == **name);
        match outputs.iter().find(unknown) {
            _ if outputs.is_empty() => Err(invalid("config.json: the model has no output")),
            Some(name) => Err(invalid(format!("config.json: output `{name}` is no layer"))),
            None => Ok(Graph { nodes, outputs }),
        }
    }
}

fn nodes(layers: &[Value]) -> Result<Vec<Node>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut nodes = Vec::with_capacity(layers.len());
    for (at, value) in layers.iter().enumerate() {
        let place = format!("`layers[{at}]`");
        let value = value
            .as_object()
            .ok_or_else(|| invalid(format!("config.json: {place} is no object")))?;
        let class = value.get("class_name").and_then(Value::as_str);
        let class =
            class.ok_or_else(|| invalid(format!("config.json: {place} has no `class_name`")))?;
        let name =
            name_of(value).ok_or_else(|| invalid(format!("config.json: {place} has no `name`")))?;
        if names.insert(name, at).is_some() {
            return Err(invalid(format!("config.json: two layers are called `{name}`")));
        }
        // Keras numbers the layers of each class, in the order in which the model lists them.
        let earlier = seen.entry(class).or_default();
        let stem = group_name(class).unwrap_or(class);
        let number = if *earlier == 0 { String::new() } else { format!("_{earlier}") };
        *earlier += 1;
        nodes.push(Node {
            name: name.into(),
            class: class.into(),
            group: format!("layers/{stem}{number}"),
            config: value.clone(),
        });
    }
    Ok(nodes)
}

fn name_of(layer: &Map<String, Value>) -> Option<&str> {
    let own = layer.get("name").and_then(Value::as_str);
    own.or_else(|| layer.get("config")?.get("name")?.as_str())
}

/// In a Sequential, every layer has one output.
fn refuse_states(nodes: &[Node]) -> Result<()> {
    // Of the layer, or of that in a Bidirectional.
    let places = ["/return_state", "/layer/config/return_state"];
    let returns = |node: &&Node| {
        let options = node.config.get("config");
        let value = |place: &str| options.and_then(|options| options.pointer(place));
        places.into_iter().any(|place| value(place) == Some(&Value::Bool(true)))
    };
    nodes.iter().find(returns).map_or(Ok(()), |node| {
        let what = format!("`return_state` of {} in a Sequential", node.words());
        Err(unsupported(&what, "its states would be inputs of the next layer"))
    })
}

/// The layers of a functional model in their order: each takes the output of the one before.
fn chain(layers: &[Value], nodes: Vec<Node>) -> Result<Vec<Node>> {
    let places: BTreeMap<&str, usize> =
        nodes.iter().enumerate().map(|(at, node)| (node.name.as_str(), at)).collect();
    let mut first = None;
    // Who takes the output of each layer.
    let mut next: Vec<Option<usize>> = vec![None; nodes.len()];
    for (at, (value, node)) in layers.iter().zip(&nodes).enumerate() {
        let words = node.words();
        let calls = value.get("inbound_nodes").and_then(Value::as_array);
        let tensor = match calls.map_or(&[][..], Vec::as_slice) {
            [] => {
                let Some(before) = first.replace(at) else { continue };
                let what =
                    format!("a model of the inputs `{}` and `{}`", nodes[before].name, node.name);
                return Err(unsupported(&what, "models have one input"));
            }
            [call] => input_of(call, &words)?,
            several => {
                let what = format!("{words}, called {} times", several.len());
                return Err(unsupported(&what, "a model is a chain of layers, each called once"));
            }
        };
        first_output(tensor)?;
        let unknown = || {
            invalid(format!(
                "config.json: {words} takes the output of `{}`, which is no layer",
                tensor.layer
            ))
        };
        let from = *places.get(tensor.layer).ok_or_else(unknown)?;
        if let Some(other) = next[from].replace(at) {
            let what = format!(
                "{}, whose output `{}` and `{}` take",
                nodes[from].words(),
                nodes[other].name,
                node.name
            );
            return Err(unsupported(&what, "a model is a straight chain of layers"));
        }
    }
    let mut left: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let order = std::iter::successors(first, |at| next[*at]);
    // Every layer has one input, so that no way from the first one comes back.
    let chain: Vec<Node> = order.map_while(|at| left[at].take()).collect();
    match left.into_iter().flatten().next() {
        None => Ok(chain),
        Some(node) => {
            Err(invalid(format!("config.json: {} is not reached from the input", node.words())))
        }
    }
}

/// The only tensor that a layer is called with.
fn input_of<'a>(call: &'a Value, words: &str) -> Result<Tensor<'a>> {
    let kwargs = call.get("kwargs").and_then(Value::as_object);
    let is_without_effect = |value: &Value| value.is_null() || value == &Value::Bool(false);
    let effective =
        kwargs.and_then(|kwargs| kwargs.iter().find(|(_, value)| !is_without_effect(value)));
    if let Some((name, _)) = effective {
        let what = format!("`{name}` in the call of {words}");
        return Err(unsupported(&what, "layers are called with one input, at inference"));
    }
    let args = call.get("args").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [arg] = args else {
        let what = format!("{words}, called with {} inputs", args.len());
        return Err(unsupported(&what, "a model is a chain of layers, each with one input"));
    };
    let history = arg.get("config").and_then(|config| config.get("keras_history"));
    history.and_then(tensor).ok_or_else(|| {
        let what = format!("{words}, called with other than one tensor of another layer");
        unsupported(&what, "a model is a chain of layers, each with one input")
    })
}

fn tensor(value: &Value) -> Option<Tensor<'_>> {
    match value.as_array()?.as_slice() {
        [layer, call, output] => {
            Some(Tensor { layer: layer.as_str()?, call: call.as_u64()?, output: output.as_u64()? })
        }
        _ => None,
    }
}

/// The outputs beside the first one are states.
fn first_output(tensor: Tensor<'_>) -> Result<()> {
    if (tensor.call, tensor.output) == (0, 0) {
        return Ok(());
    }
    let what =
        format!("output {} of call {} of layer `{}`", tensor.output, tensor.call, tensor.layer);
    Err(unsupported(&what, "only the first is; a Model returns the final states of every layer"))
}

/// The layers whose outputs are those of the model, however they are nested.
fn output_names(config: &Value) -> Result<Vec<String>> {
    const MOST: usize = 64;
    let mut found = BTreeSet::new();
    let mut open: Vec<&Value> = config.get("output_layers").into_iter().collect();
    while let Some(value) = open.pop() {
        match (tensor(value), value) {
            (Some(tensor), _) => {
                first_output(tensor)?;
                found.insert(tensor.layer.to_string());
            }
            (None, Value::Array(values)) => open.extend(values),
            (None, Value::Object(values)) => open.extend(values.values()),
            _ => return Err(invalid("config.json: `output_layers` does not name layers")),
        }
        if found.len() > MOST {
            return Err(unsupported(
                &format!("a model of more than {MOST} outputs"),
                "it is no chain",
            ));
        }
    }
    Ok(found.into_iter().collect())
}
