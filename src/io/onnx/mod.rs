//! ONNX files: graphs of opset 7 to 28 that hold recurrent layers and the usual few nodes around them.
//!
//! [`open`] reads and checks a file, [`Onnx::load`](crate::io::onnx::Onnx::load) brings it to a device as an
//! [`OnnxModel`](crate::OnnxModel).

mod external;
mod graph;
mod node;
#[doc(hidden)]
#[allow(missing_docs, reason = "for this crate's tests")]
pub mod proto;
mod tensor;

use std::fmt;
use std::path::Path;

use crate::error::{Error, Result};
use external::Folder;
pub(crate) use graph::Graph;
pub(crate) use node::{Node, Reader};
pub use tensor::{Dtype, Tensor};
pub(crate) use tensor::{checked_len, dtype};

pub(crate) const FORMAT: &str = "ONNX";

pub(crate) fn invalid(reason: impl Into<String>) -> Error {
    Error::Format { format: FORMAT, reason: reason.into() }
}

/// An ONNX file in memory, its graph checked. [`Onnx::load`] runs it.
#[derive(Clone, Debug)]
pub struct Onnx {
    pub(crate) graph: Graph,
}

/// An input or output of a graph, as the file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValueInfo {
    /// Its name.
    pub name: String,
    /// The kind of its elements.
    pub dtype: Dtype,
    /// Its sides; none where the file does not even say how many.
    pub dims: Option<Vec<Dim>>,
}

/// A side of an input or output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// Always this.
    Known(usize),
    /// The same wherever the name is; "" is a side of its own.
    Named(String),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(side) => write!(f, "{side}"),
            Dim::Named(name) if name.is_empty() => f.write_str("?"),
            Dim::Named(name) => f.write_str(name),
        }
    }
}

/// Reads a file, and its external data, which have to be in the file's folder.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] where the file is no ONNX or its graph is not sound: a name that is there twice or
/// nowhere, a cycle, data that do not fit their dims, external data elsewhere; [`Error::Unsupported`] where the opset
/// is none of 7 to 28, or where tensors have another type of element than those of [`Dtype`].
pub fn open(path: impl AsRef<Path>) -> Result<Onnx> {
    let path = path.as_ref();
    let bytes = std::fs::read(path)
        .map_err(|source| Error::Io { path: path.display().to_string(), source })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    from_bytes(&bytes, Some(parent.unwrap_or(Path::new("."))))
}

/// As [`open`], from the bytes of a file; `folder` is where its external data are, if it may have any.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(bytes: &[u8], folder: Option<&Path>) -> Result<Onnx> {
    let folder = folder.map_or_else(Folder::none, Folder::new);
    Ok(Onnx { graph: Graph::decode(bytes, &folder)? })
}

impl Onnx {
    /// The version of the standard operators.
    pub fn opset(&self) -> i64 {
        self.graph.opset
    }

    /// What wrote the file, and its version; empty where it does not say.
    pub fn producer(&self) -> &str {
        &self.graph.producer
    }

    /// What the graph takes, in its order; those that have a value in the file are no inputs.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.graph.inputs
    }

    /// What the graph puts out, in its order.
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.graph.outputs
    }

    /// The operators of the graph, in an order in which it can run.
    pub fn operators(&self) -> impl Iterator<Item = &str> {
        self.graph.nodes.iter().map(|node| node.op.as_str())
    }
}
