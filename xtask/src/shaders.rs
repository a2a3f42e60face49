//! `cargo xtask shaders`: the library's translation test writes out every kernel specialisation,
//! and compilers other than naga judge the files.

use crate::{cmd, judge::Judge, setup};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Tells the translation test where to write `NAME.wgsl`, `NAME.spv`, `NAME.comp`, `NAME.metal` and
/// `NAME.hlsl`.
pub const DIR_VARIABLE: &str = "WGPU_RNN_SHADER_DIR";

pub fn run() -> Result<(), String> {
    setup::ensure(&setup::Need::JUDGES);
    let dir = fresh_dir()?;
    let translate = "test --all-features --test translation";
    cmd::run(cmd::cargo(translate).env(DIR_VARIABLE, &dir))?;
    judge(&dir)
}

/// An empty folder beside this program in the target directory, so that no shader of an earlier run
/// is judged.
pub fn fresh_dir() -> Result<PathBuf, String> {
    let dir = env::current_exe().map_err(|e| e.to_string())?.with_file_name("shaders");
    empty(&dir)?;
    Ok(dir)
}

/// Every judge hears every file of its kind and prints a line. Fails if one objects, or is missing
/// where it must not be.
pub fn judge(dir: &Path) -> Result<(), String> {
    let mut failed = Vec::new();
    for judge in Judge::ALL {
        let start = Instant::now();
        let report = match judge.prepare() {
            Err(reason) if required() => Err(format!("missing: {reason}")),
            Err(reason) => Ok(format!("skipped ({reason})")),
            Ok(()) => distrust(judge, dir).and_then(|()| hear(judge, dir)),
        };
        let seconds = start.elapsed().as_secs_f64();
        let (Ok(text) | Err(text)) = &report;
        println!("{:16} {seconds:5.1} s  {text}", judge.name());
        if report.is_err() {
            failed.push(judge.name());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not satisfied: {}", failed.join(", "))) }
}

/// Other systems get the same files from the same translation test: it is enough that Linux hears
/// every judge.
fn required() -> bool {
    let gpu_required = env::var("WGPU_RNN_REQUIRE_GPU").is_ok_and(|value| value == "1");
    cfg!(target_os = "linux") && (gpu_required || env::var_os("CI").is_some())
}

/// A judge that accepts everything is no judge: it must refuse a wrong shader first, and for the
/// right reason.
fn distrust(judge: Judge, dir: &Path) -> Result<(), String> {
    let dir = dir.join("wrong");
    empty(&dir)?;
    let (wrong, reason) = judge.wrong_sample();
    let file = format!("wrong.{}", judge.extension());
    fs::write(dir.join(&file), wrong).map_err(|e| format!("{}: {e}", dir.display()))?;
    match judge.hear(&dir, &[file])?.as_slice() {
        [Err(objection)] if objection.contains(reason) => Ok(()),
        other => Err(format!("cannot be trusted: a shader that is wrong ({reason}) got {other:?}")),
    }
}

fn hear(judge: Judge, dir: &Path) -> Result<String, String> {
    let files = files_with_extension(dir, judge.extension())?;
    if files.is_empty() {
        return Err(format!(
            "has nothing to judge: the translation test wrote no .{} file",
            judge.extension()
        ));
    }
    let verdicts = judge.hear(dir, &files)?;
    let objections: Vec<String> = std::iter::zip(&files, verdicts)
        .filter_map(|(file, verdict)| Some(format!("\n{file}\n{}", verdict.err()?)))
        .collect();
    let (all, bad) = (files.len(), objections.len());
    let passed = format!("{} of {all} passed", all - bad);
    if objections.is_empty() { Ok(passed) } else { Err(passed + &objections.concat()) }
}

fn files_with_extension(dir: &Path, extension: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| Path::new(name).extension() == Some(extension.as_ref())).collect();
    names.sort();
    Ok(names)
}

fn empty(dir: &Path) -> Result<(), String> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))
}
