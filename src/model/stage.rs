//! What a model is a chain of.

use crate::any::AnyLayer;
use crate::chain::{Function, Last, Link};
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layer::{Kind, Layer};
use crate::linear::Linear;
use crate::problem::InputKind;
use crate::run::no_embedding;

/// One layer, or stack of equal layers, of a [`Model`](crate::Model), or what stands between layers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// A stack of recurrent layers.
    Recurrent(AnyLayer),
    /// A linear layer over each time step.
    Linear(Linear),
    /// A table whose rows token ids pick: the first stage of a model that takes token ids.
    Embedding(Embedding),
    /// A function of the features of each time step.
    Function(Function),
    /// One time step of the stage before. No stage behind it is recurrent.
    Last(Last),
}

impl<K: Kind> From<Layer<K>> for Stage {
    fn from(layer: Layer<K>) -> Self {
        Stage::Recurrent(layer.into_any())
    }
}

impl From<Linear> for Stage {
    fn from(linear: Linear) -> Self {
        Stage::Linear(linear)
    }
}

impl From<Embedding> for Stage {
    fn from(embedding: Embedding) -> Self {
        Stage::Embedding(embedding)
    }
}

impl From<Function> for Stage {
    fn from(function: Function) -> Self {
        Stage::Function(function)
    }
}

impl From<Last> for Stage {
    fn from(last: Last) -> Self {
        Stage::Last(last)
    }
}

impl Stage {
    /// The device that the stage is on; none where it has no weights.
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Stage::Recurrent(layer) => Some(layer.gpu()),
            Stage::Linear(linear) => Some(linear.gpu()),
            Stage::Embedding(embedding) => Some(embedding.gpu()),
            Stage::Function(_) | Stage::Last(_) => None,
        }
    }

    /// Features of one time step of the stage's input, token ids counted as one; none where it takes any number.
    pub fn input_size(&self) -> Option<usize> {
        self.link().sizes().map(|(input_size, _)| input_size)
    }

    /// Features of one time step of the stage's output; none where they are as many as those of its input.
    pub fn output_size(&self) -> Option<usize> {
        self.link().sizes().map(|(_, output_size)| output_size)
    }

    pub(super) fn as_recurrent(&self) -> Option<&AnyLayer> {
        match self {
            Stage::Recurrent(layer) => Some(layer),
            _ => None,
        }
    }

    pub(super) fn link(&self) -> Link {
        match self {
            Stage::Recurrent(layer) => {
                let sizes = layer.sizes();
                let (input_size, output_size) = (sizes.input_size, sizes.output_size());
                Link::Recurrent { input_size, output_size }
            }
            Stage::Linear(linear) => {
                let (input_size, output_size) = (linear.in_features(), linear.out_features());
                Link::Linear { input_size, output_size }
            }
            Stage::Embedding(embedding) => {
                Link::Embedding { output_size: embedding.embedding_dim() }
            }
            Stage::Function(_) => Link::Function,
            Stage::Last(last) => Link::Last(*last),
        }
    }

    /// Whether the stage, as a model's first, takes such an input; none is ids.
    pub(super) fn check_input(&self, input: Option<InputKind>) -> Result<()> {
        let is = match self {
            Stage::Embedding(_) => return check_ids_wanted(input),
            Stage::Recurrent(_) => return input.map(drop).ok_or_else(no_embedding),
            Stage::Linear(_) => "linear",
            Stage::Function(_) => "a function",
            Stage::Last(_) => "a Last",
        };
        let (name, given) = match input {
            Some(InputKind::Features) => return Ok(()),
            Some(InputKind::Projected) => ("x_proj", "a projected input"),
            Some(InputKind::Tokens { .. }) | None => ("ids", "token ids"),
        };
        Err(Error::argument(name, format!("features: stages[0] is {is}"), given))
    }
}

/// What an embedding says of an input that is no ids.
fn check_ids_wanted(input: Option<InputKind>) -> Result<()> {
    let (name, given) = match input {
        None => return Ok(()),
        Some(InputKind::Features) => ("x", "features"),
        Some(InputKind::Projected) => ("x_proj", "a projected input"),
        Some(InputKind::Tokens { .. }) => ("table", "a table of the caller's"),
    };
    Err(Error::argument(name, "token ids alone: stages[0] is an embedding", given))
}
