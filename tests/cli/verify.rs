//! `wgpu-rnn verify`: it passes what is right, and fails what is not.

use std::path::Path;

use wgpu_rnn::Schedule;
use wgpu_rnn::io::safetensors::open;
use wgpu_rnn::ndarray::Axis;

use crate::CliTest;
use crate::files::{FIXTURES, Safetensors, text};
use crate::tool::{Call, call_with, folder};

pub fn tests() -> Vec<CliTest> {
    let test = |name, run| CliTest { name, needs_gpu: true, run };
    let bare_test = |name, run| CliTest { name, needs_gpu: false, run };
    vec![
        test("verify::all_fixtures_are_ok", all_fixtures_are_ok),
        test("verify::a_forced_schedule_says_what_it_cannot_run", forced_schedule),
        test("verify::json", json),
        test("verify::folders_are_searched_to_the_bottom", nested_folder),
        test("verify::mislabelled_cases", mislabelled),
        test("verify::spoilt_results_fail", spoilt_results),
        test("verify::spoilt_gradients_fail", spoilt_gradients),
        test("verify::forward_only", forward_only),
        test("verify::spoilt_weights_fail", spoilt_weights),
        bare_test("verify::unusable_inputs", unusable_inputs),
    ]
}

const CASE: &str = "lstm_i3_h5_t7_b3_init";

fn verify(path: &Path) -> Call {
    call_with(&["verify", text(path)])
}

/// Lines of results, without the summary.
fn lines(call: &Call) -> Vec<Vec<&str>> {
    let lines = call.out.lines().filter(|line| !line.contains(" ok, "));
    lines.map(|line| line.split_whitespace().collect()).collect()
}

/// Which pass a line is about.
fn pass(line: &[&str]) -> &'static str {
    if line[2].ends_with("/backward") { "backward" } else { "forward" }
}

fn all_fixtures_are_ok() {
    let call = verify(FIXTURES.as_ref()).expect(0).says(" 0 FAIL, 0 unsupported");
    let lines = lines(&call);
    for line in &lines {
        let &[status, _, _, error, tolerance] = line.as_slice() else { panic!("{line:?}") };
        assert_eq!(status, "ok");
        let [error, tolerance] = [error, tolerance].map(|text| text.parse::<f64>().unwrap());
        assert!(error <= tolerance, "{line:?}");
    }
    let count = |schedule: &str| lines.iter().filter(|line| line[2] == schedule).count();
    let cases = std::fs::read_dir(FIXTURES).unwrap().count();
    assert_eq!(count("reference"), cases);
    assert_eq!(count("stepwise"), cases);
    assert!(count("wavefront") > 0);
    let is_trained = |case: &str| {
        let file = open(format!("{FIXTURES}/{case}.safetensors")).unwrap();
        file.metadata()["has_grad"] == "true"
    };
    let trained = lines.iter().filter(|line| line[2] == "reference" && is_trained(line[1])).count();
    assert_eq!(count("reference/backward"), trained);
    assert!(trained > 100 && count("stepwise/backward") > 100);
    let tolerance = |case: &str| lines.iter().find(|line| line[1] == case).unwrap()[4];
    assert_eq!((tolerance(CASE), tolerance("lstm_i3_h5_t7_b3_x100")), ("1e-5", "1e-4"));
}

fn forced_schedule() {
    for schedule in Schedule::ALL.map(|schedule| schedule.to_string()) {
        let path = format!("{FIXTURES}/{CASE}.safetensors");
        let call = call_with(&["verify", &path, "--schedule", &schedule]).expect(0);
        let lines = lines(&call);
        let expected = if schedule == "wavefront" { "unsupported" } else { "ok" };
        assert_eq!((lines[0][0], lines[0][2]), ("ok", "reference"));
        assert_eq!((lines[1][0], lines[1][1]), (expected, CASE));
        assert_eq!(lines[1][2], schedule);
        assert_eq!((lines[2][0], lines[2][2]), ("ok", "reference/backward"));
        assert_eq!((lines[3][0], lines[3][1]), (expected, CASE));
        assert_eq!(lines[3][2], format!("{schedule}/backward"));
        assert_eq!(lines.len(), 4);
        if expected == "unsupported" {
            call.says("num_layers is 1");
        }
    }
}

