//! `wgpu-rnn verify`: it passes what is right, and fails what is not.

use std::path::Path;

use wgpu_rnn::Schedule;

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

fn all_fixtures_are_ok() {
    let call = verify(FIXTURES.as_ref()).expect(0).says(" 0 FAIL, 0 unsupported on ");
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
        assert_eq!(lines.len(), 2);
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

/// Every line of a spoilt case fails, the one of the reference too.
#[track_caller]
fn expect_fail(fixture: Safetensors, path: &Path, reason: &str) {
    let call = verify(&fixture.save(path)).expect(1).says(reason).says("0 ok, ");
    let lines = lines(&call);
    assert!(lines.len() >= 3 && lines.iter().all(|line| line[0] == "FAIL"), "{}", call.out);
}

fn spoilt_results() {
    let path = folder("spoilt_results").join("case.safetensors");
    for name in ["output", "h_n", "c_n"] {
        let mut wrong = Safetensors::fixture(CASE);
        *wrong.tensor(name).last_mut().unwrap() += 2e-5;
        expect_fail(wrong, &path, &format!("{name}["));

        let mut undefined = Safetensors::fixture(CASE);
        *undefined.tensor(name).first_mut().unwrap() = f32::NAN;
        expect_fail(undefined, &path, "NaN");

        let mut short = Safetensors::fixture(CASE);
        let array = short.tensor(name);
        array.slice_axis_inplace(wgpu_rnn::ndarray::Axis(1), (..2).into());
        expect_fail(short, &path, &format!("{name} has shape"));
    }
}

fn spoilt_weights() {
    let path = folder("spoilt_weights").join("case.safetensors");
    let mut swapped = Safetensors::fixture(CASE);
    let bias = swapped.tensor("bias_hh_l0");
    for unit in 0..5 {
        bias.swap([unit], [5 + unit]);
    }
    expect_fail(swapped, &path, "is ");
    expect_fail(
        Safetensors::fixture(CASE).with_metadata("has_initial_state", "false"),
        &path,
        "expected",
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
    for name in ["output", "h0", "weight_hh_l0", "input"] {
        let mut fixture = Safetensors::fixture(CASE);
        fixture.tensors.remove(name);
        fixture.save(&path);
        expect(&path, &format!("no tensor `{name}`"));
    }
    for name in ["input", "h0", "c0"] {
        let mut fixture = Safetensors::fixture(CASE);
        let array = fixture.tensor(name);
        array.slice_axis_inplace(wgpu_rnn::ndarray::Axis(2), (..1).into());
        fixture.save(&path);
        expect(&path, &format!("`{name}` has shape"));
    }
    call_with(&["verify", FIXTURES, "--schedule", "fastest"]).expect(2).complains("stepwise");
    call_with(&["verify"]).expect(2).complains("PATH");
    call_with(&["verify", FIXTURES, "--adapter", "no such adapter"])
        .expect(2)
        .complains("no GPU adapter");
}
