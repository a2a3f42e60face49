//! Plans chosen by measurement: right results, measured once, kept in a file, and never in the way.

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use wgpu_rnn::ndarray::{Axis, Ix2};
use wgpu_rnn::{
    AnyLayer, Cell, Error, Gpu, GruKind, Kind, LayerConfig, Lstm, LstmKind, Options, Plan, RnnKind,
    Schedule,
};

use crate::common::case::{Case, Given, Shape};
use crate::common::compare::{F32_GRADIENTS, compare};
use crate::common::gradients::{Run, verdict};
use crate::common::trials::{GpuTest, Outcome, another};
use crate::common::variant::{Variant, variants};

pub fn tests() -> Vec<GpuTest> {
    let results = variants().map(|variant| {
        let name = format!("tune::results::{}", variant.name);
        GpuTest::new(name, move |gpu| match variant.cell {
            Cell::Lstm => results::<LstmKind>(gpu, &variant),
            Cell::Gru { .. } => results::<GruKind>(gpu, &variant),
            _ => results::<RnnKind>(gpu, &variant),
        })
    });
    let tests = vec![
        GpuTest::new("tune::inputs", inputs),
        GpuTest::new("tune::stream", stream),
        GpuTest::new("tune::tape", tape),
        GpuTest::new("tune::once_for_all_threads", threads),
        GpuTest::new("tune::buckets", buckets),
        GpuTest::new("tune::forced_options", forced),
        GpuTest::new("tune::file", file),
        GpuTest::new("tune::edited_file", edited_file),
        GpuTest::new("tune::unusable_files", unusable_files),
        GpuTest::new("tune::refused", refused),
    ];
    results.into_iter().chain(tests).collect()
}

const TUNE: Options =
    Options { schedule: None, rows: None, chunk: None, split: None, resident: None, tune: true };

/// Layers, directions and rows enough for several candidates.
fn case(variant: &Variant) -> Case {
    Case::of(3, variant, Shape { l: 2, ..Default::default() }).with_state(4)
}

fn lstm() -> Case {
    case(&Variant::default())
}

fn plan_of(gpu: &Gpu) -> wgpu_rnn::Result<Plan> {
    lstm().lstm(gpu, TUNE)?.plan(7, 3)
}

fn results<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    let gpu = &another(gpu)?;
    let case = case(variant);
    let layer = case.layer::<K>(gpu, TUNE)?;
    case.check_layer(&layer)?;
    assert_eq!(gpu.stats().tuned, 1);
    let plan = layer.plan(7, 3)?;
    assert!(plan.reasons[0].starts_with("tuned: "), "{plan}");
    // With lengths it is another problem.
    let ragged = case.but(|case| case.lengths = Some(vec![7, 2, 0]));
    ragged.check_layer(&layer)?;
    assert_eq!(gpu.stats().tuned, 2);
    Ok(())
}

fn inputs(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    for given in [Given::Projected, Given::Tokens] {
        for batch_first in [false, true] {
            let case = lstm().with_batch_first(batch_first).but(|case| case.given = given);
            case.check(gpu, TUNE)?;
        }
    }
    assert_eq!(gpu.stats().tuned, 4);
    Ok(())
}

fn stream(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = Case::new(3, Shape { l: 2, ..Default::default() });
    let mut stream = case.lstm(gpu, TUNE)?.stream(3)?;
    let expected = &case.expected().y;
    for (x_t, y_t) in case.x.outer_iter().zip(expected.outer_iter()) {
        let given = stream.step(x_t)?.into_dimensionality::<Ix2>()?.insert_axis(Axis(0));
        let y_t = y_t.to_owned().insert_axis(Axis(0)).into_dyn();
        compare("y_t", &given.into_dyn(), &y_t, case.allowed()).verdict()?;
    }
    assert_eq!(gpu.stats().tuned, 1);
    Ok(())
}

