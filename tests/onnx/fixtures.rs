//! The cases of `tests/fixtures/onnx`, and of `../shared/fixtures/onnx` where that is there, in the layout of ONNX' own tests, against their stored outputs.

use std::path::{Path, PathBuf};

use wgpu_rnn::io::onnx::{self, Tensor};
use wgpu_rnn::{Gpu, LayerConfig, Options, Schedule};

use crate::compare::check;

/// All folders with a model, sorted by name.
pub fn folders() -> Vec<PathBuf> {
    // Cargo sets it for what it runs, too; whoever runs the tests elsewhere says where.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let shared = Path::new(&root).join("../shared/fixtures/onnx");
    let stored = Path::new(&root).join("tests/fixtures/onnx");
    if !shared.is_dir() {
        eprintln!("{} is not here: its cases are left out", shared.display());
    }
    let mut folders: Vec<PathBuf> = [shared, stored]
        .iter()
        .filter_map(|folder| folder.read_dir().ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("model.onnx").is_file())
        .collect();
    folders.sort();
    folders
}

pub fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

fn tensors(folder: &Path, kind: &str) -> Vec<Tensor> {
    let path = |n: usize| folder.join("test_data_set_0").join(format!("{kind}_{n}.pb"));
    let paths = (0..).map(path).take_while(|path| path.is_file());
    paths.map(|path| Tensor::from_bytes(&std::fs::read(path).unwrap()).unwrap()).collect()
}

/// On each schedule that can run it.
pub fn case(gpu: &Gpu, folder: &Path) -> Result<(), String> {
    let (inputs, expected) = (tensors(folder, "input"), tensors(folder, "output"));
    let mut ran = 0;
    for schedule in Schedule::ALL {
        let options = Options { schedule: Some(schedule), ..Default::default() };
        let config = LayerConfig { options, ..Default::default() };
        let onnx = onnx::open(folder.join("model.onnx")).map_err(|error| error.to_string())?;
        let names: Vec<String> = onnx.inputs().iter().map(|input| input.name.clone()).collect();
        let given: Vec<_> = names.iter().map(String::as_str).zip(inputs.iter().cloned()).collect();
        assert_eq!(given.len(), inputs.len());
        let result = onnx.load(gpu, config).and_then(|model| model.run(&given));
        let outputs = match result {
            Err(wgpu_rnn::Error::Schedule { .. }) => continue,
            result => result.map_err(|error| format!("{schedule}: {error}"))?,
        };
        if outputs.len() != expected.len() || expected.is_empty() {
            return Err(format!("{} outputs, expected {}", outputs.len(), expected.len()));
        }
        for ((name, given), expected) in outputs.iter().zip(&expected) {
            check(name, given, expected).map_err(|reason| format!("{schedule}: {reason}"))?;
        }
        ran += 1;
    }
    if ran < 2 { Err(format!("only {ran} schedules ran")) } else { Ok(()) }
}
