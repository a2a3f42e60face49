//! `wgpu-rnn run`: every cell from files to files.

use std::path::Path;

use ndarray_npy::{read_npy, write_npy};
use wgpu_rnn::io::safetensors::open;
use wgpu_rnn::ndarray::{Array2, Array3, ArrayD, Axis};
use wgpu_rnn::{Cell, Weights, reference};

use crate::CliTest;
use crate::files::{FIXTURES, MODEL, Safetensors, text};
use crate::tool::{Call, call_with, folder};

pub fn tests() -> Vec<CliTest> {
    let test = |name, run| CliTest { name, needs_gpu: true, run };
    let bare_test = |name, run| CliTest { name, needs_gpu: false, run };
    vec![
        test("run::every_cell_with_all_files", every_cell),
        test("run::lengths", lengths),
        test("run::reset_before", reset_before),
        test("run::a_state_given_alone_beside_a_zero_one", state_alone),
        test("run::long_sequences_are_run_in_parts", long),
        test("run::csv", csv),
        bare_test("run::unusable_files", unusable),
        bare_test("run::options_of_other_cells", options_of_other_cells),
        bare_test("run::weights_of_no_cell", no_cell),
    ]
}

/// A PyTorch case whose arrays lie in a folder as the tool takes them.
struct Files<'a> {
    case: &'a str,
    folder: &'a Path,
}

impl Files<'_> {
    fn path(&self, name: &str) -> String {
        text(&self.folder.join(format!("{name}.npy"))).to_string()
    }

    fn model(&self) -> String {
        format!("{FIXTURES}/{}.safetensors", self.case)
    }

    fn tensor(&self, name: &str) -> ArrayD<f32> {
        open(self.model()).unwrap().tensor(name).unwrap()
    }

    /// Runs the tool on the inputs named, for the results named.
    fn run(&self, inputs: &[&str], results: &[&str], options: &[&str]) -> Call {
        for name in inputs {
            // In f64, as NumPy has it by default.
            write_npy(self.path(name), &self.tensor(name).mapv(f64::from)).unwrap();
        }
        let mut arguments = vec!["run".to_string(), self.model(), "--prefix=".into()];
        let files = inputs.iter().chain(results);
        arguments
            .extend(files.map(|name| format!("--{}={}", name.replace('_', "-"), self.path(name))));
        arguments.extend(options.iter().map(|option| option.to_string()));
        call_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn result(&self, name: &str) -> ArrayD<f32> {
        read_npy(self.path(name)).unwrap()
    }
}

fn every_cell() {
    let folder = folder("run");
    for (case, cell, options) in [
        ("lstm_i3_h5_t7_b3_init", "LSTM", &[][..]),
        ("lstm_i3_h7_p1_t7_b3_init", "LSTM", &[]),
        ("gru_i3_h5_t7_b3_init", "GRU", &[]),
        ("rnn_tanh_i3_h5_t7_b3_init", "RNN", &[]),
        ("rnn_tanh_i3_h5_t7_b3_init", "RNN", &["--nonlinearity=tanh"]),
        ("rnn_relu_i3_h5_t7_b3_init", "RNN", &["--nonlinearity=relu"]),
    ] {
        let files = Files { case, folder: &folder };
        let has_c = usize::from(cell == "LSTM");
        let inputs = &["input", "h0", "c0"][..2 + has_c];
        let results = &["output", "h_n", "c_n"][..2 + has_c];
        files.run(inputs, results, options).expect(0).says(&format!(" from {cell} in "));
        for name in results {
            assert_close(&files.result(name), &files.tensor(name));
        }
    }
}

/// A row is zero, and its states stand still, after its own last step.
fn lengths() {
    let folder = folder("run_lengths");
    for case in ["lstm_i3_h5_t7_b3_packed", "gru_i3_h5_t7_b3_bi_packed"] {
        let files = Files { case, folder: &folder };
        let lengths = open(files.model()).unwrap().integers("lengths").unwrap();
        assert!(lengths.iter().any(|n| *n < 7), "{lengths:?}");
        let lengths = lengths.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let run = |lengths: &str| {
            files.run(&["input"], &["output", "h_n"], &[&format!("--lengths={lengths}")])
        };
        run(&lengths).expect(0);
        for name in ["output", "h_n"] {
            assert_close(&files.result(name), &files.tensor(name));
        }
        run("7,7").expect(2).complains("lengths");
        run("7,8,7").expect(2).complains("lengths");
        run("7,-1,7").expect(2).complains("--lengths");
    }
}

