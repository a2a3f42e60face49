//! ONNX graphs as the tool takes them.

use std::path::{Path, PathBuf};

use ndarray_npy::{read_npy, write_npy};
use wgpu_rnn::io::onnx::Tensor;
use wgpu_rnn::ndarray::ArrayD;

use crate::CliTest;
use crate::files::{MODEL, text};
use crate::tool::{call, call_with, folder};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx");
const CHAIN: &str = "torch_tokens_states_dynamo";
const STATEFUL: &str = "torch_lstm2_stateful_dynamo";

pub fn tests() -> Vec<CliTest> {
    let test = |name, run| CliTest { name, needs_gpu: true, run };
    let bare_test = |name, run| CliTest { name, needs_gpu: false, run };
    vec![
        bare_test("onnx::inspect", inspect),
        bare_test("onnx::options_of_stacks_are_refused", refused),
        test("onnx::run", run),
        test("onnx::plan", plan),
        test("onnx::verify", verify),
        test("onnx::spoilt_outputs_fail", spoilt),
    ]
}

fn model(case: &str) -> String {
    format!("{CASES}/{case}/model.onnx")
}

fn tensor(case: &str, file: &str) -> Tensor {
    let path = format!("{CASES}/{case}/test_data_set_0/{file}.pb");
    Tensor::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

fn inspect() {
    call_with(&["inspect", &model(CHAIN)])
        .expect(0)
        .says("input   ids   I64    [3, 5]")
        .says("Last States")
        .says("bidirectional");
    let value = call_with(&["inspect", &model(STATEFUL), "--json"]).expect(0).json();
    assert_eq!((&value["inputs"][1]["name"], &value["served"]), (&"h0".into(), &true.into()));
    let stage = &value["stages"][0];
    assert_eq!((&stage["name"], &stage["num_layers"]), (&"lstm".into(), &2.into()));
    let path = folder("onnx_inspect").join("garbage.onnx");
    std::fs::write(&path, [0xff; 100]).unwrap();
    call_with(&["inspect", text(&path)]).expect(2).complains("invalid ONNX");
    call("inspect nowhere.onnx").expect(2).complains("nowhere.onnx: No such file");
}

fn run() {
    let folder = folder("onnx_run");
    let path = |name: &str| text(&folder.join(format!("{name}.npy"))).to_string();
    for (name, n) in [("x", 0), ("h0", 1), ("c0", 2)] {
        let array = tensor(STATEFUL, &format!("input_{n}"));
        write_npy(path(name), array.as_f32().unwrap()).unwrap();
    }
    let [x, h0, c0] = ["x", "h0", "c0"].map(|name| format!("--input={name}={}", path(name)));
    let [y, c_n] = ["out0", "out2"].map(|name| format!("--output={name}={}", path(name)));
    call_with(&["run", &model(STATEFUL), &c0, &x, &h0, &y, &c_n]).expect(0).says("out2");
    for (name, n) in [("out0", 0), ("out2", 2)] {
        let given: ArrayD<f32> = read_npy(path(name)).unwrap();
        let expected = tensor(STATEFUL, &format!("output_{n}"));
        let expected = expected.as_f32().unwrap();
        assert_eq!(given.shape(), expected.shape());
        assert!(given.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5), "{name}");
    }
    call_with(&["run", &model(STATEFUL), &x, &h0, &y]).expect(2).complains("--input c0=FILE");
    call_with(&["run", &model(STATEFUL), &x, &x, &h0, &c0, &y]).expect(2).complains("twice");
    let other = format!("--output=out9={}", path("out9"));
    call_with(&["run", &model(STATEFUL), &x, &h0, &c0, &y, &other]).expect(2).complains("out9");

    // One input and one output need no name; ids are integers.
    let ids = tensor(CHAIN, "input_0");
    write_npy(path("ids"), ids.as_i64().unwrap()).unwrap();
    let (ids, out) = (path("ids"), path("out"));
    call_with(&["run", &model(CHAIN), "--input", &ids, "--output", &out]).expect(0);
    let given: ArrayD<f32> = read_npy(out).unwrap();
    let expected = tensor(CHAIN, "output_0");
    assert!(given.iter().zip(expected.as_f32().unwrap()).all(|(a, b)| (a - b).abs() <= 1e-5));
    let floats = path("x");
    call_with(&["run", &model(CHAIN), "--input", &floats, "--output", &ids])
        .expect(2)
        .complains("expected i64");
}

