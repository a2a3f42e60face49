//! `wgpu-rnn info`

use std::io::Write;

use serde_json::{Value, json};
use wgpu_rnn::wgpu::{Backends, Features};
use wgpu_rnn::{AdapterReport, DeviceCaps, GpuBuilder};

use crate::adapter::{self, AdapterArgs};
use crate::failure::Result;
use crate::{Verdict, text};

/// Show every adapter, its limits, and which one is chosen (*)
#[derive(clap::Args)]
#[command(after_help = "Example:\n  wgpu-rnn info --backend vulkan")]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const FEATURES: [(&str, Features); 3] = [
    ("timestamps", Features::TIMESTAMP_QUERY),
    ("f16", Features::SHADER_F16),
    ("subgroup", Features::SUBGROUP),
];

pub fn run(args: &Args, adapter: &AdapterArgs, out: &mut dyn Write) -> Result<Verdict> {
    let reports = GpuBuilder::default().backends(Backends::all()).adapters();
    let chosen = adapter.open();
    let chosen_at = chosen
        .as_ref()
        .ok()
        .and_then(|gpu| reports.iter().position(|report| report.info == *gpu.info()));
    if args.json {
        let adapters: Vec<Value> = reports
            .iter()
            .enumerate()
            .map(|(i, report)| to_json(report, chosen_at == Some(i)))
            .collect();
        writeln!(out, "{:#}", json!({ "adapters": adapters }))?;
    } else {
        for (i, report) in reports.iter().enumerate() {
            print(report, chosen_at == Some(i), out)?;
        }
    }
    chosen.map(|_| Verdict::Good)
}

fn print(report: &AdapterReport, is_chosen: bool, out: &mut dyn Write) -> Result<()> {
    let AdapterReport { info, limits, features } = report;
    let caps = DeviceCaps::new(limits, info);
    let mark = if is_chosen { '*' } else { ' ' };
    let (has, lacks): (Vec<_>, Vec<_>) =
        FEATURES.into_iter().partition(|(_, feature)| features.contains(*feature));
    let names = |features: Vec<(&str, _)>| match features.is_empty() {
        true => "-".to_string(),
        false => features.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" "),
    };
    writeln!(out, "{mark} {}  {}  {}", info.backend, info.name, adapter::kind(info))?;
    let rows = [
        ("driver", adapter::driver(info)),
        ("has", names(has)),
        ("lacks", names(lacks)),
        ("buffers", buffers(&caps)),
        ("workgroups", workgroups(&caps)),
        ("alignment", alignment(&caps)),
    ];
    for (name, value) in rows {
        writeln!(out, "    {name:<10}  {value}")?;
    }
    Ok(())
}

fn buffers(caps: &DeviceCaps) -> String {
    format!(
        "{}, {} of one bound, {} a kernel",
        text::bytes(caps.max_buffer_size),
        text::bytes(caps.max_storage_buffer_binding_size),
        caps.max_storage_buffers_per_shader_stage,
    )
}

fn workgroups(caps: &DeviceCaps) -> String {
    format!(
        "{} invocations, {} of memory, {} a side of the grid",
        caps.max_compute_invocations_per_workgroup,
        text::bytes(caps.max_compute_workgroup_storage_size.into()),
        caps.max_compute_workgroups_per_dimension,
    )
}

fn alignment(caps: &DeviceCaps) -> String {
    format!("{} B storage", caps.min_storage_buffer_offset_alignment)
}

fn to_json(report: &AdapterReport, is_chosen: bool) -> Value {
    let mut value = adapter::json(&report.info);
    let caps = DeviceCaps::new(&report.limits, &report.info);
    value["chosen"] = is_chosen.into();
    for (name, feature) in FEATURES {
        value["features"][name] = report.features.contains(feature).into();
    }
    value["limits"] = limits_json(&caps);
    value
}

/// The limits by their names in wgpu.
fn limits_json(caps: &DeviceCaps) -> Value {
    json!({
        "max_storage_buffer_binding_size": caps.max_storage_buffer_binding_size,
        "max_buffer_size": caps.max_buffer_size,
        "max_storage_buffers_per_shader_stage": caps.max_storage_buffers_per_shader_stage,
        "max_compute_workgroup_storage_size": caps.max_compute_workgroup_storage_size,
        "max_compute_invocations_per_workgroup": caps.max_compute_invocations_per_workgroup,
        "max_compute_workgroups_per_dimension": caps.max_compute_workgroups_per_dimension,
        "min_storage_buffer_offset_alignment": caps.min_storage_buffer_offset_alignment,
    })
}