/// The forward pass of a training run is a problem of its own; the backward pass goes with any.
fn tape(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let run = Run::new(5, &lstm());
    let config = LayerConfig { options: TUNE, ..Default::default() };
    let layer = AnyLayer::new(gpu, &run.weights, config)?;
    let gradients = run.back(&run.tape(&layer, config)?, config)?;
    verdict(&gradients, &run.gradients(), F32_GRADIENTS)?;
    assert_eq!(gpu.stats().tuned, 1);
    assert!(layer.plan_training(7, 3)?.reasons[0].starts_with("tuned: "));
    assert_ne!(layer.plan_training(7, 3)?.schedule, Schedule::Wavefront);
    Ok(())
}

/// Layers of their own, all on one device.
fn threads(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = lstm();
    let work = || -> Result<Plan, String> {
        let layer = case.lstm(gpu, TUNE).map_err(|error| error.to_string())?;
        case.check_layer(&layer)?;
        layer.plan(7, 3).map_err(|error| error.to_string())
    };
    let plans = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    assert!(plans.iter().all(|plan| *plan == plans[0]));
    assert_eq!(gpu.stats().tuned, 1);
    Ok(())
}

/// 5 to 8 steps share a choice, and so do 3 and 4 rows.
fn buckets(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let layer = lstm().lstm(gpu, TUNE)?;
    for (seq_len, batch, tuned) in
        [(7, 3, 1), (5, 4, 1), (8, 4, 1), (4, 3, 2), (9, 3, 3), (7, 5, 4)]
    {
        layer.plan(seq_len, batch)?;
        assert_eq!(gpu.stats().tuned, tuned, "T = {seq_len}, B = {batch}");
    }
    Ok(())
}

fn forced(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = lstm();
    for schedule in Schedule::ALL.map(Some) {
        let layer = case.lstm(gpu, Options { schedule, ..TUNE })?;
        case.check_layer(&layer)?;
        assert_eq!(Some(layer.plan(7, 3)?.schedule), schedule);
    }
    let layer = case.lstm(gpu, Options { rows: Some(2), chunk: Some(2), ..TUNE })?;
    case.check_layer(&layer)?;
    let plan = layer.plan(7, 3)?;
    assert!(plan.rows == 2 && plan.chunk <= 2, "{plan}");
    // Where nothing is left to choose nothing is measured.
    let tuned = gpu.stats().tuned;
    let schedule = Some(Schedule::SequenceFused);
    let all = Options { schedule, rows: Some(1), chunk: Some(3), resident: Some(false), ..TUNE };
    case.check_layer(&case.lstm(gpu, all)?)?;
    assert_eq!(gpu.stats().tuned, tuned);
    Ok(())
}

/// A device of its own, as the next process has it.
fn with_file(gpu: &Gpu, path: &Path) -> wgpu_rnn::Result<Gpu> {
    let info = gpu.info();
    let builder = Gpu::builder().backends(info.backend.into()).adapter_name(&info.name);
    builder.tuning_file(path).build()
}

fn file(gpu: &Gpu) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tuning.json");
    let first = with_file(gpu, &path)?;
    let measured = plan_of(&first)?;
    assert_eq!(first.stats().tuned, 1);
    let second = with_file(gpu, &path)?;
    lstm().check(&second, TUNE)?;
    assert_eq!(plan_of(&second)?, measured);
    assert_eq!(second.stats().tuned, 0);
    // Another problem is added to what is there; a device that is there already sees it from the next start on.
    lstm().lstm(&second, TUNE)?.plan(70, 3)?;
    assert_eq!(second.stats().tuned, 1);
    let third = another(gpu)?;
    third.set_tuning_file(&path);
    let layer = lstm().lstm(&third, TUNE)?;
    layer.plan(7, 3)?;
    layer.plan(70, 3)?;
    assert_eq!(third.stats().tuned, 0);
    Ok(())
}

