//! Keras models: inspected, planned, run and verified.

use ndarray_npy::{read_npy, write_npy};
use wgpu_rnn::io::safetensors;
use wgpu_rnn::ndarray::ArrayD;

use crate::CliTest;
use crate::files::text;
use crate::tool::{call_with, folder};

pub fn tests() -> Vec<CliTest> {
    let test = |name, run| CliTest { name, needs_gpu: true, run };
    let bare_test = |name, run| CliTest { name, needs_gpu: false, run };
    vec![
        bare_test("keras::inspect", inspect),
        bare_test("keras::inspect_says_why_not", inspect_refused),
        bare_test("keras::layers_of_weights_files", layers),
        bare_test("keras::save", save),
        test("keras::run", run),
        test("keras::run_token_ids", run_ids),
        test("keras::run_of_wrong_options", run_errors),
        test("keras::plan", plan),
        test("keras::verify", verify),
        test("keras::verify_fails_what_is_wrong", verify_fails),
    ]
}

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keras");

fn model(file: &str) -> String {
    format!("{MODELS}/{file}")
}

fn inspect() {
    let call = call_with(&["inspect", &model("bilstm.keras")]).expect(0);
    for line in ["Keras, 3 layers", "outputs: bi, head", "Bidirectional"] {
        assert!(call.out.contains(line), "{}", call.out);
    }
    let json = call_with(&["inspect", "--json", &model("bilstm.keras")]).expect(0).json();
    assert_eq!(json["layers"][1]["name"], "bi");
    assert_eq!(json["stages"][0]["output_size"], 14);
    assert_eq!(json["served"], true);
    let file = model("lstm_stack.weights.h5");
    let json = call_with(&["inspect", "--json", &file, "--layer", "dense:activation=relu"])
        .expect(0)
        .json();
    assert_eq!(json["stages"][4]["kind"], "Relu");
}

fn inspect_refused() {
    let file = model("activation_layers.weights.h5");
    call_with(&["inspect", &file]).expect(2).complains("activation of layer activation");
    call_with(&["inspect", &file, "--layer", "activation:activation=tanh"])
        .expect(2)
        .complains("first to last");
    let file = model("lstm.weights.h5");
    let json = call_with(&[
        "inspect",
        "--json",
        &file,
        "--layer",
        "lstm:go_backwards=true,return_sequences=true",
    ]);
    let json = json.expect(0).json();
    assert_eq!(json["served"], false);
    assert!(json["reason"].as_str().unwrap().contains("`go_backwards`"), "{json}");
}

fn layers() {
    let file = model("lstm.weights.h5");
    for (layer, complaint) in [
        ("lstm:return_sequences=maybe", "expected true or false"),
        ("lstm:units=3", "no option `units`"),
        ("lstm:activation", "`activation` has no value"),
    ] {
        call_with(&["inspect", &file, "--layer", layer]).expect(2).complains(complaint);
    }
    call_with(&["inspect", &file, "--layer", "lost"]).expect(2).complains("`lost`");
    call_with(&["inspect", &model("lstm.keras"), "--layer", "lstm"])
        .expect(2)
        .complains("--layer is for .weights.h5");
}

fn save() {
    let folder = folder("keras_save");
    let saved = folder.join("saved.safetensors");
    call_with(&["save", &model("bilstm.keras"), text(&saved)]).expect(0).says("stages of");
    let file = safetensors::open(&saved).unwrap();
    let names: Vec<&str> = file.names().collect();
    assert!(
        names.contains(&"bi.weight_hh_l0_reverse") && names.contains(&"head.bias"),
        "{names:?}"
    );
    // Nothing is written where PyTorch cannot hold the model, nor in place of what was there.
    let before = std::fs::read(&saved).unwrap();
    call_with(&["save", &model("gru_reset_before.keras"), text(&saved)])
        .expect(2)
        .complains("reset");
    assert_eq!(std::fs::read(&saved).unwrap(), before);
    call_with(&["save", text(&saved), text(&folder.join("again.safetensors"))])
        .expect(2)
        .complains("is safetensors already");
    call_with(&["save", &model("bilstm.keras"), text(&folder.join("no/folder.safetensors"))])
        .expect(2)
        .complains("no/folder.safetensors");
}

