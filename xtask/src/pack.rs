//! `cargo xtask pack-gpu-run DIR`: a folder, and an archive of it, that a Linux machine with a GPU,
//! but with neither network nor Rust, can test and compare with.

use crate::{cmd, compare};
use std::{fs, path::Path, process::Command};

/// Debug symbols would be most of the archive.
const RELEASE: &str = "--release --config profile.release.strip=true";
const MOST_BYTES: u64 = 60 << 20;

pub fn run(dir: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty", dir.display()));
    }
    let dir = &std::path::absolute(dir).map_err(failed)?;
    for folder in ["bin", "loader", "tests"] {
        fs::create_dir_all(dir.join(folder)).map_err(failed)?;
    }
    // Each with the target whose executable it is.
    let builds = [
        ("wgpu-rnn", "wgpu-rnn", format!("build {RELEASE} --features cli --bin wgpu-rnn")),
        ("gpu-tests", "gpu", format!("test {RELEASE} --no-run --test gpu")),
        ("peers", "peers", format!("build {}", compare::MANIFEST)),
    ];
    for (name, target, command) in builds {
        let built = built(target, &command)?;
        fs::copy(&built, dir.join("bin").join(name)).map_err(|e| format!("{built}: {e}"))?;
    }
    let download = ["download", "libvulkan1"];
    cmd::run(Command::new("apt-get").args(download).current_dir(dir.join("loader")))?;
    let fixtures = cmd::root().join("tests/fixtures");
    cmd::run(Command::new("cp").arg("-r").arg(fixtures).arg(dir.join("tests")))?;
    let script = dir.join("run.sh");
    fs::write(&script, include_str!("pack/run.sh")).map_err(failed)?;
    cmd::run(Command::new("chmod").arg("+x").arg(&script))?;
    archive(dir)
}

/// Builds, and says where the executable of a target is.
fn built(target: &str, command: &str) -> Result<String, String> {
    println!("building {target}: minutes, the first time");
    let mut command = cmd::cargo(command);
    command.args(["--quiet", "--message-format", "json-render-diagnostics"]);
    let output = cmd::capture(&mut command)?;
    if !output.status.success() {
        return Err(format!("`{}` failed:\n{}", cmd::line(&command), cmd::said(&output)));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    executable(&messages, target)
        .ok_or_else(|| format!("`{}` made no executable `{target}`", cmd::line(&command)))
}

/// Of cargo's messages, a JSON object a line, that of a target with this name.
fn executable(messages: &str, target: &str) -> Option<String> {
    let name = format!("\"name\":\"{target}\"");
    let path = |line: &str| Some(line.split_once("\"executable\":\"")?.1.split_once('"')?.0.into());
    messages.lines().filter(|line| line.contains(&name)).find_map(path)
}

/// `DIR.tar.gz`, beside the folder.
fn archive(dir: &Path) -> Result<(), String> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Err(format!("{} has no name", dir.display()));
    };
    let archive = parent.join(format!("{}.tar.gz", name.to_string_lossy()));
    cmd::run(Command::new("tar").arg("-C").arg(parent).arg("-czf").arg(&archive).arg(name))?;
    let bytes = fs::metadata(&archive).map_err(|e| format!("{}: {e}", archive.display()))?.len();
    println!("{}: {:.1} MiB; unpack, then ./run.sh", archive.display(), bytes as f64 / 1048576.0);
    match bytes {
        0..=MOST_BYTES => Ok(()),
        _ => Err(format!("that is more than {} MiB", MOST_BYTES >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_the_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"gpu"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"gpu"},"executable":"/t/gpu-1"}"#,
        );
        assert_eq!(executable(messages, "gpu").as_deref(), Some("/t/gpu-1"));
        assert_eq!(executable(messages, "cpu"), None);
    }
}
