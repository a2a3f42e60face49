//! All other commands.

use wgpu_rnn::ndarray::ArrayD;

use crate::CliTest;
use crate::files::{MODEL, Safetensors, text};
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
        bare_test("plan::cells", plan_cells),
        bare_test("plan::backward", plan_backward),
        test("plan::adapter", plan_adapter),
        bare_test("plan::impossible", plan_impossible),
        test("plan::tuned", plan_tuned),
        test("bench::tuned", bench_tuned),
        test("bench::every_schedule", bench),
        test("bench::every_cell", bench_cells),
        test("bench::json", bench_json),
        test("bench::backward", bench_backward),
        test("bench::backward_json", bench_backward_json),
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
    let small = call("plan --shape small --caps webgpu").expect(0);
    small.says("T=1000").says("sequence-fused").says("predicted nothing");
    let plan = "plan --shape 10,4,3,5,2 --bidirectional --schedule stepwise --caps webgpu --json";
    let value = call(plan).expect(0).json();
    assert_eq!((&value["schedule"], &value["dispatches"]), (&"stepwise".into(), &20.into()));
    assert_eq!(value["problem"]["bidirectional"], true);
}

/// A standing shape brings its cell, another may be asked for, and sizes alone are those of an LSTM.
fn plan_cells() {
    for (arguments, cell, hidden_size, bidirectional) in [
        ("7,3,5,9,1", "LSTM", 9, false),
        ("7,3,5,9,1 --cell rnn", "RNN", 9, false),
        ("small-gru", "GRU", 64, false),
        ("small-rnn", "RNN", 64, false),
        ("mlx-gru", "GRU", 512, false),
        ("mlx-rnn", "RNN", 512, false),
        ("bigru", "GRU", 256, true),
        ("bigru --cell lstm", "LSTM", 256, true),
        ("bigru --reset-before", "GRU (reset before)", 256, true),
    ] {
        let plan = call(&format!("plan --caps webgpu --json --shape {arguments}")).expect(0).json();
        let problem = &plan["problem"];
        assert_eq!(problem["cell"], cell, "{arguments}");
        assert_eq!(problem["hidden_size"], hidden_size, "{arguments}");
        assert_eq!(problem["bidirectional"], bidirectional, "{arguments}");
    }
}

fn plan_backward() {
    let forward = "plan --shape 10,4,3,5,2 --cell gru --caps webgpu";
    let both = call(&format!("{forward} --backward --checkpoint 3")).expect(0);
    both.says("gru")
        .says("backward of GRU T=10 B=4")
        .says("4 chunks of 3 steps")
        .says("transposed");
    assert!(!call(forward).expect(0).out.contains("backward"));
    let value = call(&format!("{forward} --backward --schedule stepwise --json")).expect(0).json();
    let backward = &value["backward"];
    assert_eq!((&backward["schedule"], &backward["chunk"]), (&"stepwise".into(), &10.into()));
    assert!(backward["memory"]["reserve_bytes"].as_u64().unwrap() >= 4 * 10 * 4 * 5);
    assert!(call(&format!("{forward} --json")).expect(0).json()["backward"].is_null());

    let refused = |options: &str, reason: &str| {
        call(&format!("{forward} {options}")).expect(2).complains(reason);
    };
    refused("--checkpoint 3", "--backward");
    refused("--backward --checkpoint 0", "`chunk` is 0");
    call(&format!("{forward} --backward --schedule wavefront")).expect(0).says("step_backward");
}

fn plan_adapter() {
    let call = call("plan --shape 7,3,5,300,2").expect(0).says("T=7 B=3 I=5 H=300 L=2");
    call.says("% launches").says("at least");
    let value = crate::tool::call("plan --shape 7,3,5,300,2 --json").expect(0).json();
    let seconds = |part: &str| value["estimate"][part].as_f64().unwrap();
    let parts = ["projection", "recurrence", "launches", "exchanges"].map(seconds);
    assert!(seconds("floor_memory") > 0.0 && seconds("predicted") >= seconds("floor"));
    assert!((parts.iter().sum::<f64>() / seconds("predicted") - 1.0).abs() < 1e-6, "{value:#}");
}

