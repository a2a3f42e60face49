//! The packages of npm that tools in JavaScript stand on.

use crate::cmd;
use std::{fs, path::Path, process::Command};

/// `npm ci` in `dir`, unless what it installed last is newer than the lock file.
pub fn install(dir: &Path) -> Result<(), String> {
    let written = |file: &str| fs::metadata(dir.join(file)).and_then(|data| data.modified()).ok();
    if written("node_modules/.package-lock.json") > written("package-lock.json") {
        return Ok(());
    }
    // No install scripts: none of them makes anything that is used here.
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    let output = cmd::capture(npm.current_dir(dir))?;
    if output.status.success() {
        return Ok(());
    }
    let said = cmd::said(&output);
    Err(format!("npm ci: {}", said.lines().next().unwrap_or_default()))
}
