//! Who may import whom in `src`: the table of ARCHITECTURE.md, held against the code.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those that it may use. `error` and the module itself are free; `crate::Schedule` and the like are
/// the public face.
const TABLE: [(&str, &[&str]); 30] = [
    ("error", &[]),
    ("chain", &[]),
    ("replace", &[]),
    ("cell", &[]),
    ("format", &[]),
    ("problem", &["cell", "format"]),
    ("weights", &["cell", "chain", "format", "problem"]),
    ("tensors", &["cell", "problem", "weights"]),
    ("pack", &["cell", "format", "problem", "tensors", "weights"]),
    ("caps", &[]),
    ("ceilings", &[]),
    ("kernels", &["caps", "cell", "format", "problem"]),
    ("plan", &["caps", "ceilings", "format", "kernels", "pack", "problem"]),
    ("tuning", &["cell", "format", "plan", "problem", "replace"]),
    ("gpu", &["caps", "ceilings", "kernels", "pack", "tuning"]),
    (
        "run",
        &[
            "caps", "cell", "format", "gpu", "kernels", "pack", "plan", "problem", "tensors",
            "tuning", "weights",
        ],
    ),
    ("layer", &["cell", "gpu", "plan", "pool", "problem", "run", "stream", "tensors", "weights"]),
    ("tape", &["gpu", "layer", "problem", "run", "tensors", "weights"]),
    ("lstm", &["cell", "gpu", "io", "layer", "stream"]),
    ("gru", &["cell", "gpu", "io", "layer", "stream"]),
    ("rnn", &["cell", "gpu", "io", "layer", "stream"]),
    ("any", &["cell", "gru", "layer", "lstm", "rnn", "stream"]),
    (
        "model",
        &[
            "any",
            "chain",
            "embedding",
            "gpu",
            "kernels",
            "layer",
            "linear",
            "plan",
            "problem",
            "run",
            "stream",
            "weights",
        ],
    ),
    ("stream", &["gpu", "layer", "problem", "run"]),
    ("pool", &["gpu", "layer", "problem", "run", "stream"]),
    ("linear", &["format", "gpu", "io", "kernels", "pack", "run", "weights"]),
    ("embedding", &["gpu", "io", "kernels", "run", "weights"]),
    ("io", &["cell", "chain", "problem", "replace", "weights"]),
    ("onnx", &["any", "cell", "chain", "gpu", "io", "layer", "model", "problem", "run", "weights"]),
    ("reference", &["cell", "chain", "weights"]),
];

/// Only `gpu` makes these.
const MAKERS: [&str; 8] = [
    ".create_buffer_init(",
    ".create_bind_group_layout(",
    ".create_pipeline_layout(",
    ".create_compute_pipeline(",
    ".create_shader_module",
    ".create_query_set(",
    "device().create_buffer(",
    "device().create_bind_group(",
];

/// The modules of `src` without the tool, each file with its lines of code.
fn files() -> Vec<(String, PathBuf, Vec<String>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    let file = |path: PathBuf| {
        let inner = path.strip_prefix(&src).unwrap();
        let first = Path::new(inner.iter().next().unwrap());
        let module = first.file_stem().unwrap().to_str().unwrap().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        (module, inner.to_path_buf(), lines.map(String::from).collect())
    };
    let is_library = |(module, ..): &(String, PathBuf, Vec<String>)| module != "bin";
    paths.into_iter().map(file).filter(is_library).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// What stands after each `crate::` of a line: the names, also of a group in braces.
fn imports(line: &str) -> Vec<String> {
    let starts = line.match_indices("crate::").map(|(at, path)| &line[at + path.len()..]);
    let first = |path: &str| {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        path.trim_start().split(|c| !is_name(c)).next().unwrap().to_string()
    };
    starts
        .flat_map(|path| match path.strip_prefix('{') {
            Some(group) => group.split(',').map(first).collect::<Vec<_>>(),
            None => vec![first(path)],
        })
        .collect()
}

#[test]
fn every_module_is_in_the_table() {
    let mut modules: Vec<String> = files().into_iter().map(|(module, ..)| module).collect();
    modules.sort();
    modules.dedup();
    modules.retain(|module| module != "lib");
    let mut table = TABLE.map(|(module, _)| module.to_string());
    table.sort();
    assert_eq!(modules, table);
}

#[test]
fn modules_import_what_the_table_allows() {
    for (module, path, lines) in files() {
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else { continue };
        for line in lines {
            for import in imports(&line) {
                // A type or function of the public face, as in `crate::Schedule`.
                let is_module = TABLE.iter().any(|(name, _)| *name == import);
                let is_free = import == module || import == "error";
                let is_allowed = is_free || allowed.contains(&import.as_str());
                assert!(!is_module || is_allowed, "{}: {module} uses {import}", path.display());
                assert_ne!(import, "reference", "{}", path.display());
            }
        }
    }
}

#[test]
fn only_gpu_makes_wgpu_objects() {
    let mut made = 0;
    for (module, path, lines) in files() {
        for line in lines {
            let Some(maker) = MAKERS.iter().find(|maker| line.contains(**maker)) else { continue };
            made += 1;
            assert_eq!(module, "gpu", "{}: {maker}", path.display());
        }
    }
    assert!(made >= 6, "the words that are looked for have changed: {made}");
}

#[test]
fn a_forbidden_import_would_be_seen() {
    assert_eq!(imports("use crate::gpu::{Gpu, lock};"), ["gpu"]);
    assert_eq!(imports("use crate::{gpu, plan::Plan};"), ["gpu", "plan"]);
    assert_eq!(
        imports("    let x: crate::weights::Weights = crate::reference::y();"),
        ["weights", "reference"]
    );
}