fn plan_tuned() {
    let path = folder("plan_tuned").join("tuning.json");
    let tune = ["plan", "--shape", "6,3,5,7,1", "--tune", "--tuning-file", text(&path)];
    call_with(&tune).expect(0).says("tuned: ").says("at least");
    assert!(std::fs::read_to_string(&path).unwrap().contains("T<=8 B<=4 I=5 H=7"));
    call("plan --shape 6,3,5,7,1 --tune --caps webgpu")
        .expect(2)
        .complains("--caps webgpu is none");
    call("plan --shape 6,3,5,7,1 --tune --backward").expect(2).complains("--backward");
    call("plan --shape 6,3,5,7,1 --tuning-file x.json").expect(2).complains("--tune");
}

fn bench_tuned() {
    let path = folder("bench_tuned").join("tuning.json");
    let bench = format!(
        "bench --shape 6,3,5,7,1 --shape 1,1,4,4,1 --seconds 0.01 --tune --tuning-file {}",
        text(&path)
    );
    call(&bench).expect(0).says("tuned: ").says("; untuned, ").says(" times as long");
    assert!(path.exists());
    let value = call(&format!("{bench} --schedule stepwise --json")).expect(0).json();
    for row in value["results"].as_array().unwrap() {
        assert!(row["untuned_over_tuned"].as_f64().unwrap() > 0.0, "{row:#}");
        assert_eq!(row["schedule"], "stepwise");
    }
}

fn plan_impossible() {
    let rnn = "plan --shape 9,1,1,1,1 --cell rnn --caps webgpu --reset-before";
    call(rnn).expect(2).complains("--reset-before is for cell GRU, not RNN");
    call("plan --shape small --cell elman --caps webgpu").expect(2).complains("lstm, gru, rnn");
    call("plan --shape huge --caps webgpu").expect(2).complains("smallh4");
    call("plan --shape 1,2,3,4 --caps webgpu").expect(2).complains("T,B,I,H,L");
    call("plan --shape 0,1,1,1,1 --caps webgpu").expect(2).complains("seq_len");
    call("plan --shape 9,1,1,1,1 --schedule wavefront --caps webgpu")
        .expect(2)
        .complains("num_layers is 1");
    call("plan --shape 1,1,999999,999999,9 --caps webgpu").expect(2).complains("needs");
}

fn bench() {
    let call = call("bench --shape 6,3,5,7,2 --shape 1,1,4,4,1 --schedule all --seconds 0.01");
    let call = call.expect(0).says("GFLOP/s").says("wavefront");
    assert!(!call.out.contains("unsupported"), "{}", call.out);
    call.says("verified: 2 of 3 rows, 6 of 6 steps");
}

fn bench_cells() {
    for (options, cell) in [("", "LSTM"), ("--cell gru", "GRU"), ("--cell rnn", "RNN")] {
        let call =
            call(&format!("bench --shape 6,2,5,7,2 --shape 1,1,4,4,1 {options} --seconds 0.01"));
        let call = call.expect(0).says("CELL");
        for sizes in ["6,2,5,7,2", "1,1,4,4,1"] {
            let line = call.out.lines().find(|line| line.contains(sizes)).unwrap();
            assert!(line.starts_with(&format!("-      {cell} ")) && line.ends_with('%'), "{line}");
        }
    }
    let misfit = call("bench --shape small-gru --shape small --reset-before");
    assert_eq!(misfit.expect(2).complains("--reset-before is for cell GRU, not LSTM").out, "");
}

