//! wgpu-rnn beside other implementations: each one's results are checked against the CPU reference, then all are timed
//! in turns.
//!
//! A peer is a program of its own that answers requests on its standard input (see [`protocol`]): one that crashes,
//! hangs or runs out of memory costs a row of the table and nothing else, and Rust, Python and JavaScript are the
//! same to whoever asks.

mod case;
mod contest;
mod outside;
mod peer;
mod protocol;
mod report;
mod worker;

/// The unfused baseline of the benches.
#[path = "../../benches/baseline/mod.rs"]
mod baseline;

// What the command-line tool measures with: the standing shapes, seeded data, the comparison and its words. They are
// no part of the library's interface, so the files are shared.
#[path = "../../src/bin/wgpu-rnn/adapter.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod adapter;
#[path = "../../src/bin/wgpu-rnn/cells.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "the tool uses more of it")]
mod cells;
#[path = "../../src/bin/wgpu-rnn/compare.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod compare;
#[path = "../../src/bin/wgpu-rnn/failure.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod failure;
#[path = "../../src/bin/wgpu-rnn/gradients.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod gradients;
#[path = "../../src/bin/wgpu-rnn/layout.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod layout;
#[path = "../../src/bin/wgpu-rnn/bench/measure.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod measure;
#[path = "../../src/bin/wgpu-rnn/schedules.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod schedules;
#[path = "../../src/bin/wgpu-rnn/shapes.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod shapes;
#[path = "../../src/bin/wgpu-rnn/text.rs"]
#[allow(dead_code, reason = "the tool uses more of it")]
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// wgpu-rnn beside other implementations
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Compare(contest::Args),
    /// Answer requests as one peer: what `compare` starts
    #[command(hide = true)]
    Work {
        peer: String,
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Compare(args) => contest::run(&args),
        Command::Work { peer, folder } => worker::run(&peer, &folder).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}
