//! Every schedule forced, at sizes around the edges of tiles and chunks, against the CPU reference.

use wgpu_rnn::ndarray::Array3;
use wgpu_rnn::{Error, Gpu, Options, Schedule, WeightFormat};

use crate::common::case::{Bias, Case, Shape};
use crate::common::trials::{GpuTest, Outcome, as_hardware};
use crate::common::variant::variants;

const ROWS: [u32; 5] = [1, 2, 4, 8, 16];

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        for rows in ROWS {
            let cases: Vec<_> = batches_and_chunks(schedule, rows).collect();
            let name = format!("sizes::{schedule}::rows{rows}");
            tests.push(GpuTest::new(name, move |gpu| check_all(gpu, &cases)));
        }
        for h in [1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 513, 1024] {
            let case = hidden_case(schedule, h);
            let name = format!("hidden::{schedule}::h{h}");
            tests.push(GpuTest::new(name, move |gpu| check_rows(gpu, schedule, &case)));
        }
        let cases = stacks(schedule);
        let name = format!("stacks::{schedule}");
        tests.push(GpuTest::new(name, move |gpu| check_all(gpu, &cases)));
        let cases = saturating(schedule);
        let name = format!("saturating::{schedule}");
        tests.push(GpuTest::new(name, move |gpu| check_all(gpu, &cases)));
        for (name, options) in shared(schedule) {
            let name = format!("{name}::{schedule}");
            tests.push(GpuTest::new(name, move |gpu| {
                check_shared(gpu, options)?;
                check_shared(&as_hardware(gpu), options)
            }));
        }
        let cases: Vec<_> = batches_and_chunks(schedule, 4).collect();
        let name = format!("hardware::{schedule}");
        tests.push(GpuTest::new(name, move |gpu| check_all(&as_hardware(gpu), &cases)));
        let case = long(schedule);
        let name = format!("long::{schedule}");
        tests.push(GpuTest::new(name, move |gpu| check_all(gpu, std::slice::from_ref(&case))));
    }
    tests
}

/// A case, the options it runs with, and its name.
type Run = (String, Options, Case);

fn check_all(gpu: &Gpu, runs: &[Run]) -> Outcome {
    for (name, options, case) in runs {
        case.check(gpu, *options).map_err(|problem| format!("{name}: {problem}"))?;
    }
    Ok(())
}

/// What the schedule can run at least: a wavefront takes two layers and one direction.
fn legal(schedule: Schedule, shape: Shape) -> Shape {
    match schedule {
        Schedule::Wavefront => Shape { l: shape.l.max(2), bidirectional: false, ..shape },
        _ => shape,
    }
}

/// The product of batches around the row tile with sequence lengths around the chunk. Everything else takes turns, in
/// cycles of lengths that have no common divisor, so that each pair of values meets.
fn batches_and_chunks(schedule: Schedule, rows: u32) -> impl Iterator<Item = Run> {
    let tile = rows as usize;
    let batches = [1, tile - 1, tile, tile + 1, 33];
    let chunks = [(1, 1), (1, 2), (3, 1), (3, 2), (3, 3), (3, 4), (3, 7), (5, 5)];
    let batches = batches.into_iter().filter(|batch| *batch > 0);
    let sizes = batches.flat_map(move |b| chunks.into_iter().map(move |(chunk, t)| (b, chunk, t)));
    sizes.enumerate().map(move |(n, (b, chunk, t))| {
        let i = [1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 2][n % 11];
        // llvmpipe takes ten seconds over the kernel that owns 16 rows of four units each.
        let h = [5, if tile < 16 { 33 } else { 32 }, 8, 17, 3][n % 5];
        let l = [1, 2, 1, 1, 3, 1, 4][n % 7];
        let shape = legal(schedule, Shape { t, b, i, h, l, bidirectional: n % 3 == 1 });
        let bias = [Bias::Both, Bias::None, Bias::InputOnly, Bias::HiddenOnly][n / 2 % 4];
        let seed = 1000 * tile as u64 + n as u64;
        let case = Case::new(seed, shape).with_bias(bias).with_batch_first(n % 2 == 1);
        let case = if n / 3 % 2 == 0 { case.with_state(seed) } else { case };
        let options = Options {
            schedule: Some(schedule),
            rows: Some(rows),
            chunk: Some(chunk),
            ..Default::default()
        };
        (format!("{shape:?} {bias:?} chunk {chunk}"), options, case)
    })
}

fn hidden_case(schedule: Schedule, h: usize) -> Case {
    let (t, b) = if h < 500 { (3, 9) } else { (2, 3) };
    let shape =
        legal(schedule, Shape { t, b, i: 5, h, l: 1, bidirectional: h % 2 == 1 && h < 500 });
    Case::new(h as u64, shape).with_state(h as u64)
}

