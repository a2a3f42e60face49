//! The stages of a whole model on the host.

use std::collections::HashSet;

use ndarray::{Array1, Array2};

use super::Weights;
use crate::chain::{self, Function, Last, Link, Widths};
use crate::error::{Error, Result};

/// A stage of a model on the host.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StageWeights {
    /// A stack of recurrent layers.
    Recurrent(Weights),
    /// A linear layer over each time step.
    Linear {
        /// `[out_features, in_features]`.
        weight: Array2<f32>,
        /// `[out_features]`; none is zero.
        bias: Option<Array1<f32>>,
    },
    /// A table whose rows token ids pick.
    Embedding {
        /// `[num_embeddings, embedding_dim]`.
        weight: Array2<f32>,
    },
    /// A function of the features of each time step.
    Function(Function),
    /// One time step of the stage before.
    Last(Last),
}

/// The stages of a model on the host, each with its name and its weights: what files are read to and written from.
///
/// ```
/// use wgpu_rnn::ndarray::{Array1, Array2};
/// use wgpu_rnn::{Cell, Function, LayerWeights, ModelWeights, StageWeights, Weights, io};
///
/// let layer = LayerWeights::new(Array2::ones((15, 4)), Array2::ones((15, 5)));
/// let gru = Weights::new(Cell::Gru { reset_after: true }, vec![vec![layer]])?;
/// let (weight, bias) = (Array2::ones((3, 5)), Some(Array1::zeros(3)));
/// let weights = ModelWeights::new(
///     vec![
///         ("embedding".into(), StageWeights::Embedding { weight: Array2::ones((20, 4)) }),
///         ("rnn".into(), StageWeights::Recurrent(gru.clone())),
///         ("head".into(), StageWeights::Linear { weight, bias }),
///         ("".into(), StageWeights::Function(Function::LogSoftmax)),
///     ],
///     false,
/// )?;
/// let file = io::safetensors::from_bytes(weights.to_safetensors()?)?;
/// assert_eq!(file.gru("rnn")?, gru);
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelWeights {
    stages: Vec<(String, StageWeights)>,
    batch_first: bool,
    widths: Widths,
}

impl ModelWeights {
    /// Stages with their names, as PyTorch's `state_dict` has them before the names of the tensors: `encoder.lstm`. Those
    /// without weights need none. `batch_first` is about x and y.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no stage, where one does not take what the one before puts out, or where two
    /// with weights have one name; [`Error::Shape`] where the arrays of a stage do not fit each other.
    pub fn new(stages: Vec<(String, StageWeights)>, batch_first: bool) -> Result<Self> {
        let mut names = HashSet::new();
        for (i, (name, stage)) in stages.iter().enumerate() {
            stage.validate().map_err(|error| error.within(&format!("stages[{i}]")))?;
            if stage.has_weights() && !names.insert(name) {
                let expected = "another name than those before";
                return Err(Error::argument(&format!("stages[{i}].name"), expected, name));
            }
        }
        let links: Vec<_> = stages.iter().map(|(_, stage)| stage.link()).collect();
        Ok(ModelWeights { widths: chain::check(&links)?, stages, batch_first })
    }

    /// The stages, in their order, with their names.
    pub fn stages(&self) -> &[(String, StageWeights)] {
        &self.stages
    }

    /// Whether x and y are `[batch, seq_len, features]` instead of `[seq_len, batch, features]`.
    pub fn batch_first(&self) -> bool {
        self.batch_first
    }

    /// Whether the model takes token ids: its first stage is an embedding.
    pub fn takes_ids(&self) -> bool {
        matches!(self.stages.first(), Some((_, StageWeights::Embedding { .. })))
    }

    /// Features of one time step of x; 1 where the model takes token ids.
    pub fn input_size(&self) -> usize {
        self.widths.input_size
    }

    /// Features of one time step of y.
    pub fn output_size(&self) -> usize {
        self.widths.output_size()
    }
}

impl StageWeights {
    fn has_weights(&self) -> bool {
        !matches!(self, StageWeights::Function(_) | StageWeights::Last(_))
    }

    fn link(&self) -> Link {
        match self {
            StageWeights::Recurrent(weights) => {
                let sizes = weights.sizes();
                let (input_size, output_size) = (sizes.input_size, sizes.output_size());
                Link::Recurrent { input_size, output_size }
            }
            StageWeights::Linear { weight, .. } => {
                Link::Linear { input_size: weight.ncols(), output_size: weight.nrows() }
            }
            StageWeights::Embedding { weight } => Link::Embedding { output_size: weight.ncols() },
            StageWeights::Function(_) => Link::Function,
            StageWeights::Last(last) => Link::Last(*last),
        }
    }

    /// Whether the arrays fit each other; those of a stack do, or there would be no [`Weights`].
    fn validate(&self) -> Result<()> {
        match self {
            StageWeights::Linear { weight, bias } => check_linear(weight, bias.as_ref()),
            StageWeights::Embedding { weight } => check_table(weight),
            _ => Ok(()),
        }
    }
}

/// Whether a linear layer's arrays fit each other.
pub(crate) fn check_linear(weight: &Array2<f32>, bias: Option<&Array1<f32>>) -> Result<()> {
    check_table(weight)?;
    let outputs = weight.nrows();
    match bias.filter(|bias| bias.len() != outputs) {
        Some(bias) => Err(Error::shape("bias", format!("[{outputs}]"), bias.shape())),
        None => Ok(()),
    }
}

pub(crate) fn check_table(weight: &Array2<f32>) -> Result<()> {
    if weight.is_empty() {
        return Err(Error::shape("weight", "no side of length 0", weight.shape()));
    }
    Ok(())
}
