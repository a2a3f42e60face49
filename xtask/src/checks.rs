//! `cargo xtask test`: everything that must hold before a change is merged, cheapest first, up to
//! the first failure.
//!
//! All steps use the dev profile and all features, so that each one finds the dependencies that an
//! earlier one built.

use crate::{
    cmd::{self, cargo},
    setup, shaders,
};
use std::time::Instant;

const FORMAT: &str = "fmt --all --check";
const LINTS: &str = "clippy --workspace --all-targets --all-features -- -D warnings";
const DOCS: &str = "doc --workspace --no-deps --all-features";
const TESTS: &str = "test --workspace --all-features";

type Step<'a> = (&'a str, &'a dyn Fn() -> Result<(), String>);

pub fn run() -> Result<(), String> {
    setup::ensure(&setup::Need::ALL);
    let shader_dir = shaders::fresh_dir()?;
    let steps: [Step; 5] = [
        ("format", &|| cmd::run(&mut cargo(FORMAT))),
        ("lints", &|| cmd::run(&mut cargo(LINTS))),
        ("docs", &|| cmd::run(cargo(DOCS).env("RUSTDOCFLAGS", "-D warnings"))),
        // The translation test is among these, so the shaders need no second run of it.
        ("tests", &|| cmd::run(cargo(TESTS).env(shaders::DIR_VARIABLE, &shader_dir))),
        ("shaders", &|| shaders::judge(&shader_dir)),
    ];

    let mut summary = String::new();
    for (name, step) in steps {
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = step();
        let seconds = start.elapsed().as_secs_f64();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        summary += &format!("  {name:8} {verdict:6} {seconds:7.1} s\n");
        if let Err(message) = outcome {
            println!("\n{summary}");
            return Err(format!("{name}: {message}"));
        }
    }
    println!("\n{summary}\nall checks passed");
    Ok(())
}