fn json() {
    let path = format!("{FIXTURES}/{CASE}.safetensors");
    let value = call_with(&["verify", &path, "--json"]).expect(0).json();
    assert_eq!((&value["fail"], &value["unsupported"]), (&0.into(), &0.into()));
    assert!(value["adapter"]["name"].is_string());
    let results = value["results"].as_array().unwrap();
    assert_eq!(value["ok"], results.len());
    assert!(results.iter().all(|result| result["case"] == CASE && result["status"] == "ok"));
    let passes: Vec<_> = results.iter().map(|result| &result["pass"]).collect();
    assert_eq!(passes, ["forward", "forward", "forward", "backward", "backward", "backward"]);
}

fn nested_folder() {
    let folder = folder("nested");
    let below = folder.join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    Safetensors::fixture(CASE).save(&below.join("case.safetensors"));
    // A model among them is none of them.
    let mut model = Safetensors::fixture(CASE);
    model.metadata.clear();
    model.save(&folder.join("model.safetensors"));
    let call = verify(&folder).expect(0).says(CASE);
    assert!(lines(&call).iter().all(|line| line[1] == CASE));
}

fn mislabelled() {
    let path = folder("mislabelled").join("case.safetensors");
    for (key, value, complaint) in [
        ("cell", "GRU", "weight_ih_l0"),
        ("cell", "Hopfield", "`cell` is Hopfield"),
        ("packed", "true", "no tensor `lengths`"),
    ] {
        Safetensors::fixture(CASE).with_metadata(key, value).save(&path);
        verify(&path).expect(2).complains(complaint);
    }
}

/// Every line of the passes fails that a spoilt case is wrong in, the one of the reference too; no other does.
#[track_caller]
fn expect_fail(fixture: Safetensors, path: &Path, reason: &str, passes: &[&str]) {
    let call = verify(&fixture.save(path)).expect(1).says(reason);
    let lines = lines(&call);
    for passed in ["forward", "backward"] {
        let expected = if passes.contains(&passed) { "FAIL" } else { "ok" };
        let lines: Vec<_> = lines.iter().filter(|line| pass(line) == passed).collect();
        assert!(lines.len() >= 3 && lines.iter().all(|line| line[0] == expected), "{}", call.out);
    }
    let [fail, ok] = ["FAIL", "ok"].map(|status| lines.iter().filter(|l| l[0] == status).count());
    call.says(&format!("{ok} ok, {fail} FAIL, 0 unsupported on "));
}

/// A value that is off by `offset`, one that is NaN, and an array that is too short along its first axis longer than 2.
#[track_caller]
fn expect_each_fails(path: &Path, name: &str, offset: f32, pass: &str) {
    let mut wrong = Safetensors::fixture(CASE);
    *wrong.tensor(name).last_mut().unwrap() += offset;
    expect_fail(wrong, path, &format!("{name}["), &[pass]);

    let mut undefined = Safetensors::fixture(CASE);
    *undefined.tensor(name).first_mut().unwrap() = f32::NAN;
    expect_fail(undefined, path, "NaN", &[pass]);

    let mut short = Safetensors::fixture(CASE);
    let array = short.tensor(name);
    let axis = array.shape().iter().position(|n| *n > 2).unwrap();
    array.slice_axis_inplace(Axis(axis), (..2).into());
    expect_fail(short, path, &format!("{name} has shape"), &[pass]);
}

fn spoilt_results() {
    let path = folder("spoilt_results").join("case.safetensors");
    for name in ["output", "h_n", "c_n"] {
        expect_each_fails(&path, name, 2e-5, "forward");
    }
}

