//! What a layer of Keras computes, whether config.json says so or the caller of `open_weights`.

use serde_json::{Map, Value};

use super::options::Options;
use super::{invalid, unsupported, words};
use crate::cell::{Activation, Cell};
use crate::chain::Function;
use crate::error::Result;

/// A layer, and where its variables lie.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub name: String,
    pub class: String,
    /// Path of its group in the `.weights.h5`.
    pub group: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Inputs, and dropout at inference.
    Identity,
    /// `[input_dim, output_dim]`
    Embedding {
        shape: [usize; 2],
    },
    /// Of one direction, or forward and backward with their outputs side by side.
    Recurrent {
        directions: Vec<Direction>,
        go_backwards: bool,
        return_sequences: bool,
    },
    Dense(Dense),
    Function(Function),
}

/// One direction of a recurrent layer.
#[derive(Clone, Debug)]
pub(super) struct Direction {
    /// Path of its variables in the layer's group.
    pub variables: &'static str,
    pub cell: Cell,
    pub units: usize,
    /// Of an LSTM: the candidate and c on its way to h.
    pub activation: Activation,
    /// Of the gates; a SimpleRNN has none.
    pub recurrent_activation: Activation,
    pub use_bias: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// Path of its variables in the layer's group.
    pub variables: &'static str,
    pub units: usize,
    pub use_bias: bool,
    pub activation: Option<Function>,
}

pub(super) const CELL: &str = "cell/vars";
pub(super) const FORWARD: &str = "forward_layer/cell/vars";
pub(super) const BACKWARD: &str = "backward_layer/cell/vars";
pub(super) const OWN: &str = "vars";
/// Of a TimeDistributed.
pub(super) const INNER: &str = "layer/vars";

/// Names of the group of a class, without the number that tells several apart.
pub(super) fn group_name(class: &str) -> Option<&'static str> {
    Some(match class {
        "LSTM" => "lstm",
        "GRU" => "gru",
        "SimpleRNN" => "simple_rnn",
        "Bidirectional" => "bidirectional",
        "Embedding" => "embedding",
        "Dense" => "dense",
        "TimeDistributed" => "time_distributed",
        "Activation" => "activation",
        "ReLU" => "re_lu",
        "Softmax" => "softmax",
        "Dropout" => "dropout",
        "SpatialDropout1D" => "spatial_dropout1d",
        "InputLayer" => "input_layer",
        _ => return None,
    })
}

/// A layer as config.json writes it: its class, and the options of this one.
pub(super) struct Config<'a> {
    pub name: &'a str,
    pub class: &'a str,
    options: &'a Map<String, Value>,
}

impl<'a> Config<'a> {
    /// `place` says where in the file it stands.
    pub fn of(value: &'a Map<String, Value>, place: &str) -> Result<Self> {
        let missing = |what: &str| invalid(format!("config.json: {place} has no {what}"));
        let text = |value: Option<&'a Value>| value.and_then(Value::as_str);
        let options = value.get("config").and_then(Value::as_object);
        let options = options.ok_or_else(|| missing("`config`"))?;
        let class = text(value.get("class_name")).ok_or_else(|| missing("`class_name`"))?;
        let name = text(value.get("name")).or_else(|| text(options.get("name")));
        let config = Config { name: name.ok_or_else(|| missing("`name`"))?, class, options };
        // A class of the same name may be anybody's.
        match text(value.get("module")) {
            Some("keras.layers" | "keras") => Ok(config),
            module => {
                let what = format!("{} from module {}", config.words(), module.unwrap_or("none"));
                Err(unsupported(&what, "only Keras' own layers are"))
            }
        }
    }

    fn words(&self) -> String {
        words(self.name, self.class)
    }

