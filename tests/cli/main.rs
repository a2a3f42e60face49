//! The command-line tool, as it is used: arguments and files in, output and exit status out.

mod commands;
mod files;
mod keras;
mod onnx;
mod run;
mod tool;
mod verify;

use libtest_mimic::{Arguments, Failed, Trial};

/// Set in CI: a missing adapter is then a failure.
const REQUIRE_GPU: &str = "WGPU_RNN_REQUIRE_GPU";

/// A test of the tool. Without an adapter those that need one are ignored and say why.
struct CliTest {
    name: &'static str,
    needs_gpu: bool,
    run: fn(),
}

fn main() {
    let arguments = Arguments::from_args();
    let is_required = std::env::var_os(REQUIRE_GPU).is_some_and(|value| value != "0");
    let missing = tool::missing_adapter();
    let trial = |CliTest { name, needs_gpu, run }| {
        let run = move || {
            run();
            Ok(())
        };
        match missing.clone().filter(|_| needs_gpu) {
            None => Trial::test(name, run),
            Some(reason) => {
                let failed = Failed::from(format!("{reason}, and {REQUIRE_GPU} is set"));
                let name = format!("{name} [{reason}]");
                Trial::test(name, || Err(failed)).with_ignored_flag(!is_required)
            }
        }
    };
    let tests = [commands::tests(), keras::tests(), onnx::tests(), run::tests(), verify::tests()]
        .into_iter()
        .flatten()
        .map(trial);
    libtest_mimic::run(&arguments, tests.collect()).exit()
}
