//! `wgpu-rnn plan`

mod model;

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};
use wgpu_rnn::{
    AnyLayer, BackwardMemory, BackwardPlan, DeviceCaps, Estimate, Gpu, LayerConfig, Memory,
    Options, Plan, Problem, Schedule, plan, plan_backward,
};

use crate::adapter::AdapterArgs;
use crate::bench::Data;
use crate::failure::{Failure, Result};
use crate::keras_layers::LayerArgs;
use crate::model_file::ModelFile;
use crate::shapes::{self, Shape, ShapeArgs};
use crate::tuning::TuneArgs;
use crate::{Verdict, schedules};

/// Show how a problem would run and why, without running it but to tune it
#[derive(clap::Args)]
#[command(after_help = "\
With the adapter's limits the ceilings of the adapter are measured, too, and the plan says how long a step of it should
take there, and what no kernel can do without.

Example:
  wgpu-rnn plan --shape 1000,1,64,64,1 --cell gru --caps webgpu
  wgpu-rnn plan --shape small --backward --checkpoint 100
  wgpu-rnn plan --shape mlx --tune --tuning-file tuning.json
  wgpu-rnn plan --model model.onnx --run 100,4")]
pub struct Args {
    /// The recurrent stages of a model file, instead of a shape
    #[arg(long, value_name = "FILE", requires = "run", conflicts_with_all = ["shape", "backward", "cell", "reset_before", "bidirectional"])]
    model: Option<PathBuf>,
    /// Time steps and batch of a run of the model
    #[arg(long, value_name = "T,B", requires = "model", conflicts_with = "shape", value_parser = model::parse_run)]
    run: Option<model::Run>,
    #[command(flatten)]
    layers: LayerArgs,
    #[arg(long, value_name = "ID|T,B,I,H,L", required_unless_present = "model", help = format!("A standing shape ({}), or sizes", shapes::ids()))]
    shape: Option<Shape>,
    #[command(flatten)]
    shape_args: ShapeArgs,
    /// The schedule to force
    #[arg(long, value_name = "NAME", value_parser = schedules::parser())]
    schedule: Option<Schedule>,
    /// Also show how the backward pass would run, after a forward pass that keeps what it needs
    #[arg(long)]
    backward: bool,
    /// The most time steps between the checkpoints of the backward pass: fewer take less memory
    #[arg(long, value_name = "STEPS", requires = "backward")]
    checkpoint: Option<usize>,
    /// Whose limits the plan keeps: WebGPU's default ones, or the adapter's
    #[arg(long, value_name = "WHOSE", default_value = "adapter")]
    caps: Caps,
    #[command(flatten)]
    tuning: TuneArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Caps {
    Webgpu,
    Adapter,
}

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let Some(shape) = args.shape.clone() else { return plan_model(args, adapter, out) };
    let mut problem = shape.with(&args.shape_args)?.problem()?;
    problem.is_training = args.backward;
    let gpu = match args.caps {
        Caps::Adapter => Some(args.tuning.open(adapter)?),
        Caps::Webgpu => None,
    };
    let caps = gpu.as_ref().map_or_else(DeviceCaps::webgpu_defaults, |gpu| gpu.caps().clone());
    let options = Options { schedule: args.schedule, ..Default::default() };
    let forward = if args.backward { schedules::of_training(args.schedule) } else { options };
    let plan = match (args.tuning.tune, &gpu) {
        (false, _) => plan(&problem, &caps, &forward)?,
        (true, Some(gpu)) => tuned(gpu, &problem, forward)?,
        (true, None) => {
            let reason = "--tune measures plans on the adapter, --caps webgpu is none";
            return Err(Failure::Request(reason.into()));
        }
    };
    let backward = args
        .backward
        .then(|| plan_backward(&problem, &caps, &Options { chunk: args.checkpoint, ..options }));
    let backward = backward.transpose()?;
    let ceilings = gpu.map(|gpu| gpu.measure_ceilings()).transpose()?;
    let estimate = ceilings.map(|ceilings| plan.estimate(&ceilings));
    if args.json {
        let mut value = to_json(&plan);
        value["estimate"] = estimate.map(estimate_json).into();
        if let Some(backward) = &backward {
            value["backward"] = backward_json(backward);
        }
        writeln!(out, "{value:#}")?;
    } else {
        writeln!(out, "{plan}")?;
        match estimate {
            Some(estimate) => writeln!(out, "  predicted {estimate}")?,
            None => {
                writeln!(out, "  predicted nothing: limits alone do not tell a device's speed")?
            }
        }
        if let Some(backward) = &backward {
            writeln!(out, "{backward}")?;
        }
    }
    Ok(Verdict::Good)
}