fn run() {
    let folder = folder("keras_run");
    let arrays = safetensors::open(model("lstm.safetensors")).unwrap();
    let path = |name: &str| folder.join(name);
    let close = |name: &str, tensor: &str| {
        let y: ArrayD<f32> = read_npy(path(name)).unwrap();
        let expected = arrays.tensor(tensor).unwrap();
        assert_eq!(y.shape(), expected.shape());
        let worst = (&y - &expected).iter().fold(0.0f32, |worst, x| worst.max(x.abs()));
        assert!(worst <= 1e-5, "{name}: {worst}");
    };
    write_npy(path("x.npy"), &arrays.tensor("x").unwrap()).unwrap();
    let x = path("x.npy");
    let to = |layer: &str, name: &str| format!("{layer}={}", text(&path(name)));
    let (sequence, head) = (to("lstm", "sequence.npy"), to("head", "head.npy"));
    let file = model("lstm.keras");
    call_with(&["run", &file, "--input", text(&x), "--output", &sequence, "--output", &head])
        .expect(0)
        .says("output head");
    close("sequence.npy", "sequence");
    close("head.npy", "head_output");
    let file = model("lstm.weights.h5");
    let (layer, y) = ("lstm:return_sequences=true", path("y.npy"));
    call_with(&["run", &file, "--layer", layer, "--input", text(&x), "--output", text(&y)])
        .expect(0);
    close("y.npy", "head_output");
}

fn run_ids() {
    let folder = folder("keras_run_ids");
    let arrays = safetensors::open(model("embedding_gru.safetensors")).unwrap();
    let ids =
        ArrayD::from_shape_vec(arrays.shape("x").unwrap(), arrays.integers("x").unwrap()).unwrap();
    let (x, y) = (folder.join("x.npy"), folder.join("y.npy"));
    write_npy(&x, &ids).unwrap();
    let file = model("embedding_gru.keras");
    call_with(&["run", &file, "--input", text(&x), "--output", text(&y)]).expect(0);
    let y: ArrayD<f32> = read_npy(&y).unwrap();
    // One step is left, and Keras has no axis for it.
    assert_eq!(y.shape(), [3, 3]);
    write_npy(&x, &ids.mapv(|id| -id - 1)).unwrap();
    let y = folder.join("y.npy");
    call_with(&["run", &file, "--input", text(&x), "--output", text(&y)])
        .expect(2)
        .complains("token ids");
}

fn run_errors() {
    let folder = folder("keras_run_errors");
    let arrays = safetensors::open(model("lstm.safetensors")).unwrap();
    let (x, y) = (folder.join("x.npy"), folder.join("y.npy"));
    write_npy(&x, &arrays.tensor("x").unwrap()).unwrap();
    let file = model("lstm.keras");
    let run = |more: &[&str]| call_with(&[&["run", &file, "--input", text(&x)], more].concat());
    run(&["--output", text(&y), "--batch-first"]).expect(2).complains("--batch-first");
    run(&["--output", text(&y), "--prefix", "lstm"]).expect(2).complains("--prefix");
    let lost = format!("lost={}", text(&y));
    run(&["--output", &lost, "--output", text(&y)]).expect(2).complains("NAME=FILE");
}

fn plan() {
    let file = model("bilstm.keras");
    call_with(&["plan", "--model", &file, "--run", "6,3"]).expect(0).says("bi: ");
    let file = model("gru_reset_after.weights.h5");
    call_with(&["plan", "--model", &file, "--run", "6,3", "--layer", "head"])
        .expect(0)
        .says("gru_reset_after: ");
}

/// All of both kinds of file.
fn verify() {
    let call = call_with(&["verify", MODELS]).expect(0).says(" 0 FAIL, 0 unsupported");
    let files = |end: &str| {
        let names = std::fs::read_dir(MODELS).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(end)).count()
    };
    let stepwise = call.out.lines().filter(|line| line.contains(" stepwise ")).count();
    assert_eq!(stepwise, files(".keras") + files(".weights.h5"), "{}", call.out);
}

fn verify_fails() {
    let folder = folder("keras_verify");
    let copy = |from: &str, to: &str| std::fs::copy(model(from), folder.join(to)).unwrap();
    copy("gru_reset_after.keras", "gru.keras");
    copy("gru_reset_after.safetensors", "gru.safetensors");
    call_with(&["verify", text(&folder)]).expect(0);
    // Outputs of another model of the same sizes.
    copy("lstm.keras", "gru.keras");
    call_with(&["verify", text(&folder)]).expect(1).says("FAIL");
    let only = folder.join("gru.keras");
    call_with(&["verify", text(&only), "--schedule", "stepwise"]).expect(1).says("FAIL");
    std::fs::remove_file(folder.join("gru.safetensors")).unwrap();
    call_with(&["verify", text(&only)]).expect(2);
}
