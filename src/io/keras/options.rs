//! The options of a layer in config.json. Each is read, or known to change nothing, or refused by its name.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{invalid, unsupported};
use crate::error::{Error, Result};

/// What only training, or the making of a new layer, looks at.
const WITHOUT_EFFECT: [&str; 8] = [
    "name",
    "trainable",
    "seed",
    "unroll",
    "unit_forget_bias",
    "dropout",
    "recurrent_dropout",
    // Of masks, which are refused where they would come from.
    "zero_output_for_mask",
];
const ENDS_WITHOUT_EFFECT: [&str; 3] = ["_initializer", "_regularizer", "_constraint"];

/// The options of one layer.
pub(super) struct Options<'a> {
    /// The layer as errors name it.
    layer: String,
    values: &'a Map<String, Value>,
    read: BTreeSet<&'static str>,
}

impl<'a> Options<'a> {
    pub fn new(layer: String, values: &'a Map<String, Value>) -> Self {
        Options { layer, values, read: BTreeSet::new() }
    }

    /// None where it is missing or null.
    fn get(&mut self, option: &'static str) -> Option<&'a Value> {
        self.read.insert(option);
        self.values.get(option).filter(|value| !value.is_null())
    }

    /// A number of things, at least one.
    pub fn count(&mut self, option: &'static str) -> Result<usize> {
        let value = self.get(option);
        let count = value.and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        count.filter(|count| *count > 0).ok_or_else(|| self.misfit(option, "a count", value))
    }

    pub fn flag(&mut self, option: &'static str, default: bool) -> Result<bool> {
        match self.get(option) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            value => Err(self.misfit(option, "true or false", value)),
        }
    }

    /// The name of a function, as Keras writes its own ones.
    pub fn name(&mut self, option: &'static str, default: &'a str) -> Result<&'a str> {
        match self.get(option) {
            None => Ok(default),
            Some(Value::String(name)) => Ok(name),
            Some(Value::Object(object)) => {
                let class = object.get("class_name").and_then(Value::as_str).unwrap_or("an object");
                Err(self.refused(option, class, "only Keras' own functions, by their names, are"))
            }
            value => Err(self.misfit(option, "the name of a function", value)),
        }
    }

    /// A layer inside of this one.
    pub fn layer(&mut self, option: &'static str) -> Result<Option<&'a Map<String, Value>>> {
        match self.get(option) {
            None => Ok(None),
            Some(Value::Object(layer)) => Ok(Some(layer)),
            value => Err(self.misfit(option, "a layer", value)),
        }
    }

    /// Refuses every other value than this one, which Keras takes where the option is missing.
    pub fn only(&mut self, option: &'static str, default: &Value, reason: &str) -> Result<()> {
        self.read.insert(option);
        let is_same = |value: &Value| {
            value == default || number(value).is_some_and(|n| Some(n) == number(default))
        };
        match self.values.get(option).filter(|value| !is_same(value)) {
            Some(value) => Err(self.refused(option, &shown(value), reason)),
            None => Ok(()),
        }
    }

    /// Refuses to compute with other numbers than f32.
    pub fn only_float32(&mut self) -> Result<()> {
        let dtype = self.get("dtype");
        let name = match dtype {
            Some(Value::Object(policy)) => {
                policy.get("config").and_then(|config| config.get("name"))
            }
            other => other,
        };
        let reason =
            "layers compute in float32; `open_weights` takes the same weights without a policy";
        match name {
            None if dtype.is_none() => Ok(()),
            Some(Value::String(name)) if name == "float32" => Ok(()),
            name => Err(self.refused("dtype", &name.map_or("an object".into(), shown), reason)),
        }
    }

    /// Options of this layer that inference does not look at.
    pub fn without_effect(&mut self, options: &[&'static str]) {
        self.read.extend(options);
    }

    /// Whether every option was read or has no effect.
    pub fn finish(self) -> Result<()> {
        let is_known = |option: &str| {
            self.read.contains(option)
                || WITHOUT_EFFECT.contains(&option)
                || ENDS_WITHOUT_EFFECT.iter().any(|end| option.ends_with(end))
        };
        let unknown =
            self.values.iter().find(|(option, value)| !value.is_null() && !is_known(option));
        unknown.map_or(Ok(()), |(option, value)| {
            Err(self.refused(option, &shown(value), "this version knows no such option"))
        })
    }

    pub fn refused(&self, option: &str, value: &str, reason: &str) -> Error {
        unsupported(&format!("`{option}` = {value} of {}", self.layer), reason)
    }

    fn misfit(&self, option: &str, expected: &str, value: Option<&Value>) -> Error {
        let given = value.map_or("missing".into(), |value| format!("is {}", shown(value)));
        invalid(format!("config.json: `{option}` of {} {given}, expected {expected}", self.layer))
    }
}

/// 0 and 0.0 are the same to Python.
fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

/// A value for an error, not all of a long one.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
