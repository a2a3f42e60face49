//! Says which compiler built the binaries, for the head of a report.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("cargo's own compiler");
    println!("cargo:rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&version.stdout).trim());
    println!("cargo:rerun-if-changed=build.rs");
}