    fn options(&self) -> Options<'a> {
        Options::new(self.words(), self.options)
    }

    pub fn kind(&self) -> Result<Kind> {
        match self.class {
            "InputLayer" => self.input(),
            "Dropout" | "SpatialDropout1D" => self.dropout(),
            "LSTM" | "GRU" | "SimpleRNN" => {
                let (direction, order) = self.direction(CELL)?;
                let Order { go_backwards, return_sequences } = order;
                Ok(Kind::Recurrent { directions: vec![direction], go_backwards, return_sequences })
            }
            "Bidirectional" => self.bidirectional(),
            "Embedding" => self.embedding(),
            "Dense" => Ok(Kind::Dense(self.dense(OWN)?)),
            "TimeDistributed" => self.time_distributed(),
            "Activation" => {
                let mut options = self.options();
                options.only_float32()?;
                let function = output_function(&mut options)?;
                options.finish()?;
                Ok(function.map_or(Kind::Identity, Kind::Function))
            }
            "Softmax" => {
                let mut options = self.options();
                options.only_float32()?;
                options.only("axis", &Value::from(-1), "only the last axis is")?;
                options.finish()?;
                Ok(Kind::Function(Function::Softmax))
            }
            "ReLU" => {
                let mut options = self.options();
                options.only_float32()?;
                let plain = "only max(0, x) is";
                options.only("max_value", &Value::Null, plain)?;
                options.only("negative_slope", &Value::from(0.0), plain)?;
                options.only("threshold", &Value::from(0.0), plain)?;
                options.finish()?;
                Ok(Kind::Function(Function::Relu))
            }
            _ => {
                let reason = "layers are LSTM, GRU, SimpleRNN, Bidirectional, Embedding, Dense, TimeDistributed, \
                    Dropout, SpatialDropout1D, Activation, Softmax, ReLU and InputLayer";
                Err(unsupported(&self.words(), reason))
            }
        }
    }

    fn input(&self) -> Result<Kind> {
        let mut options = self.options();
        for option in ["sparse", "ragged"] {
            options.only(option, &Value::from(false), "inputs are dense arrays")?;
        }
        // What the layers behind it take is what they are made for.
        options.without_effect(&["batch_shape", "shape", "batch_size", "dtype", "optional"]);
        options.finish()?;
        Ok(Kind::Identity)
    }

    fn dropout(&self) -> Result<Kind> {
        let mut options = self.options();
        options.only_float32()?;
        options.without_effect(&["rate", "noise_shape", "data_format"]);
        options.finish()?;
        Ok(Kind::Identity)
    }

    fn embedding(&self) -> Result<Kind> {
        let mut options = self.options();
        options.only_float32()?;
        let mask = "the mask that it makes is not; give the length of each row to the run instead";
        options.only("mask_zero", &Value::from(false), mask)?;
        let shape = [options.count("input_dim")?, options.count("output_dim")?];
        options.finish()?;
        Ok(Kind::Embedding { shape })
    }

    fn dense(&self, variables: &'static str) -> Result<Dense> {
        let mut options = self.options();
        options.only_float32()?;
        let units = options.count("units")?;
        let use_bias = options.flag("use_bias", true)?;
        let activation = output_function(&mut options)?;
        options.finish()?;
        Ok(Dense { variables, units, use_bias, activation })
    }

    fn time_distributed(&self) -> Result<Kind> {
        let mut options = self.options();
        options.only_float32()?;
        let inner = self.inner(&mut options, "layer")?;
        options.finish()?;
        match inner.class {
            "Dense" => Ok(Kind::Dense(inner.dense(INNER)?)),
            _ => Err(unsupported(
                &format!("{} in {}", inner.words(), self.words()),
                "only a Dense is",
            )),
        }
    }

    fn inner(&self, options: &mut Options<'a>, option: &'static str) -> Result<Config<'a>> {
        let missing = || invalid(format!("config.json: {} has no `{option}`", self.words()));
        let inner = options.layer(option)?.ok_or_else(missing)?;
        Config::of(inner, &format!("`{option}` of {}", self.words()))
    }

    fn bidirectional(&self) -> Result<Kind> {
        let mut options = self.options();
        options.only_float32()?;
        let concat = "only \"concat\" is, the outputs of both directions side by side";
        options.only("merge_mode", &Value::from("concat"), concat)?;
        let (first, order) = self.inner(&mut options, "layer")?.direction(FORWARD)?;
        let (second, other) = self.inner(&mut options, "backward_layer")?.direction(BACKWARD)?;
        options.finish()?;
        if first.cell != second.cell || first.units != second.units {
            let what = format!(
                "{} of {} with {} units and {} with {}",
                self.words(),
                first.cell,
                first.units,
                second.cell,
                second.units
            );
            return Err(unsupported(&what, "both directions have one cell and one size"));
        }
        if order.go_backwards == other.go_backwards
            || order.return_sequences != other.return_sequences
        {
            let reason = "the layers must differ in `go_backwards` and agree in `return_sequences`";
            return Err(invalid(format!("config.json: {}: {reason}", self.words())));
        }
        let Order { go_backwards, return_sequences } = order;
        Ok(Kind::Recurrent { directions: vec![first, second], go_backwards, return_sequences })
    }

    /// An LSTM, GRU or SimpleRNN.
    fn direction(&self, variables: &'static str) -> Result<(Direction, Order)> {
        let mut options = self.options();
        options.only_float32()?;
        let cell = match self.class {
            "LSTM" => Cell::Lstm,
            "GRU" => Cell::Gru { reset_after: options.flag("reset_after", true)? },
            "SimpleRNN" => Cell::Rnn,
            _ => {
                return Err(unsupported(&self.words(), "directions are of LSTM, GRU or SimpleRNN"));
            }
        };
        let stateful = "its states would outlive a call; a Model takes and returns states, and its streams keep them";
        options.only("stateful", &Value::from(false), stateful)?;
        let order = Order {
            go_backwards: options.flag("go_backwards", false)?,
            return_sequences: options.flag("return_sequences", false)?,
        };
        // The states are outputs beside the first one: who uses them is refused by the graph.
        options.flag("return_state", false)?;
        let direction = Direction {
            variables,
            cell,
            units: options.count("units")?,
            activation: cell_activation(&mut options, "activation", "tanh")?,
            recurrent_activation: match cell {
                Cell::Rnn => Activation::Sigmoid,
                _ => cell_activation(&mut options, "recurrent_activation", "sigmoid")?,
            },
            use_bias: options.flag("use_bias", true)?,
        };
        options.finish()?;
        Ok((direction, order))
    }
}

