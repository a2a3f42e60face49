//! `cargo xtask compare`: builds `peers/` and runs it. It is a workspace of its own, so that its
//! dependencies are nobody else's.

use crate::{cmd, setup};

/// What every cargo command on `peers/` ends with.
pub const MANIFEST: &str = "--release --locked --manifest-path peers/Cargo.toml";

pub fn run(args: &[&str]) -> Result<(), String> {
    setup::ensure(&[setup::Need::Vulkan]);
    cmd::run(cmd::cargo(&format!("run {MANIFEST} -- compare")).args(args))
}