fn plan_model(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let (Some(path), Some(run)) = (&args.model, args.run) else {
        return Err(Failure::Request("neither --shape nor --model with --run".into()));
    };
    if matches!(args.caps, Caps::Webgpu) {
        let reason = "--model is planned on the adapter, --caps webgpu is none";
        return Err(Failure::Request(reason.into()));
    }
    let gpu = args.tuning.open(adapter)?;
    let options = Options { schedule: args.schedule, tune: args.tuning.tune, ..Default::default() };
    let weight_format = args.shape_args.weight_format();
    let weights = ModelFile::open(path, &args.layers)?.weights(path)?;
    model::print((path, &weights), run, &gpu, (options, weight_format), args.json, out)?;
    Ok(Verdict::Good)
}

/// The plan of a layer with seeded weights.
fn tuned(gpu: &Gpu, problem: &Problem, options: Options) -> Result<Plan> {
    let options = Options { tune: true, ..options };
    let weight_format = problem.weight_format;
    let config = LayerConfig { options, weight_format, ..Default::default() };
    let layer = AnyLayer::new(gpu, &Data::new(problem)?.weights, config)?;
    Ok(layer.plan(problem.seq_len, problem.batch)?)
}

fn to_json(plan: &Plan) -> Value {
    let (problem, sizes) = (&plan.problem, &plan.problem.sizes);
    let Memory { weights_bytes, x_proj_bytes, between_bytes, state_bytes, .. } = plan.memory();
    json!({
        "problem": {
            "cell": sizes.cell.to_string(),
            "seq_len": problem.seq_len,
            "batch": problem.batch,
            "input_size": sizes.input_size,
            "hidden_size": sizes.hidden_size,
            "num_layers": sizes.num_layers,
            "bidirectional": sizes.is_bidirectional(),
            "weights": problem.weight_format.to_string(),
        },
        "schedule": plan.schedule.to_string(),
        "rows": plan.rows,
        "chunk": plan.chunk,
        "dispatches": plan.dispatches,
        "reasons": plan.reasons,
        "memory": {
            "weights_bytes": weights_bytes,
            "x_proj_bytes": x_proj_bytes,
            "between_bytes": between_bytes,
            "state_bytes": state_bytes,
        },
        "flops": problem.flops(),
        "traffic_bytes": plan.traffic(),
    })
}

/// In seconds.
fn estimate_json(estimate: Estimate) -> Value {
    let Estimate { floor, predicted, projection, recurrence, launches, exchanges, .. } = estimate;
    json!({
        "predicted": predicted,
        "projection": projection,
        "recurrence": recurrence,
        "launches": launches,
        "exchanges": exchanges,
        "predicted_step": estimate.predicted_step(),
        "floor": floor.seconds(),
        "floor_memory": floor.memory,
        "floor_arithmetic": floor.arithmetic,
        "floor_latency": floor.latency,
    })
}

fn backward_json(plan: &BackwardPlan) -> Value {
    let memory = plan.memory();
    let BackwardMemory { reserve_bytes, gates_bytes, carry_bytes, .. } = memory;
    let BackwardMemory { weights_t_bytes, d_between_bytes, d_packed_bytes, .. } = memory;
    let params_bytes = memory.params_bytes;
    json!({
        "schedule": plan.schedule.to_string(),
        "rows": plan.rows,
        "chunk": plan.chunk,
        "dispatches": plan.dispatches,
        "reasons": plan.reasons,
        "memory": {
            "reserve_bytes": reserve_bytes,
            "gates_bytes": gates_bytes,
            "carry_bytes": carry_bytes,
            "weights_t_bytes": weights_t_bytes,
            "d_between_bytes": d_between_bytes,
            "d_packed_bytes": d_packed_bytes,
            "params_bytes": params_bytes,
        },
    })
}