/// In which order a recurrent layer takes and gives its steps.
struct Order {
    go_backwards: bool,
    return_sequences: bool,
}

fn cell_activation(
    options: &mut Options<'_>,
    option: &'static str,
    default: &'static str,
) -> Result<Activation> {
    let name = options.name(option, default)?;
    activation_named(name).ok_or_else(|| options.refused(option, name, ACTIVATIONS))
}

fn output_function(options: &mut Options<'_>) -> Result<Option<Function>> {
    let name = options.name("activation", "linear")?;
    function_named(name).ok_or_else(|| options.refused("activation", name, FUNCTIONS))
}

pub(super) const ACTIVATIONS: &str = "activations of recurrent layers are tanh, sigmoid, relu, linear, hard_sigmoid, \
    leaky_relu, elu, softsign and softplus";
pub(super) const FUNCTIONS: &str =
    "activations of other layers are linear, relu, tanh, sigmoid, softmax and log_softmax";

/// An activation inside of a cell, with the constants of Keras' function of that name.
pub(super) fn activation_named(name: &str) -> Option<Activation> {
    Some(match name {
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        "relu" => Activation::Relu,
        "linear" => Activation::Affine { alpha: 1.0, beta: 0.0 },
        // relu6(x + 3) / 6
        "hard_sigmoid" => Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 },
        "leaky_relu" => Activation::LeakyRelu { alpha: 0.2 },
        "elu" => Activation::Elu { alpha: 1.0 },
        "softsign" => Activation::Softsign,
        "softplus" => Activation::Softplus,
        _ => return None,
    })
}

/// A function of a layer's output; the linear one is none.
pub(super) fn function_named(name: &str) -> Option<Option<Function>> {
    Some(match name {
        "linear" => None,
        "relu" => Some(Function::Relu),
        "tanh" => Some(Function::Tanh),
        "sigmoid" => Some(Function::Sigmoid),
        "softmax" => Some(Function::Softmax),
        "log_softmax" => Some(Function::LogSoftmax),
        _ => return None,
    })
}
