//! Running other programs, with errors that say which and how.

use std::{
    env,
    path::Path,
    process::{Command, Output},
};

/// The workspace root: commands run there, from wherever `cargo xtask` was called.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The cargo that runs this xtask, so that a `cargo +toolchain xtask` stays on its toolchain.
pub fn cargo(args: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(args.split(' ')).current_dir(root());
    if env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Mesa's Vulkan layer looks there for a display, and complains where it is not set.
        command.env("XDG_RUNTIME_DIR", env::temp_dir());
    }
    command
}

/// Runs with the terminal's own input and output.
pub fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", line(command))) }
}

/// Runs silently. A failing exit is the caller's to judge.
pub fn capture(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|e| format!("{}: {e}", line(command)))
}

/// What a program said, on both its outputs.
pub fn said(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    both.join("\n").trim().to_owned()
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

pub fn on_path(program: &str) -> bool {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(&name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_names_the_program_without_its_folder() {
        let mut command = Command::new("/usr/bin/cargo");
        assert_eq!(line(command.args(["fmt", "--all"])), "cargo fmt --all");
    }

    #[test]
    fn on_path_finds_only_what_is_there() {
        assert!(on_path("cargo"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
