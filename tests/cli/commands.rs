//! All other commands.

use ndarray_npy::{read_npy, write_npy};
use wgpu_rnn::ndarray::{Array2, Array3, ArrayD, Axis};
use wgpu_rnn::reference;

use crate::CliTest;
use crate::files::{FIXTURES, MODEL, Safetensors, text};
use crate::tool::{call, call_with, folder};

pub fn tests() -> Vec<CliTest> {
    let test = |name, run| CliTest { name, needs_gpu: true, run };
    let bare_test = |name, run| CliTest { name, needs_gpu: false, run };
    vec![
        bare_test("help_has_an_example_for_each_command", help),
        test("info::shows_the_chosen_adapter", info),
        bare_test("info::without_a_fitting_adapter", info_without_adapter),
        bare_test("inspect::lists_layers_and_others", inspect),
        bare_test("inspect::says_why_a_layer_is_not_served", inspect_unserved),
        bare_test("inspect::unusable_files", inspect_unusable),
        bare_test("plan::webgpu", plan_webgpu),
        test("plan::adapter", plan_adapter),
        bare_test("plan::impossible", plan_impossible),
        test("run::all_files", run_all_files),
        test("run::long_sequences_are_run_in_parts", run_long),
        test("run::csv", run_csv),
        bare_test("run::unusable_files", run_unusable),
        test("bench::every_schedule", bench),
        test("bench::json", bench_json),
        test("bench::nothing_to_time", bench_nothing),
    ]
}

fn help() {
    let help = call("--help").expect(0);
    for command in ["info", "inspect", "verify", "run", "plan", "bench"] {
        assert!(help.out.contains(command), "{}", help.out);
        call_with(&[command, "--help"]).expect(0).says("Example:").says("--backend");
    }
    call("").expect(2).complains("Usage");
    call("train").expect(2).complains("train");
}

fn info() {
    call("info").expect(0).says("* ").says("timestamps").says("workgroups");
    let value = call("info --json").expect(0).json();
    let adapters = value["adapters"].as_array().unwrap();
    assert_eq!(adapters.iter().filter(|adapter| adapter["chosen"] == true).count(), 1);
    for adapter in adapters {
        assert!(adapter["limits"]["max_buffer_size"].as_u64().unwrap() >= 256 << 20);
        assert!(adapter["features"]["timestamps"].is_boolean());
    }
}

fn info_without_adapter() {
    call("info --adapter no-such-adapter").expect(2).complains("no-such-adapter");
    call("info --backend direct3d").expect(2).complains("vulkan");
}

fn inspect() {
    call_with(&["inspect", MODEL])
        .expect(0)
        .says("1 recurrent stack, 4 other tensors")
        .says("lstm    LSTM      1      32       2           1  yes   F32    yes")
        .says("head.weight");
    let value = call_with(&["inspect", MODEL, "--json"]).expect(0).json();
    let lstm = &value["recurrent"][0];
    assert_eq!((&lstm["prefix"], &lstm["num_layers"]), (&"lstm".into(), &2.into()));
    assert_eq!((&lstm["hidden_size"], &lstm["bias"]), (&32.into(), &true.into()));
    assert_eq!(value["other"].as_array().unwrap().len(), 4);
}

fn inspect_unserved() {
    let path = folder("inspect").join("model.safetensors");
    let mut file = Safetensors::default();
    let mut add = |name: &str, shape: [usize; 2]| {
        file.tensors.insert(name.into(), ArrayD::zeros(shape.to_vec()));
    };
    add("projected.weight_ih_l0", [28, 3]);
    add("projected.weight_hh_l0", [28, 4]);
    add("projected.weight_hr_l0", [4, 7]);
    add("gru.weight_ih_l0", [15, 3]);
    add("gru.weight_hh_l0", [15, 5]);
    add("torn.weight_ih_l0", [20, 3]);
    file.save(&path);
    let call = call_with(&["inspect", text(&path)]).expect(0);
    let line = |prefix| call.out.lines().find(|line| line.starts_with(prefix)).unwrap();
    for (prefix, cell, reason) in [
        ("projected", "LSTM", "yes"),
        ("gru", "GRU", "yes"),
        ("torn", "?", "no tensor `torn.weight_hh_l0`"),
    ] {
        assert!(line(prefix).contains(cell) && line(prefix).contains(reason), "{}", line(prefix));
    }
    assert!(call.out.contains("3 recurrent stacks, 0 other tensors"), "{}", call.out);
}

fn inspect_unusable() {
    call("inspect nowhere.safetensors").expect(2).complains("nowhere.safetensors: No such file");
    let path = folder("inspect_unusable").join("garbage.safetensors");
    std::fs::write(&path, [0xff; 100]).unwrap();
    call_with(&["inspect", text(&path)]).expect(2).complains("invalid safetensors");
}

fn plan_webgpu() {
    call("plan --shape small --caps webgpu").expect(0).says("T=1000").says("sequence-fused");
    let plan = "plan --shape 10,4,3,5,2 --bidirectional --schedule stepwise --caps webgpu --json";
    let value = call(plan).expect(0).json();
    assert_eq!((&value["schedule"], &value["dispatches"]), (&"stepwise".into(), &20.into()));
    assert_eq!(value["problem"]["bidirectional"], true);
}

fn plan_adapter() {
    call("plan --shape 7,3,5,300,2").expect(0).says("T=7 B=3 I=5 H=300 L=2");
}

