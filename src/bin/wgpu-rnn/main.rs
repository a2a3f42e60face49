//! The command-line tool: what can this machine do, what is in this file, is the result right, how fast is it.
//!
//! It uses the library's public interface and nothing else.

mod adapter;
mod bench;
mod cases;
mod cells;
mod compare;
mod failure;
mod files;
mod gradients;
mod graph_case;
mod info;
mod inspect;
mod keras_case;
mod keras_layers;
mod layout;
mod model_file;
mod plan;
mod run;
mod save;
mod schedules;
mod shapes;
mod stages;
mod text;
mod tuning;
mod verify;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Fused LSTM, GRU and RNN kernels on every GPU that wgpu reaches
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    adapter: adapter::AdapterArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Info(info::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Run(run::Args),
    Save(save::Args),
    Plan(plan::Args),
    Bench(bench::Args),
}

/// What the exit status says about a command that could do its work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Status 0.
    Good,
    /// Status 1: a result was wrong.
    Bad,
}

/// The exit status where a command could not do its work, as clap has it for bad arguments.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    // That there is no GL driver is no error of anyone who has another one.
    let filter = env_logger::Env::default().default_filter_or("error,wgpu_hal::gles=off");
    env_logger::Builder::from_env(filter).init();
    let Cli { adapter, command } = Cli::parse();
    let mut out = io::stdout().lock();
    let verdict = match command {
        Command::Info(args) => info::run(&args, &adapter, &mut out),
        Command::Inspect(args) => inspect::run(&args, &mut out),
        Command::Verify(args) => verify::run(&args, &adapter, &mut out),
        Command::Run(args) => run::run(&args, &adapter, &mut out),
        Command::Save(args) => save::run(&args, &mut out),
        Command::Plan(args) => plan::run(&args, &adapter, &mut out),
        Command::Bench(args) => bench::run(&args, &adapter, &mut out),
    };
    match verdict {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        // Whoever reads the output has seen enough of it.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to try where standard error is closed too.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(UNUSABLE)
        }
    }
}
