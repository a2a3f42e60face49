//! The plans of a whole model's recurrent stages.

use std::io::Write;
use std::path::Path;

use serde_json::Value;
use wgpu_rnn::{Gpu, LayerConfig, ModelWeights, Options, Plan, StageWeights, WeightFormat};

use crate::failure::{Failure, Result};
use crate::text;

/// Time steps and rows of a run.
pub type Run = (usize, usize);

pub fn print(
    (path, weights): (&Path, &ModelWeights),
    (seq_len, batch): Run,
    gpu: &Gpu,
    (options, weight_format): (Options, WeightFormat),
    json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let config = LayerConfig { options, weight_format, ..Default::default() };
    let failure = |error| Failure::file(path, error);
    let plans = weights.load(gpu, config).and_then(|model| model.plan(seq_len, batch));
    let plans: Vec<Plan> = plans.map_err(failure)?;
    let recurrent = weights.stages().iter();
    let recurrent = recurrent.filter(|(_, stage)| matches!(stage, StageWeights::Recurrent(_)));
    let named = || recurrent.clone().zip(&plans);
    if json {
        let stages: Value = named()
            .map(|((name, _), plan)| {
                let mut value = super::to_json(plan);
                value["stage"] = name.clone().into();
                value
            })
            .collect();
        writeln!(out, "{stages:#}")?;
        return Ok(());
    }
    let count = text::count(plans.len(), "recurrent stage");
    writeln!(out, "{}: {count} of {}", path.display(), weights.stages().len())?;
    for ((name, _), plan) in named() {
        writeln!(out, "{name}: {plan}")?;
    }
    Ok(())
}

/// `T,B`.
pub fn parse_run(text: &str) -> Result<Run, String> {
    let sizes: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match sizes.as_deref() {
        Some(&[seq_len, batch]) => Ok((seq_len, batch)),
        _ => Err("expected two sizes T,B".into()),
    }
}