fn plan_impossible() {
    call("plan --shape bigru --caps webgpu").expect(2).complains("cell GRU");
    call("plan --shape huge --caps webgpu").expect(2).complains("smallh4");
    call("plan --shape 1,2,3,4 --caps webgpu").expect(2).complains("T,B,I,H,L");
    call("plan --shape 0,1,1,1,1 --caps webgpu").expect(2).complains("seq_len");
    call("plan --shape 9,1,1,1,1 --schedule wavefront --caps webgpu")
        .expect(2)
        .complains("num_layers is 1");
    call("plan --shape 1,1,999999,999999,9 --caps webgpu").expect(2).complains("needs");
}

fn run_all_files() {
    let folder = folder("run");
    let case = "lstm_i3_h5_t7_b3_init";
    let mut fixture = Safetensors::fixture(case);
    let path = |name: &str| text(&folder.join(format!("{name}.npy"))).to_string();
    // One of them in f64, as NumPy has it by default.
    write_npy(path("input"), &fixture.tensor("input").mapv(f64::from)).unwrap();
    for name in ["h0", "c0"] {
        write_npy(path(name), fixture.tensor(name)).unwrap();
    }
    let model = format!("{FIXTURES}/{case}.safetensors");
    let mut arguments = vec!["run".to_string(), model, "--prefix=".into()];
    let files = ["input", "output", "h0", "c0", "h-n", "c-n"];
    arguments.extend(files.iter().map(|name| format!("--{name}={}", path(name))));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    call_with(&arguments).expect(0).says("[7, 3, 5]");
    for (file, tensor) in [("output", "output"), ("h-n", "h_n"), ("c-n", "c_n")] {
        let given: ArrayD<f32> = read_npy(path(file)).unwrap();
        assert_close(&given, fixture.tensor(tensor));
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
fn run_long() {
    let folder = folder("run_long");
    let [x, y] = ["x.npy", "y.npy"].map(|name| folder.join(name));
    let [x, y] = [&x, &y].map(|path| text(path));
    let wave = |shape: [usize; 3]| {
        Array3::from_shape_fn(shape, |(a, b, c)| ((a * 7 + b * 5 + c * 3) as f32 * 0.01).sin())
    };
    let model = wgpu_rnn::io::safetensors::open(MODEL).unwrap().lstm("lstm").unwrap();
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
fn run_csv() {
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
    let weights = wgpu_rnn::io::safetensors::open(MODEL).unwrap().lstm("lstm").unwrap();
    let input = Array3::from_shape_vec((3, 1, 1), vec![0.5, -1.0, 0.2]).unwrap();
    let state = Array3::from_elem((2, 1, 32), 0.25);
    let h0 = Some(state.view());
    let inputs = reference::Inputs { h0, ..reference::Inputs::new(input.view()) };
    let y = reference::forward(&weights, &inputs).y;
    let expected = y.mapv(|value| value as f32).index_axis_move(Axis(1), 0).into_dyn();
    assert_close(&ArrayD::from_shape_vec(vec![3, 32], values).unwrap(), &expected);
}

fn run_unusable() {
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
    std::fs::write(file("words.csv"), "1\none\n").unwrap();
    run(&file("words.csv"), &y).complains("line 2, field 1: `one` is no number");
    let several = format!("{FIXTURES}/lstm_i3_h5_t7_b3_bi.safetensors");
    let call = call_with(&["run", &several, "--input", "x.npy", "--output", &y]);
    call.expect(2).complains("choose one with --prefix");
    let call = call_with(&["run", MODEL, "--prefix=gru", "--input", "x.npy", "--output", &y]);
    call.expect(2).complains("no tensor `gru.weight_ih_l0`");
}

fn bench() {
    let call = call("bench --shape 6,3,5,7,2 --shape 1,1,4,4,1 --schedule all --seconds 0.01");
    let call = call.expect(0).says("GFLOP/s").says("wavefront");
    assert!(!call.out.contains("unsupported"), "{}", call.out);
    call.says("verified: 2 of 3 rows, 6 of 6 steps");
}

fn bench_json() {
    let call = call("bench --shape 6,1,5,7,1 --shape bigru --bidirectional --seconds 0.01 --json");
    let value = call.expect(0).json();
    for ceiling in ["bytes_per_second", "flops_per_second"] {
        assert!(value["ceilings"][ceiling].as_f64().unwrap() > 1e7, "{value:#}");
    }
    let [timed, unsupported] = &value["results"].as_array().unwrap()[..] else { panic!() };
    assert_eq!((&timed["status"], &timed["bidirectional"]), (&"ok".into(), &true.into()));
    assert!(timed["call"]["median_seconds"].as_f64().unwrap() > 0.0);
    assert!(timed["floor_fraction"].as_f64().unwrap() < 1.0);
    assert!(timed["verified"]["error"].as_f64().unwrap() < 1e-5);
    assert_eq!(unsupported["status"], "unsupported");
    let date = value["date"].as_str().unwrap();
    assert!(date.len() == 20 && date.starts_with("20") && date.ends_with('Z'), "{date}");
}

fn bench_nothing() {
    let call = call("bench --shape 6,1,5,7,1 --schedule wavefront --seconds 0.01");
    call.expect(2).says("num_layers is 1").complains("nothing was timed");
    let call = crate::tool::call("bench --shape 9,1,999999,999999,9 --seconds 0.01");
    call.expect(2).says("unsupported: ").complains("nothing was timed");
}
