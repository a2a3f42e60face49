//! Nodes of a graph, and reading their attributes.

use std::collections::BTreeMap;
use std::fmt;

use super::external::Folder;
use super::invalid;
use super::proto::{AttributeProto, AttributeType, NodeProto};
use super::tensor::Tensor;
use crate::error::{Error, Result};

/// A node of a graph. Inputs and outputs that are left out have an empty name.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub name: String,
    pub op: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// The names of the modules that PyTorch's exporter made the node in, outermost first.
    pub scopes: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug)]
enum Attribute {
    Float(f32),
    Int(i64),
    String(String),
    Tensor(Tensor),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Strings(Vec<String>),
    /// Of a type that no operator here has.
    Other(AttributeType),
}

impl Node {
    pub(super) fn of_proto(proto: NodeProto, folder: &Folder) -> Result<Self> {
        let op = proto.op_type.unwrap_or_default();
        // Other domains have operators of the same names.
        let op = match proto.domain.as_deref() {
            None | Some("" | "ai.onnx") => op,
            Some(domain) => format!("{domain}.{op}"),
        };
        let scopes = proto.metadata_props.iter().find_map(|entry| {
            let is_scopes = entry.key.as_deref() == Some("pkg.torch.onnx.name_scopes");
            entry.value.as_deref().filter(|_| is_scopes)
        });
        let mut node = Node {
            name: proto.name.unwrap_or_default(),
            op,
            inputs: proto.input,
            outputs: proto.output,
            scopes: scopes.map(quoted).unwrap_or_default(),
            attributes: BTreeMap::new(),
        };
        for attribute in proto.attribute {
            let name = attribute.name.clone().unwrap_or_default();
            let value = Attribute::of_proto(attribute, folder)
                .map_err(|reason| node.invalid(format!("attribute `{name}`: {reason}")))?;
            if node.attributes.insert(name.clone(), value).is_some() {
                return Err(node.invalid(format!("has attribute `{name}` twice")));
            }
        }
        Ok(node)
    }

    /// The file is wrong here.
    pub fn invalid(&self, reason: impl fmt::Display) -> Error {
        invalid(format!("{self}: {reason}"))
    }

    /// This cannot be run.
    pub fn unsupported(&self, reason: impl Into<String>) -> Error {
        Error::Unsupported { what: self.to_string(), reason: reason.into() }
    }

    /// Input `place`, where it is not left out.
    pub fn input(&self, place: usize) -> Option<&str> {
        self.inputs.get(place).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Output `place`, where it is not left out.
    pub fn output(&self, place: usize) -> Option<&str> {
        self.outputs.get(place).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Its attributes, of which it may have none but these.
    ///
    /// # Errors
    /// [`Error::Format`] where it has others: they would be ignored.
    pub fn attributes(&self, allowed: &[&str]) -> Result<Reader<'_>> {
        match self.attributes.keys().find(|name| !allowed.contains(&name.as_str())) {
            Some(name) => Err(self.invalid(format!("has no attribute `{name}` in ONNX"))),
            None => Ok(Reader { node: self }),
        }
    }
}

/// As errors name it.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.outputs.iter().find(|output| !output.is_empty());
        match (self.name.as_str(), first) {
            ("", Some(output)) => write!(f, "the node that makes `{output}` ({})", self.op),
            ("", None) => write!(f, "a node ({})", self.op),
            (name, _) => write!(f, "node `{name}` ({})", self.op),
        }
    }
}

/// The strings of a list as Python prints it: `['', 'lstm']`.
fn quoted(list: &str) -> Vec<String> {
    list.split('\'').skip(1).step_by(2).map(String::from).collect()
}