fn refused() {
    let args = ["run", &model(CHAIN), "--input", "ids.npy", "--output", "y.npy"];
    for option in ["--batch-first", "--reset-before", "--prefix=a", "--h0=h.npy", "--lengths=1"] {
        let name = option.split('=').next().unwrap();
        call_with(&[&args[..], &[option]].concat()).expect(2).complains(name);
    }
    let two = ["run", MODEL, "--input=a.npy", "--input=b.npy", "--output=y.npy"];
    call_with(&two).expect(2).complains("one --input");
}

fn plan() {
    let args = ["plan", "--model", &model(STATEFUL), "--run", "100,4"];
    call_with(&args).expect(0).says("lstm: LSTM T=100 B=4 I=4 H=6 L=2");
    let value =
        call_with(&[&args[..], &["--json", "--schedule=stepwise"]].concat()).expect(0).json();
    assert_eq!((&value[0]["stage"], &value[0]["schedule"]), (&"lstm".into(), &"stepwise".into()));
    call_with(&["plan", "--model", MODEL, "--run", "7,1"]).expect(0).says("T=7 B=1");
    call_with(&["plan", "--model", MODEL]).expect(2).complains("--run");
    call("plan --shape small --run 1,1").expect(2).complains("--run");
    call_with(&[&args[..], &["--caps=webgpu"]].concat()).expect(2).complains("webgpu");
}

fn verify() {
    let call = call_with(&["verify", CASES]).expect(0).says(" 0 FAIL, 0 unsupported");
    let cases = std::fs::read_dir(CASES).unwrap().count();
    let lines = |schedule: &str| {
        let is_of = |line: &&str| line.split_whitespace().nth(2) == Some(schedule);
        call.out.lines().filter(is_of).count()
    };
    assert_eq!((lines("stepwise"), lines("sequence-fused")), (cases, cases));
    assert!(lines("wavefront") > 0);
    let one = call_with(&["verify", &model(CHAIN), "--schedule=stepwise"]).expect(0);
    assert_eq!(one.out.lines().count(), 2);
}

/// A case whose files can be spoilt.
fn copy(name: &str) -> PathBuf {
    let (from, to) = (Path::new(CASES).join(CHAIN), folder(name).join("case"));
    std::fs::create_dir_all(to.join("test_data_set_0")).unwrap();
    for file in ["model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    to
}

fn spoilt() {
    let case = copy("onnx_spoilt");
    let output = case.join("test_data_set_0/output_0.pb");
    let whole = std::fs::read(&output).unwrap();
    call_with(&["verify", text(&case)]).expect(0);
    // The values lie at the end, or are followed by the name.
    let expected = tensor(CHAIN, "output_0");
    let first = expected.as_f32().unwrap().first().unwrap().to_le_bytes();
    let at = whole.windows(4).position(|bytes| bytes == first).unwrap();
    for wrong in [f32::NAN, 0.5 + f32::from_le_bytes(first)] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&wrong.to_le_bytes());
        std::fs::write(&output, &bytes).unwrap();
        call_with(&["verify", text(&case)]).expect(1).says("FAIL").says("expected");
    }
    std::fs::write(&output, &whole[..whole.len() / 2]).unwrap();
    call_with(&["verify", text(&case)]).expect(2).complains("output_0.pb");
    std::fs::remove_file(&output).unwrap();
    call_with(&["verify", text(&case)]).expect(2).complains("no output_0.pb");
    // A graph that makes no sense is a case that fails.
    std::fs::write(&output, &whole).unwrap();
    std::fs::write(case.join("model.onnx"), [0xff; 9]).unwrap();
    call_with(&["verify", text(&case)]).expect(1).says("invalid ONNX");
}
