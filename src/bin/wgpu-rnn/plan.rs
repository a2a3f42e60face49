//! `wgpu-rnn plan`

use std::io::Write;

use clap::ValueEnum;
use serde_json::{Value, json};
use wgpu_rnn::{DeviceCaps, Memory, Options, Plan, Schedule, plan};

use crate::adapter::AdapterArgs;
use crate::failure::Result;
use crate::shapes::{self, Shape, ShapeArgs};
use crate::{Verdict, schedules};

/// Show how a problem would run and why, without running it
#[derive(clap::Args)]
#[command(after_help = "Example:\n  wgpu-rnn plan --shape 1000,1,64,64,1 --cell gru --caps webgpu")]
pub struct Args {
    #[arg(long, value_name = "ID|T,B,I,H,L", help = format!("A standing shape ({}), or sizes", shapes::ids()))]
    shape: Shape,
    #[command(flatten)]
    shape_args: ShapeArgs,
    /// The schedule to force
    #[arg(long, value_name = "NAME", value_parser = schedules::parser())]
    schedule: Option<Schedule>,
    /// Whose limits the plan keeps: WebGPU's default ones, or the adapter's
    #[arg(long, value_name = "WHOSE", default_value = "adapter")]
    caps: Caps,
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
    let problem = args.shape.clone().with(&args.shape_args)?.problem()?;
    let caps = match args.caps {
        Caps::Webgpu => DeviceCaps::webgpu_defaults(),
        Caps::Adapter => adapter.open()?.caps().clone(),
    };
    let options = Options { schedule: args.schedule, ..Default::default() };
    let plan = plan(&problem, &caps, &options)?;
    match args.json {
        true => writeln!(out, "{:#}", to_json(&plan))?,
        false => writeln!(out, "{plan}")?,
    }
    Ok(Verdict::Good)
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
