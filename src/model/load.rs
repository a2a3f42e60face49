//! From a model's weights on the host to a model on a device.

use super::{Model, Stage};
use crate::any::AnyLayer;
use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layer::LayerConfig;
use crate::linear::Linear;
use crate::weights::{ModelWeights, StageWeights};

impl ModelWeights {
    /// Copies the weights of all stages to the device. The layout is that of the weights: `config.batch_first` may say
    /// the same, or be left out. The rest of `config` is that of the recurrent stages; others are in f32.
    ///
    /// ```no_run
    /// use wgpu_rnn::{Gpu, LayerConfig, ModelWeights};
    ///
    /// # fn example(weights: &ModelWeights) -> wgpu_rnn::Result<()> {
    /// let model = weights.load(&Gpu::new()?, LayerConfig::default())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] where `config.batch_first` is not that of the weights or they are beyond what their format
    /// holds, [`Error::Limit`] where the device cannot hold them.
    pub fn load(&self, gpu: &Gpu, config: LayerConfig) -> Result<Model> {
        let batch_first = self.batch_first();
        if config.batch_first && !batch_first {
            let expected = "false, as the weights' batch_first";
            return Err(Error::argument("config.batch_first", expected, true));
        }
        let config = LayerConfig { batch_first, ..config };
        let stages = self.stages().iter().enumerate().map(|(i, (_, stage))| {
            let stage = match stage {
                StageWeights::Recurrent(weights) => {
                    AnyLayer::new(gpu, weights, config).map(Stage::from)
                }
                StageWeights::Linear { weight, bias } => {
                    Linear::new(gpu, weight, bias.as_ref()).map(Stage::from)
                }
                StageWeights::Embedding { weight } => Embedding::new(gpu, weight).map(Stage::from),
                StageWeights::Function(function) => Ok(Stage::from(*function)),
                StageWeights::Last(last) => Ok(Stage::from(*last)),
            };
            stage.map_err(|error| error.within(&format!("stages[{i}]")))
        });
        Model::laid_out(stages.collect::<Result<_>>()?, batch_first)
    }
}