/// What a file says is what runs, as long as it can, and is for this device.
fn edited_file(gpu: &Gpu) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tuning.json");
    plan_of(&with_file(gpu, &path)?)?;
    let original: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    let (device, winners) =
        original["devices"].as_object().and_then(|all| all.iter().next()).expect("a device");
    let (bucket, _) = winners.as_object().and_then(|all| all.iter().next()).expect("a bucket");
    assert!(device.contains(&gpu.info().name) && device.contains(env!("CARGO_PKG_VERSION")));

    let saying = |winner: Value| -> Result<Gpu, Box<dyn std::error::Error>> {
        let mut edited = original.clone();
        edited["devices"][device][bucket] = winner;
        fs::write(&path, edited.to_string())?;
        Ok(with_file(gpu, &path)?)
    };
    let winner = json!({"schedule": "sequence-fused", "rows": 1, "chunk": 2, "speedup": 2.5});
    let other = saying(winner)?;
    let plan = plan_of(&other)?;
    assert_eq!((plan.schedule, plan.rows, plan.chunk), (Schedule::SequenceFused, 1, 2));
    assert_eq!(plan.reasons[0], "tuned: measured 2.50 times as fast as the planner's choice");
    let planned = lstm().lstm(gpu, Options::default())?.plan(7, 3)?;
    let impossible =
        saying(json!({"schedule": "stepwise", "rows": 3, "chunk": null, "speedup": 2.5}))?;
    let plan = plan_of(&impossible)?;
    assert_eq!((plan.schedule, plan.rows), (planned.schedule, planned.rows));
    assert!(plan.reasons[0].starts_with("not as tuned"), "{plan}");
    assert_eq!((other.stats().tuned, impossible.stats().tuned), (0, 0));

    // Of another driver, or another version of this crate.
    let text = original.to_string().replace(device, &format!("{device}.1"));
    fs::write(&path, text)?;
    let anew = with_file(gpu, &path)?;
    plan_of(&anew)?;
    assert_eq!(anew.stats().tuned, 1);
    let both: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    assert_eq!(both["devices"].as_object().map(|devices| devices.len()), Some(2));
    Ok(())
}

/// They are left alone, and everything runs as without a file.
fn unusable_files(gpu: &Gpu) -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("tuning.json");
    let later = r#"{"wgpu-rnn tuning": 2, "devices": {}}"#;
    for text in [later, "no JSON", r#"{"model": "mine"}"#] {
        fs::write(&path, text)?;
        let gpu = with_file(gpu, &path)?;
        lstm().check(&gpu, TUNE)?;
        assert_eq!(plan_of(&gpu)?, plan_of(&gpu)?);
        assert_eq!(gpu.stats().tuned, 1, "kept in memory");
        assert_eq!(fs::read_to_string(&path)?, text);
    }
    for path in [folder.path().to_path_buf(), path.join("below a file.json")] {
        let gpu = with_file(gpu, &path)?;
        assert_eq!(plan_of(&gpu)?, plan_of(&gpu)?);
        assert_eq!(gpu.stats().tuned, 1);
    }
    // A file that is overwritten by something else meanwhile.
    fs::remove_file(&path)?;
    let gpu = with_file(gpu, &path)?;
    fs::write(&path, "no JSON")?;
    plan_of(&gpu)?;
    assert_eq!(fs::read_to_string(&path)?, "no JSON");
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = lstm();
    let config = LayerConfig { backward: TUNE, ..Default::default() };
    let backward = Lstm::new(gpu, &case.weights, config).map(drop);
    assert!(matches!(backward, Err(Error::Unsupported { what, .. }) if what.contains("`tune`")));
    // What cannot run is refused before anything is measured.
    let single = Case::new(1, Shape::default());
    let layer = single.lstm(gpu, Options { schedule: Some(Schedule::Wavefront), ..TUNE })?;
    assert!(matches!(layer.plan(7, 3), Err(Error::Schedule { .. })));
    assert!(matches!(layer.plan(0, 3), Err(Error::Argument { .. })));
    assert_eq!(gpu.stats().tuned, 0);
    Ok(())
}