fn reset_before() {
    let folder = folder("run_reset_before");
    let files = Files { case: "gru_i3_h5_t7_b3_init", folder: &folder };
    let call = files.run(&["input", "h0"], &["output"], &["--reset-before"]);
    call.expect(0).says("GRU (reset before)");
    let weights = open(files.model()).unwrap().gru("").unwrap();
    let layer = weights.layer(0, 0).unwrap().clone();
    let weights = Weights::new(Cell::Gru { reset_after: false }, vec![vec![layer]]).unwrap();
    let [x, h0] = ["input", "h0"].map(|name| files.tensor(name).into_dimensionality().unwrap());
    let inputs = reference::Inputs { h0: Some(h0.view()), ..reference::Inputs::new(x.view()) };
    let expected = reference::forward(&weights, &inputs).y.mapv(|value| value as f32).into_dyn();
    assert_close(&files.result("output"), &expected);
}

/// The one that is missing has the features of its own, which a projection makes others.
fn state_alone() {
    let folder = folder("run_state_alone");
    let files = Files { case: "lstm_i3_h7_p1_t7_b3_init", folder: &folder };
    let weights = open(files.model()).unwrap().lstm("").unwrap();
    let [x, h0, c0] =
        ["input", "h0", "c0"].map(|name| files.tensor(name).into_dimensionality().unwrap());
    for (name, h0, c0) in [("h0", Some(h0.view()), None), ("c0", None, Some(c0.view()))] {
        files.run(&["input", name], &["output"], &[]).expect(0);
        let inputs = reference::Inputs { h0, c0, ..reference::Inputs::new(x.view()) };
        let expected = reference::forward(&weights, &inputs).y.mapv(|value| value as f32);
        assert_close(&files.result("output"), &expected.into_dyn());
    }
}

#[track_caller]
fn assert_close(given: &ArrayD<f32>, expected: &ArrayD<f32>) {
    assert_eq!(given.shape(), expected.shape());
    for (given, expected) in given.iter().zip(expected) {
        assert!((given - expected).abs() <= 1e-5, "{given} instead of {expected}");
    }
}

/// A sequence of several parts gives what the CPU reference gives for it, whole.
fn long() {
    let folder = folder("run_long");
    let [x, y] = ["x.npy", "y.npy"].map(|name| folder.join(name));
    let [x, y] = [&x, &y].map(|path| text(path));
    let wave = |shape: [usize; 3]| {
        Array3::from_shape_fn(shape, |(a, b, c)| ((a * 7 + b * 5 + c * 3) as f32 * 0.01).sin())
    };
    let model = open(MODEL).unwrap().lstm("lstm").unwrap();
    let input = wave([2500, 2, 1]);
    let expected = reference::forward(&model, &reference::Inputs::new(input.view())).y;
    let expected = expected.mapv(|value| value as f32);
    write_npy(x, &input).unwrap();
    call_with(&["run", MODEL, "--input", x, "--output", y]).expect(0);
    assert_close(&read_npy(y).unwrap(), &expected.clone().into_dyn());

    let batch_first = input.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    write_npy(x, &batch_first).unwrap();
    call_with(&["run", MODEL, "--input", x, "--output", y, "--batch-first"]).expect(0);
    let expected = expected.permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    assert_close(&read_npy(y).unwrap(), &expected.into_dyn());
}

/// A header is passed over, and a state given alone stands beside a zero one.
fn csv() {
    let folder = folder("run_csv");
    let paths = ["x.csv", "y.csv", "h0.npy"].map(|name| folder.join(name));
    let [x, y, h0] = paths.each_ref().map(|path| text(path));
    std::fs::write(x, "value\n0.5\n-1\n2e-1\n").unwrap();
    write_npy(h0, &Array2::from_elem((2, 32), 0.25f32)).unwrap();
    let arguments = ["run", MODEL, "--input", x, "--output", y, "--h0", h0];
    call_with(&arguments).expect(0).says("[3, 32]");
    let values: Vec<f32> = std::fs::read_to_string(y)
        .unwrap()
        .lines()
        .flat_map(|line| line.split(',').map(|field| field.parse().unwrap()))
        .collect();
    let weights = open(MODEL).unwrap().lstm("lstm").unwrap();
    let input = Array3::from_shape_vec((3, 1, 1), vec![0.5, -1.0, 0.2]).unwrap();
    let state = Array3::from_elem((2, 1, 32), 0.25);
    let h0 = Some(state.view());
    let inputs = reference::Inputs { h0, ..reference::Inputs::new(input.view()) };
    let y = reference::forward(&weights, &inputs).y;
    let expected = y.mapv(|value| value as f32).index_axis_move(Axis(1), 0).into_dyn();
    assert_close(&ArrayD::from_shape_vec(vec![3, 32], values).unwrap(), &expected);
}

