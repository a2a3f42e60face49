//! The layers of a Keras model.

use std::io::Write;
use std::path::Path;

use serde_json::json;
use wgpu_rnn::io::keras::Keras;

use crate::failure::Result;
use crate::{stages, text};

pub fn print(path: &Path, keras: &Keras, json: bool, out: &mut dyn Write) -> Result<()> {
    let outputs: Vec<&str> = keras.outputs().collect();
    let weights = keras.weights();
    if json {
        let layers = keras.layers().map(|(name, class)| json!({ "name": name, "class": class }));
        let value = json!({
            "layers": layers.collect::<Vec<_>>(),
            "outputs": outputs,
            "stages": weights.as_ref().ok().map(stages::to_json),
            "served": weights.is_ok(),
            "reason": weights.as_ref().err().map(ToString::to_string),
        });
        writeln!(out, "{value:#}")?;
        return Ok(());
    }
    let count = text::count(keras.layers().count(), "layer");
    writeln!(out, "{}: Keras, {count}", path.display())?;
    writeln!(out)?;
    let header = ["LAYER", "CLASS"].map(String::from).to_vec();
    let rows = keras.layers().map(|(name, class)| vec![name.to_string(), class.to_string()]);
    text::table(out, &std::iter::once(header).chain(rows).collect::<Vec<_>>())?;
    writeln!(out)?;
    writeln!(out, "outputs: {}", outputs.join(", "))?;
    writeln!(out)?;
    match weights {
        Ok(weights) => text::table(out, &stages::rows(&weights))?,
        Err(error) => writeln!(out, "no stages: {error}")?,
    }
    Ok(())
}
