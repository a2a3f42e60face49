//! The repository's chores, `cargo xtask <command>`: run the demo, run every check, judge the
//! shaders, compare with other implementations, set the machine up.

mod checks;
mod cmd;
mod compare;
mod conformance;
mod distro;
mod judge;
mod npm;
mod pack;
mod setup;
mod shaders;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <command>

  demo [args]  run the forecast example (release build), on a software GPU where there is no other
  test         every check that CI runs: format, lints, docs, tests, shaders
  shaders      translate every kernel specialisation and have other compilers judge the result
  compare [args]
               measure against other implementations (release build of peers/, long the first time);
               `compare --help` lists the arguments
  onnx-conformance [args]
               run the node tests of the installed onnx package (PYTHON names another python3) and print a
               table; the arguments are those of `wgpu-rnn verify`
  pack-gpu-run DIR
               collect in DIR all that a machine with a GPU needs to test and to compare, without
               network or Rust there (Linux)
  setup        install what the other commands need: a Vulkan and a GL driver, the shader judges
  help         this list
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo", rest @ ..] => demo(rest),
        ["test"] => checks::run(),
        ["shaders"] => shaders::run(),
        ["compare", rest @ ..] => compare::run(rest),
        ["onnx-conformance", rest @ ..] => conformance::run(rest),
        ["pack-gpu-run", dir] => pack::run(dir.as_ref()),
        ["setup"] => setup::run(),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the example even where set-up could not find a GPU: it then says so and uses the CPU
/// reference.
fn demo(args: &[&str]) -> Result<(), String> {
    setup::ensure(&[setup::Need::Vulkan]);
    cmd::run(cmd::cargo("run --release --example forecast --").args(args))
}
