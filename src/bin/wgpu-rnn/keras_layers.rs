//! What the command line says of the layers of a `.weights.h5`.

use std::str::FromStr;

use wgpu_rnn::io::keras::LayerArguments;

#[derive(Clone, Debug, Default, clap::Args)]
pub struct LayerArgs {
    /// What a `.weights.h5` does not say of a layer, for each layer that has such; all layers, first to last, where their
    /// sizes do not tell their order. Options are activation, recurrent_activation, return_sequences, go_backwards and
    /// reset_after, as in Keras
    #[arg(long = "layer", value_name = "NAME[:OPTION=VALUE,..]")]
    layers: Vec<LayerArg>,
}

#[derive(Clone, Debug)]
struct LayerArg {
    name: String,
    activation: Option<String>,
    recurrent_activation: Option<String>,
    return_sequences: Option<bool>,
    go_backwards: Option<bool>,
    reset_after: Option<bool>,
}

impl FromStr for LayerArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, options) = text.split_once(':').unwrap_or((text, ""));
        let mut layer = LayerArg {
            name: name.into(),
            activation: None,
            recurrent_activation: None,
            return_sequences: None,
            go_backwards: None,
            reset_after: None,
        };
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').ok_or(format!("`{option}` has no value"))?;
            let flag = || match value {
                "true" | "True" => Ok(Some(true)),
                "false" | "False" => Ok(Some(false)),
                _ => Err(format!("`{key}` is {value}, expected true or false")),
            };
            match key {
                "activation" => layer.activation = Some(value.into()),
                "recurrent_activation" => layer.recurrent_activation = Some(value.into()),
                "return_sequences" => layer.return_sequences = flag()?,
                "go_backwards" => layer.go_backwards = flag()?,
                "reset_after" => layer.reset_after = flag()?,
                _ => return Err(format!("layers have no option `{key}` here")),
            }
        }
        Ok(layer)
    }
}

impl LayerArgs {
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    pub fn arguments(&self) -> Vec<(&str, LayerArguments<'_>)> {
        self.layers.iter().map(|layer| (layer.name.as_str(), layer.arguments())).collect()
    }
}

impl LayerArg {
    fn arguments(&self) -> LayerArguments<'_> {
        LayerArguments {
            activation: self.activation.as_deref(),
            recurrent_activation: self.recurrent_activation.as_deref(),
            return_sequences: self.return_sequences,
            go_backwards: self.go_backwards,
            reset_after: self.reset_after,
        }
    }
}