fn bench_json() {
    let call = call("bench --shape 6,1,5,7,1 --shape bigru --bidirectional --seconds 0.01 --json");
    let value = call.expect(0).json();
    for ceiling in ["bytes_per_second", "flops_per_second"] {
        assert!(value["ceilings"][ceiling].as_f64().unwrap() > 1e7, "{value:#}");
    }
    let [dispatch, exchange] = ["dispatch_seconds", "exchange_seconds"]
        .map(|ceiling| value["ceilings"][ceiling].as_f64().unwrap());
    assert!(exchange > 0.0 && exchange < dispatch && dispatch < 1e-2, "{value:#}");
    for word in
        [&value["ceilings"]["workgroup_word_seconds"][0], &value["ceilings"]["device_word_seconds"]]
    {
        let word = word["load"].as_f64().unwrap() + word["row"].as_f64().unwrap();
        assert!(word > 0.0 && word < 1e-5, "{value:#}");
    }
    let timed = value["results"].as_array().unwrap();
    assert_eq!(timed.iter().map(|row| &row["cell"]).collect::<Vec<_>>(), ["LSTM", "GRU"]);
    for row in timed {
        assert_eq!((&row["status"], &row["bidirectional"]), (&"ok".into(), &true.into()));
        assert!(row["call"]["median_seconds"].as_f64().unwrap() > 0.0);
        assert!(row["floor_fraction"].as_f64().unwrap() < 1.0);
        assert!(row["predicted_over_measured"].as_f64().unwrap() > 0.0);
        let floor = 1e6 * row["floor_seconds"].as_f64().unwrap() / row["seq_len"].as_f64().unwrap();
        assert!(row["predicted_step_us"].as_f64().unwrap() >= floor, "{row:#}");
        assert!(row["verified"]["error"].as_f64().unwrap() < 1e-5);
    }
    let date = value["date"].as_str().unwrap();
    assert!(date.len() == 20 && date.starts_with("20") && date.ends_with('Z'), "{date}");
}

fn bench_backward() {
    let options = "--shape 6,3,5,7,2 --shape 1,1,4,4,1 --schedule all --seconds 0.01 --backward";
    for cell in ["lstm", "gru", "rnn"] {
        let call = call(&format!("bench {options} --cell {cell}")).expect(0);
        let call = call.says("FORWARD").says("RATIO").says("verified: 2 of 3 rows, 6 of 6 steps");
        // A single layer is no wavefront.
        for (schedule, rows) in [("stepwise", 2), ("sequence-fused", 2), ("wavefront", 1)] {
            let lines = call.out.lines().filter(|line| line.contains(schedule));
            assert_eq!(lines.filter(|line| line.ends_with('%')).count(), rows, "{}", call.out);
        }
    }
}

fn bench_backward_json() {
    let call = call("bench --shape 6,2,5,7,1 --cell gru --seconds 0.01 --backward --json");
    let value = call.expect(0).json();
    let [row] = value["results"].as_array().unwrap().as_slice() else { panic!("{value:#}") };
    assert_eq!((&row["status"], &row["verified"]["rows"]), (&"ok".into(), &2.into()));
    assert!(row["verified"]["error"].as_f64().unwrap() < 1e-4, "{row:#}");
    let seconds = |pass: &str| row[pass]["median_seconds"].as_f64().unwrap();
    let step = row["step_us"].as_f64().unwrap();
    assert!(
        seconds("forward") > 0.0 && (step - 1e6 * seconds("backward") / 6.0).abs() < 1e-6 * step
    );
    assert!(row["ratio"].as_f64().unwrap() > 0.0, "{row:#}");
    assert_eq!(row["forward"]["runs"], row["backward"]["runs"]);
    assert!(["gpu", "host"].contains(&row["timed_by"].as_str().unwrap()), "{row:#}");
}

fn bench_nothing() {
    let call = call("bench --shape 6,1,5,7,1 --schedule wavefront --seconds 0.01");
    call.expect(2).says("num_layers is 1").complains("nothing was timed");
    let call = crate::tool::call("bench --shape 9,1,999999,999999,9 --seconds 0.01");
    call.expect(2).says("unsupported: ").complains("nothing was timed");
}
