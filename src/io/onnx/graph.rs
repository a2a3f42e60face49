//! A decoded graph and what has to hold of it before anybody looks at what its nodes mean.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::external::Folder;
use super::proto::{GraphProto, ModelProto, TensorShapeProto, ValueInfoProto};
use super::tensor::{Tensor, dtype};
use super::{Dim, Node, ValueInfo, invalid};
use crate::error::{Error, Result};

/// The first version of the standard operators whose LSTM, GRU and RNN are those of today but for what was added.
const FIRST_OPSET: i64 = 7;

/// The newest one, that of the package `onnx` 1.23.2: a later one may give operators another meaning.
const LAST_OPSET: i64 = 28;

/// A graph whose names each have one meaning, and whose nodes are in an order in which they can run.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub opset: i64,
    pub producer: String,
    pub inputs: Vec<ValueInfo>,
    pub outputs: Vec<ValueInfo>,
    pub initializers: HashMap<String, Tensor>,
    pub nodes: Vec<Node>,
}

impl Graph {
    pub(super) fn decode(bytes: &[u8], folder: &Folder) -> Result<Self> {
        let model = ModelProto::decode(bytes).map_err(|error| invalid(error.to_string()))?;
        let opset = opset(&model)?;
        let words = [model.producer_name, model.producer_version];
        let producer = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let graph = model.graph.ok_or_else(|| invalid("the model has no graph"))?;
        if !graph.sparse_initializer.is_empty() {
            let what = "a graph with sparse initializers".into();
            return Err(Error::Unsupported { what, reason: "only dense tensors are read".into() });
        }
        let GraphProto { node, initializer, input, output, .. } = graph;
        let mut initializers = HashMap::new();
        for proto in &initializer {
            let name = proto.name.clone().unwrap_or_default();
            if name.is_empty() {
                return Err(invalid("an initializer has no name"));
            }
            if initializers.insert(name.clone(), Tensor::of_proto(proto, folder)?).is_some() {
                return Err(invalid(format!("`{name}` is defined twice")));
            }
        }
        // Where the IR is older than 4, initializers are inputs as well: with a default that nobody has to give.
        let is_open = |info: &ValueInfoProto| {
            !initializers.contains_key(info.name.as_deref().unwrap_or_default())
        };
        let inputs = input.into_iter().filter(is_open).map(value_info).collect::<Result<_>>()?;
        let outputs = output.into_iter().map(value_info).collect::<Result<_>>()?;
        let nodes = node.into_iter().map(|node| Node::of_proto(node, folder));
        let nodes = nodes.collect::<Result<_>>()?;
        let graph = Graph { opset, producer, inputs, outputs, initializers, nodes };
        graph.check_names()?;
        graph.sorted()
    }

    fn check_names(&self) -> Result<()> {
        if self.outputs.is_empty() {
            return Err(invalid("the graph has no output"));
        }
        let mut defined: HashSet<&str> = self.initializers.keys().map(String::as_str).collect();
        let inputs = self.inputs.iter().map(|input| &input.name);
        let made = self.nodes.iter().flat_map(|node| &node.outputs).filter(|name| !name.is_empty());
        for name in inputs.chain(made) {
            if !defined.insert(name) {
                return Err(invalid(format!("`{name}` is defined twice")));
            }
        }
        for node in &self.nodes {
            let missing = |name: &&String| !name.is_empty() && !defined.contains(name.as_str());
            if let Some(name) = node.inputs.iter().find(missing) {
                return Err(node.invalid(format!("its input `{name}` is defined nowhere")));
            }
        }
        let missing = self.outputs.iter().find(|output| !defined.contains(output.name.as_str()));
        missing.map_or(Ok(()), |output| {
            Err(invalid(format!("output `{}` is defined nowhere", output.name)))
        })
    }

    /// The nodes each behind those whose outputs it takes, else in their order.
    fn sorted(mut self) -> Result<Self> {
        let mut maker = HashMap::new();
        for (n, node) in self.nodes.iter().enumerate() {
            maker.extend(node.outputs.iter().map(|name| (name.as_str(), n)));
        }
        let before = |node: &Node| -> HashSet<usize> {
            let inputs = node.inputs.iter().filter(|name| !name.is_empty());
            inputs.filter_map(|name| maker.get(name.as_str()).copied()).collect()
        };
        let mut waits: Vec<usize> = Vec::with_capacity(self.nodes.len());
        let mut behind = vec![Vec::new(); self.nodes.len()];
        for (n, node) in self.nodes.iter().enumerate() {
            let before = before(node);
            waits.push(before.len());
            for earlier in before {
                behind[earlier].push(n);
            }
        }
        let ready = waits.iter().enumerate().filter(|(_, waits)| **waits == 0);
        let mut ready: std::collections::BTreeSet<usize> = ready.map(|(n, _)| n).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(n) = ready.pop_first() {
            order.push(n);
            for later in &behind[n] {
                waits[*later] -= 1;
                if waits[*later] == 0 {
                    ready.insert(*later);
                }
            }
        }
        if let Some(n) = waits.iter().position(|waits| *waits > 0) {
            return Err(self.nodes[n].invalid("is in a cycle, or behind one"));
        }
        let mut nodes: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        self.nodes = order.into_iter().filter_map(|n| nodes[n].take()).collect();
        Ok(self)
    }
}

fn opset(model: &ModelProto) -> Result<i64> {
    let is_standard = |domain: Option<&str>| matches!(domain, None | Some("" | "ai.onnx"));
    let mut standard =
        model.opset_import.iter().filter(|import| is_standard(import.domain.as_deref()));
    match (standard.next().and_then(|import| import.version), standard.next()) {
        (Some(version), None) if (FIRST_OPSET..=LAST_OPSET).contains(&version) => Ok(version),
        (Some(version), None) => Err(Error::Unsupported {
            what: format!("a model of opset {version}"),
            reason: format!("opsets {FIRST_OPSET} to {LAST_OPSET} are read"),
        }),
        (None, _) => Err(invalid("the model does not say which opset it is of")),
        (_, Some(_)) => Err(invalid("the model is of several opsets")),
    }
}

fn value_info(proto: ValueInfoProto) -> Result<ValueInfo> {
    let name = proto.name.unwrap_or_default();
    if name.is_empty() {
        return Err(invalid("an input or output has no name"));
    }
    let tensor = proto.r#type.and_then(|of| of.tensor_type);
    let tensor = tensor.ok_or_else(|| invalid(format!("`{name}` is not said to be a tensor")))?;
    let dtype = dtype(&format!("`{name}`"), tensor.elem_type)?;
    let dims = tensor.shape.map(|shape| dims(&name, shape)).transpose()?;
    Ok(ValueInfo { name, dtype, dims })
}

fn dims(name: &str, shape: TensorShapeProto) -> Result<Vec<Dim>> {
    let dim = |dim: super::proto::Dimension| match (dim.dim_value, dim.dim_param) {
        (Some(side), _) => {
            let known = usize::try_from(side).map(Dim::Known);
            known.map_err(|_| invalid(format!("`{name}` has a side of {side}")))
        }
        (None, param) => Ok(Dim::Named(param.unwrap_or_default())),
    };
    shape.dim.into_iter().map(dim).collect()
}
