//! What a model is a chain of.

use super::RunShape;
use crate::any::AnyLayer;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layer::{Kind, Layer};
use crate::linear::Linear;
use crate::plan::Plan;
use crate::problem::InputKind;
use crate::run::{DeviceInput, LayerIo};

/// One layer, or stack of equal layers, of a [`Model`](crate::Model).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// A stack of recurrent layers.
    Recurrent(AnyLayer),
    /// A linear layer over each time step.
    Linear(Linear),
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

impl Stage {
    /// The device that the stage is on.
    pub fn gpu(&self) -> &Gpu {
        match self {
            Stage::Recurrent(layer) => layer.gpu(),
            Stage::Linear(linear) => linear.gpu(),
        }
    }

    /// Features of one time step of the stage's input.
    pub fn input_size(&self) -> usize {
        match self {
            Stage::Recurrent(layer) => layer.sizes().input_size,
            Stage::Linear(linear) => linear.in_features(),
        }
    }

    /// Features of one time step of the stage's output.
    pub fn output_size(&self) -> usize {
        match self {
            Stage::Recurrent(layer) => layer.sizes().output_size(),
            Stage::Linear(linear) => linear.out_features(),
        }
    }

    pub(super) fn as_recurrent(&self) -> Option<&AnyLayer> {
        match self {
            Stage::Recurrent(layer) => Some(layer),
            Stage::Linear(_) => None,
        }
    }

    /// Whether the stage, as a model's first, takes such an input.
    pub(super) fn check_input(&self, input: InputKind) -> Result<()> {
        let (name, given) = match (self, input) {
            (Stage::Recurrent(_), _) | (_, InputKind::Features) => return Ok(()),
            (_, InputKind::Projected) => ("x_proj", "a projected input"),
            (_, InputKind::Tokens { .. }) => ("ids", "token ids"),
        };
        Err(Error::argument(name, "features: stages[0] is linear", given))
    }

    /// The plan of a recurrent stage; none of a linear one that the device can run.
    pub(super) fn plan(&self, shape: &RunShape, name: &str) -> Result<Option<Plan>> {
        let RunShape { seq_len, batch, input, has_lengths } = *shape;
        let plan = match self {
            Stage::Recurrent(layer) => {
                let problem = layer.engine.problem(seq_len, batch, input, has_lengths);
                problem.and_then(|problem| layer.engine.plan(&problem)).map(Some)
            }
            Stage::Linear(linear) => linear.grid(seq_len.saturating_mul(batch)).map(|_| None),
        };
        plan.map_err(|error| error.within(name))
    }

    /// Whether all arrays but the states fit.
    pub(super) fn check(&self, io: &LayerIo<'_>) -> Result<()> {
        match (self, io.input) {
            (Stage::Recurrent(layer), _) => layer.engine.check(io).map(drop),
            (Stage::Linear(linear), DeviceInput::Features(x)) => linear.check(x, io.y).map(drop),
            (_, input) => self.check_input(input.kind()),
        }
    }

    pub(super) fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        io: &LayerIo<'_>,
    ) -> Result<()> {
        match (self, io.input) {
            (Stage::Recurrent(layer), _) => layer.encode(encoder, io),
            (Stage::Linear(linear), DeviceInput::Features(x)) => linear.encode(encoder, x, io.y),
            (_, input) => self.check_input(input.kind()),
        }
    }
}