fn spoilt_gradients() {
    let path = folder("spoilt_gradients").join("case.safetensors");
    for name in
        ["d_input", "d_h0", "d_c0", "grad.weight_ih_l0", "grad.weight_hh_l0", "grad.bias_ih_l0"]
    {
        // The measure is relative to the largest value, which is above 1 in some of them.
        expect_each_fails(&path, name, 1e-2, "backward");

        let mut missing = Safetensors::fixture(CASE);
        missing.tensors.remove(name);
        let reason = format!("{name} is not among the gradients expected");
        expect_fail(missing, &path, &reason, &["backward"]);
    }
    let mut more = Safetensors::fixture(CASE);
    let surplus = more.tensor("grad.weight_hh_l0").clone();
    more.tensors.insert("grad.weight_hh_l1".into(), surplus);
    let reason = "grad.weight_hh_l1 is not among the gradients computed";
    expect_fail(more, &path, reason, &["backward"]);
    // One cotangent for another: results stay, gradients do not.
    let mut swapped = Safetensors::fixture(CASE);
    let d_h_n = swapped.tensor("cot_h_n").clone();
    *swapped.tensor("cot_c_n") = d_h_n;
    expect_fail(swapped, &path, "expected", &["backward"]);
}

fn forward_only() {
    let path = folder("forward_only").join("case.safetensors");
    let mut wrong = Safetensors::fixture(CASE);
    wrong.tensor("d_h0").fill(9.0);
    let call = call_with(&["verify", text(&wrong.save(&path)), "--forward-only"]).expect(0);
    let lines = lines(&call);
    assert!(lines.len() == 3 && lines.iter().all(|line| pass(line) == "forward"), "{}", call.out);
    // A file without gradients has none to check.
    let bare = Safetensors::fixture(CASE).with_metadata("has_grad", "false");
    assert!(!verify(&bare.save(&path)).expect(0).out.contains("backward"));
}

fn spoilt_weights() {
    let path = folder("spoilt_weights").join("case.safetensors");
    let mut swapped = Safetensors::fixture(CASE);
    let bias = swapped.tensor("bias_hh_l0");
    for unit in 0..5 {
        bias.swap([unit], [5 + unit]);
    }
    expect_fail(swapped, &path, "is ", &["forward", "backward"]);
    expect_fail(
        Safetensors::fixture(CASE).with_metadata("has_initial_state", "false"),
        &path,
        "expected",
        &["forward", "backward"],
    );
}

fn unusable_inputs() {
    let folder = folder("unusable");
    let expect = |path: &Path, complaint: &str| {
        let call = verify(path).expect(2).complains(complaint).complains(text(path));
        assert_eq!(call.out, "");
    };
    expect(&folder.join("missing"), "No such file");
    expect(&folder, "no fixtures");
    let path = folder.join("case.safetensors");
    std::fs::write(&path, "garbage").unwrap();
    expect(&path, "invalid safetensors");
    verify(&folder).expect(2).complains(text(&path));

    Safetensors::fixture(CASE).with_metadata("fixture_version", "2").save(&path);
    expect(&path, "fixture_version is 2");
    Safetensors::fixture(CASE).with_metadata("batched", "perhaps").save(&path);
    expect(&path, "`batched` is neither true nor false");
    let mut bare = Safetensors::fixture(CASE);
    bare.metadata.clear();
    bare.save(&path);
    expect(&path, "no `fixture_version`");
    for name in ["output", "h0", "weight_hh_l0", "input", "cot_output", "cot_c_n"] {
        let mut fixture = Safetensors::fixture(CASE);
        fixture.tensors.remove(name);
        fixture.save(&path);
        expect(&path, &format!("no tensor `{name}`"));
    }
    for name in ["input", "h0", "c0", "cot_output", "cot_h_n", "cot_c_n"] {
        let mut fixture = Safetensors::fixture(CASE);
        let array = fixture.tensor(name);
        array.slice_axis_inplace(Axis(2), (..1).into());
        fixture.save(&path);
        expect(&path, &format!("`{name}` has shape"));
    }
    call_with(&["verify", FIXTURES, "--schedule", "fastest"]).expect(2).complains("stepwise");
    call_with(&["verify"]).expect(2).complains("PATH");
    call_with(&["verify", FIXTURES, "--adapter", "no such adapter"])
        .expect(2)
        .complains("no GPU adapter");
}
