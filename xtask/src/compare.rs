//! `cargo xtask compare`: builds `peers/` and runs it. It is a workspace of its own, so that its
//! dependencies are nobody else's. Its packages of npm are installed where that is possible; the
//! peer in a browser is the only one that misses them.

use crate::{cmd, npm, setup};

/// What every cargo command on `peers/` ends with.
pub const MANIFEST: &str = "--release --locked --manifest-path peers/Cargo.toml";

pub fn run(args: &[&str]) -> Result<(), String> {
    setup::ensure(&[setup::Need::Vulkan]);
    if let Err(why) = npm::install(&cmd::root().join("peers/web")) {
        println!("compare: going on without onnxruntime-web: {why}");
    }
    cmd::run(cmd::cargo(&format!("run {MANIFEST} -- compare")).args(args))
}