/// Some row tiles, since each shape of SequenceFused is a kernel of its own for each, and compiling takes longer than
/// running. One that needs more workgroup memory than the device has must be refused with that reason.
fn check_rows(gpu: &Gpu, schedule: Schedule, case: &Case) -> Outcome {
    let rows: &[u32] = if schedule == Schedule::SequenceFused { &[1, 4] } else { &[1, 2, 4, 8] };
    for rows in rows.iter().copied() {
        let options = Options { schedule: Some(schedule), rows: Some(rows), ..Default::default() };
        let layer = case.lstm(gpu, options)?;
        let (t, b, _) = case.x.dim();
        match layer.plan(t, b) {
            Err(Error::Schedule { reason, .. }) if rows > 1 => {
                let limit = "max_compute_workgroup_storage_size";
                if !reason.contains(limit) {
                    return Err(format!("{rows} rows: {reason}").into());
                }
            }
            _ => case.check_layer(&layer).map_err(|problem| format!("{rows} rows: {problem}"))?,
        }
    }
    Ok(())
}

/// What makes several invocations share a sum.
fn shared(schedule: Schedule) -> Vec<(&'static str, Options)> {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    match schedule {
        Schedule::SequenceFused => {
            vec![("resident", Options { resident: Some(true), ..options })]
        }
        _ => vec![
            ("split8", Options { split: Some(8), ..options }),
            ("split32", Options { split: Some(32), ..options }),
        ],
    }
}

/// Every cell, at sizes that leave some invocations nothing of k, or only padding.
fn check_shared(gpu: &Gpu, options: Options) -> Outcome {
    let is_wave = options.schedule == Some(Schedule::Wavefront);
    let mut ran = 0;
    for variant in variants() {
        for (n, h) in [3, 33, 64].into_iter().enumerate() {
            // Formats are unpacked before anything is shared: two words' sizes are enough.
            let has_formats = ["lstm", "rnn_tanh"].contains(&variant.name);
            let formats = if has_formats { &WeightFormat::ALL[..] } else { &[WeightFormat::F32] };
            for format in formats.iter().copied() {
                let (t, l) = (if n == 1 { 1 } else { 6 }, 1 + usize::from(is_wave));
                let shape = Shape { t, b: 1 + 2 * n, i: 7, h, l, bidirectional: !is_wave };
                let case = Case::of(n as u64, &variant, shape).with_state(3);
                let lengths = (0..shape.b).map(|row| t - row % 2).collect();
                let case = case.but(|case| {
                    case.weight_format = format;
                    case.lengths = Some(lengths).filter(|_| n == 2);
                });
                let rows = Some([1, 4, 2][n]);
                match case.run(gpu, Options { rows, chunk: Some(4), ..options }) {
                    Err(Error::Schedule { .. }) if variant.has_two_phases() => {}
                    Err(error) => return Err(error.into()),
                    Ok((y, state)) => {
                        ran += 1;
                        case.verdict(&y, &state).map_err(|problem| {
                            format!("{} {format} {shape:?}: {problem}", variant.name)
                        })?;
                    }
                }
            }
        }
    }
    assert!(ran >= 27, "{ran} runs");
    Ok(())
}

/// Layers, directions, layouts and initial states, each with each.
fn stacks(schedule: Schedule) -> Vec<Run> {
    let mut runs = Vec::new();
    for n in 0..32 {
        let bit = |at: usize| n >> at & 1 == 1;
        // A single step has no product over all steps before it.
        let t = if bit(0) == bit(4) { 7 } else { 1 };
        let shape = Shape { t, l: 1 + n % 4, bidirectional: bit(2), ..Default::default() };
        let shape = legal(schedule, shape);
        let case = Case::new(n as u64, shape).with_batch_first(bit(3));
        let case = if bit(4) { case.with_state(n as u64) } else { case };
        let options = Options { schedule: Some(schedule), ..Default::default() };
        runs.push((format!("{shape:?} batch_first {} state {}", bit(3), bit(4)), options, case));
    }
    runs
}

/// Inputs that drive the gates to their ends: large ones everywhere, or one infinite feature per row.
fn saturating(schedule: Schedule) -> Vec<Run> {
    let mut runs = Vec::new();
    for (seed, large) in [1e4, 1e30, f32::INFINITY].into_iter().enumerate() {
        for fused in [true, false] {
            let t = if fused { 1 } else { 5 };
            let shape = legal(schedule, Shape { t, b: 5, i: 7, h: 33, ..Default::default() });
            let case = Case::new(seed as u64, shape);
            let mut x = case.x.clone();
            for ((t, b, i), value) in x.indexed_iter_mut() {
                // Two infinities of opposite signs would make a NaN, as they should.
                if large.is_finite() || i == (t + b) % 7 {
                    *value = if *value < 0.0 { -large } else { large };
                }
            }
            let options = Options { schedule: Some(schedule), ..Default::default() };
            runs.push((format!("{large} t {t}"), options, case.with_x(x)));
        }
    }
    runs
}

/// More time steps than any chunk has.
fn long(schedule: Schedule) -> Run {
    let shape = legal(schedule, Shape { t: 5000, b: 2, i: 2, h: 3, ..Default::default() });
    let case = Case::new(5000, shape);
    // Small inputs let the state remember: an error in the first chunk would be forgotten otherwise.
    let x: Array3<f32> = case.x.mapv(|value| 0.1 * value);
    let options = Options { schedule: Some(schedule), ..Default::default() };
    ("5000 steps".into(), options, case.with_x(x))
}