fn unusable() {
    let folder = folder("run_unusable");
    let file = |name: &str| text(&folder.join(name)).to_string();
    let run = |x: &str, y: &str| call_with(&["run", MODEL, "--input", x, "--output", y]).expect(2);
    let y = file("y.npy");
    run(&file("x.npy"), &y).complains("x.npy: No such file");
    run(&file("x.npy"), &file("y.txt"))
        .complains("y.txt: expected a name that ends in .npy or .csv");
    write_npy(file("wide.npy"), &Array2::<f32>::zeros((4, 3))).unwrap();
    run(&file("wide.npy"), &y).complains("has shape [4, 3], but the layers take 1 feature");
    write_npy(file("whole.npy"), &Array2::<i64>::zeros((4, 1))).unwrap();
    run(&file("whole.npy"), &y).complains("expected f32 or f64");
    write_npy(file("empty.npy"), &Array2::<f32>::zeros((0, 1))).unwrap();
    run(&file("empty.npy"), &y).complains("no side of length 0");
    write_npy(file("batch.npy"), &Array3::<f32>::zeros((4, 2, 1))).unwrap();
    // Before anything runs: there need not be an adapter.
    for option in ["--output", "--h-n", "--c-n"] {
        let (x, csv) = (file("batch.npy"), file("results.csv"));
        let mut arguments = vec!["--adapter=none such", "run", MODEL, "--input", &x, option, &csv];
        if option != "--output" {
            arguments.extend(["--output", &y]);
        }
        let call = call_with(&arguments).expect(2);
        call.complains("results.csv: csv holds two axes, the array has 3: use .npy");
    }
    std::fs::write(file("words.csv"), "1\none\n").unwrap();
    run(&file("words.csv"), &y).complains("line 2, field 1: `one` is no number");
    let several = format!("{FIXTURES}/lstm_i3_h5_t7_b3_bi.safetensors");
    let call = call_with(&["run", &several, "--input", "x.npy", "--output", &y]);
    call.expect(2).complains("choose one with --prefix");
    let call = call_with(&["run", MODEL, "--prefix=gru", "--input", "x.npy", "--output", &y]);
    call.expect(2).complains("no tensor `gru.weight_hh_l0`");
}

/// Refused before any of the files is looked at.
fn options_of_other_cells() {
    let folder = folder("run_options");
    for (case, option, complaint) in [
        ("lstm_i3_h5_t7_b3", "--reset-before", "--reset-before is for cell GRU, not LSTM"),
        ("rnn_tanh_i3_h5_t7_b3", "--reset-before", "--reset-before is for cell GRU, not RNN"),
        ("lstm_i3_h5_t7_b3", "--nonlinearity=tanh", "--nonlinearity is for cell RNN, not LSTM"),
        ("gru_i3_h5_t7_b3", "--nonlinearity=relu", "--nonlinearity is for cell RNN, not GRU"),
        ("rnn_tanh_i3_h5_t7_b3", "--nonlinearity=sigmoid", "tanh, relu"),
        ("gru_i3_h5_t7_b3", "--c0=c0.npy", "--c0 is for cell LSTM, not GRU"),
        ("rnn_tanh_i3_h5_t7_b3", "--c-n=c_n.npy", "--c-n is for cell LSTM, not RNN"),
    ] {
        let files = Files { case: &format!("{case}_init"), folder: &folder };
        files.run(&[], &["input", "output"], &[option]).expect(2).complains(complaint);
    }
}

fn no_cell() {
    let path = folder("run_no_cell").join("model.safetensors");
    let mut file = Safetensors::default();
    for (name, shape) in [("weight_ih_l0", [10, 3]), ("weight_hh_l0", [10, 5])] {
        file.tensors.insert(name.into(), ArrayD::zeros(shape.to_vec()));
    }
    file.save(&path);
    let call = call_with(&["run", text(&path), "--input", "x.npy", "--output", "y.npy"]).expect(2);
    call.complains("weight_hh_l0").complains("3 (GRU)").complains("[10, 5]");
}
