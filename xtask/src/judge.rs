//! Compilers that are not naga, each with its own idea of what a correct shader is.

use crate::{cmd, npm};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// What a judge says of one file: nothing, or its objection.
pub type Verdict = Result<(), String>;

/// Files that glslangValidator is given at once.
const GLSLANG_BATCH: usize = 100;

#[derive(Clone, Copy)]
pub enum Judge {
    /// Khronos' validator: what a Vulkan driver may take for granted.
    SpirvVal,
    /// Khronos' GLSL front end: stands for the GL drivers' own compilers.
    Glslang,
    /// Chromium's WGSL compiler. It alone refuses a barrier in non-uniform control flow, which naga
    /// lets pass.
    Tint,
}

impl Judge {
    pub const ALL: [Judge; 3] = [Judge::SpirvVal, Judge::Glslang, Judge::Tint];

    pub fn name(self) -> &'static str {
        match self {
            Judge::SpirvVal => "spirv-val",
            Judge::Glslang => "glslangValidator",
            Judge::Tint => "tint",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Judge::SpirvVal => "spv",
            Judge::Glslang => "comp",
            Judge::Tint => "wgsl",
        }
    }

    /// A shader that is wrong, and words that the judge's objection to it must contain.
    pub fn wrong_sample(self) -> (&'static [u8], &'static str) {
        match self {
            // A sound header (magic, version 1.3, generator 0, id bound 1, schema 0), no module behind.
            Judge::SpirvVal => {
                (b"\x03\x02\x23\x07\0\x03\x01\0\0\0\0\0\x01\0\0\0\0\0\0\0", "OpMemoryModel")
            }
            Judge::Glslang => {
                (b"#version 310 es\nvoid main() { y = 1.0; }\n", "undeclared identifier")
            }
            Judge::Tint => (
                b"@group(0) @binding(0) var<storage, read_write> y: array<f32>;
                  @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
                      if y[i] > 0.0 { workgroupBarrier(); }
                  }",
                "must only be called from uniform control flow",
            ),
        }
    }

    /// Gets the judge ready, or says why it is not at hand.
    pub fn prepare(self) -> Result<(), String> {
        let program = match self {
            Judge::SpirvVal | Judge::Glslang => self.name(),
            Judge::Tint => "node",
        };
        if !cmd::on_path(program) {
            return Err(format!("{program} is not installed"));
        }
        if let Judge::Tint = self { npm::install(&tint_dir()) } else { Ok(()) }
    }

    /// One verdict for each of `files`, which lie in `dir`.
    pub fn hear(self, dir: &Path, files: &[String]) -> Result<Vec<Verdict>, String> {
        let spirv_val = ["spirv-val", "--target-env", "vulkan1.1"];
        let glslang = ["glslangValidator", "-S", "comp"];
        let each = |judge: &[&str], files: &[String]| -> Result<Vec<_>, String> {
            files.iter().map(|file| ask(judge, dir, &[file])).collect()
        };
        match self {
            Judge::SpirvVal => each(&spirv_val, files),
            // It takes far longer to start than to judge: so many files at once while all is well,
            // one by one only to learn which is to blame.
            Judge::Glslang => {
                let mut verdicts = Vec::with_capacity(files.len());
                for batch in files.chunks(GLSLANG_BATCH) {
                    match ask(&glslang, dir, batch)? {
                        Ok(()) => verdicts.resize(verdicts.len() + batch.len(), Ok(())),
                        Err(_) => verdicts.extend(each(&glslang, batch)?),
                    }
                }
                Ok(verdicts)
            }
            Judge::Tint => ask_tint(dir, files),
        }
    }
}

/// Runs a judge that says by its exit status whether all is well.
fn ask(judge: &[&str], dir: &Path, files: &[impl AsRef<OsStr>]) -> Result<Verdict, String> {
    let mut command = Command::new(judge[0]);
    let output = cmd::capture(command.args(&judge[1..]).args(files).current_dir(dir))?;
    Ok(if output.status.success() { Ok(()) } else { Err(cmd::said(&output)) })
}

fn ask_tint(dir: &Path, files: &[String]) -> Result<Vec<Verdict>, String> {
    let mut node = Command::new("node");
    let output = cmd::capture(node.arg(tint_dir().join("check.mjs")).args(files).current_dir(dir))?;
    let verdicts = parse_verdicts(&String::from_utf8_lossy(&output.stdout));
    if verdicts.len() == files.len() {
        return Ok(verdicts);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "stopped at {} of {} files: {}\n{stderr}",
        verdicts.len(),
        files.len(),
        output.status
    ))
}

/// Reads what check.mjs prints: `ok FILE` or `not ok FILE`, an objection's lines indented below.
fn parse_verdicts(text: &str) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for line in text.lines() {
        if line.starts_with("ok ") {
            verdicts.push(Ok(()));
        } else if line.starts_with("not ok ") {
            verdicts.push(Err(String::new()));
        } else if let Some(Err(objection)) = verdicts.last_mut() {
            *objection += line;
            objection.push('\n');
        }
    }
    verdicts
}

fn tint_dir() -> PathBuf {
    cmd::root().join("tools/tint")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_keep_their_order_and_objections() {
        let text = "ok a.wgsl\nnot ok b.wgsl\n  3:5 wrong\n  see there\nok c.wgsl\n";
        assert_eq!(
            parse_verdicts(text),
            [Ok(()), Err("  3:5 wrong\n  see there\n".into()), Ok(())]
        );
    }

    #[test]
    fn a_program_that_dies_gives_no_verdicts() {
        assert_eq!(parse_verdicts("Error: Cannot find package 'webgpu'\n  at x.mjs\n"), []);
    }
}