impl Attribute {
    fn of_proto(proto: AttributeProto, folder: &Folder) -> Result<Self, String> {
        if proto.ref_attr_name.as_deref().is_some_and(|name| !name.is_empty()) {
            return Err("refers to one of a function, and this is none".into());
        }
        let number = proto.r#type.unwrap_or_default();
        let text = |bytes| String::from_utf8(bytes).map_err(|_| "is no UTF-8".to_string());
        // A value of 0 may be left out of the message, as may an empty string.
        Ok(match AttributeType::try_from(number) {
            Ok(AttributeType::Float) => Attribute::Float(proto.f.unwrap_or_default()),
            Ok(AttributeType::Int) => Attribute::Int(proto.i.unwrap_or_default()),
            Ok(AttributeType::String) => Attribute::String(text(proto.s.unwrap_or_default())?),
            Ok(AttributeType::Floats) => Attribute::Floats(proto.floats),
            Ok(AttributeType::Ints) => Attribute::Ints(proto.ints),
            Ok(AttributeType::Strings) => {
                let strings = proto.strings.into_iter().map(text);
                Attribute::Strings(strings.collect::<Result<_, _>>()?)
            }
            Ok(AttributeType::Tensor) => {
                let tensor = proto.t.ok_or("has no tensor")?;
                let tensor = Tensor::of_proto(&tensor, folder);
                Attribute::Tensor(tensor.map_err(|error| error.to_string())?)
            }
            Ok(AttributeType::Undefined) => return Err("has no type".into()),
            Ok(other) => Attribute::Other(other),
            Err(_) => return Err(format!("type {number} is unknown")),
        })
    }

    fn kind(&self) -> String {
        match self {
            Attribute::Float(_) => "FLOAT".into(),
            Attribute::Int(_) => "INT".into(),
            Attribute::String(_) => "STRING".into(),
            Attribute::Tensor(_) => "TENSOR".into(),
            Attribute::Floats(_) => "FLOATS".into(),
            Attribute::Ints(_) => "INTS".into(),
            Attribute::Strings(_) => "STRINGS".into(),
            Attribute::Other(other) => format!("{other:?}").to_uppercase(),
        }
    }
}

/// Reads the attributes of a node; each method gives none where there is none of that name.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    node: &'a Node,
}

impl<'a> Reader<'a> {
    pub fn has(self, name: &str) -> bool {
        self.node.attributes.contains_key(name)
    }

    pub fn float(self, name: &str) -> Result<Option<f32>> {
        self.read(name, "FLOAT", |attribute| match attribute {
            Attribute::Float(value) => Some(*value),
            _ => None,
        })
    }

    pub fn int(self, name: &str) -> Result<Option<i64>> {
        self.read(name, "INT", |attribute| match attribute {
            Attribute::Int(value) => Some(*value),
            _ => None,
        })
    }

    /// 0 or 1; none is 0.
    pub fn flag(self, name: &str) -> Result<bool> {
        match self.int(name)?.unwrap_or(0) {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.node.invalid(format!("`{name}` is {other}, expected 0 or 1"))),
        }
    }

    pub fn string(self, name: &str) -> Result<Option<&'a str>> {
        self.read(name, "STRING", |attribute| match attribute {
            Attribute::String(value) => Some(value.as_str()),
            _ => None,
        })
    }

    pub fn tensor(self, name: &str) -> Result<Option<&'a Tensor>> {
        self.read(name, "TENSOR", |attribute| match attribute {
            Attribute::Tensor(value) => Some(value),
            _ => None,
        })
    }

    pub fn floats(self, name: &str) -> Result<Option<&'a [f32]>> {
        self.read(name, "FLOATS", |attribute| match attribute {
            Attribute::Floats(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    pub fn ints(self, name: &str) -> Result<Option<&'a [i64]>> {
        self.read(name, "INTS", |attribute| match attribute {
            Attribute::Ints(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    pub fn strings(self, name: &str) -> Result<Option<&'a [String]>> {
        self.read(name, "STRINGS", |attribute| match attribute {
            Attribute::Strings(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    fn read<T>(
        self,
        name: &str,
        kind: &str,
        value: impl FnOnce(&'a Attribute) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(attribute) = self.node.attributes.get(name) else { return Ok(None) };
        let given = attribute.kind();
        let misfit = || self.node.invalid(format!("`{name}` is of type {given}, expected {kind}"));
        value(attribute).map(Some).ok_or_else(misfit)
    }
}
