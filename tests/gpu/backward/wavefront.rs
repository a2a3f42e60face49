//! Gradients of stacks as a wavefront, against PyTorch, the CPU reference and themselves.

use wgpu_rnn::{Gpu, LayerConfig, Options, Schedule};

use super::{schedules_of, takes};
use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::fixture::{self, Fixture};
use crate::common::gradients::{Run, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for fixture in fixture::all().into_iter().filter(is_legal) {
        let name = format!("backward::wavefront::pytorch::{}", fixture.name);
        tests.push(GpuTest::new(name, move |gpu| of_pytorch(gpu, &fixture)));
    }
    for variant in legal_variants() {
        let name = format!("backward::wavefront::{}", variant.name);
        tests.push(GpuTest::new(name, move |gpu| of_variant(gpu, &variant)));
    }
    tests.push(GpuTest::new("backward::wavefront::long", long));
    tests.push(GpuTest::new("backward::wavefront::rerun", rerun));
    tests
}

fn is_legal(fixture: &Fixture) -> bool {
    fixture.flag("has_grad")
        && schedules_of(&fixture.run()).any(|schedule| schedule == Schedule::Wavefront)
}

fn legal_variants() -> impl Iterator<Item = Variant> {
    variants().into_iter().filter(|variant| takes(Schedule::Wavefront, variant))
}

fn forced(rows: Option<u32>) -> LayerConfig {
    let backward = Options { schedule: Some(Schedule::Wavefront), rows, ..Default::default() };
    LayerConfig { backward, ..Default::default() }
}

fn of_pytorch(gpu: &Gpu, fixture: &Fixture) -> Outcome {
    let config = LayerConfig { batch_first: fixture.flag("batch_first"), ..forced(None) };
    let given = fixture.run().on_device(gpu, config)?;
    verdict(&given, &fixture.gradients(), F32_GRADIENTS)?;
    Ok(())
}

fn check(gpu: &Gpu, run: &Run, rows: Option<u32>) -> Outcome {
    let given = run.on_device(gpu, forced(rows))?;
    verdict(&given, &run.gradients(), F32_GRADIENTS)?;
    Ok(())
}

fn of_variant(gpu: &Gpu, variant: &Variant) -> Outcome {
    let shape = |t, b, i, h, l| Shape { t, b, i, h, l, bidirectional: false };
    let shapes = [
        (shape(7, 3, 4, 6, 2), None),
        // Fewer steps than layers, more than one tile of units.
        (shape(2, 5, 3, 33, 4), Some(2)),
        (shape(1, 1, 1, 1, 16), Some(1)),
        // More words than are staged at a time.
        (shape(3, 2, 5, 67, 3), Some(4)),
    ];
    for (seed, (shape, rows)) in (0..).zip(shapes) {
        let case = Case::of(seed, variant, shape).with_state(seed + 5);
        // Not all rows have the full length.
        let lengths = (0..shape.b).map(|row| shape.t - row.min(shape.t - 1)).collect();
        for case in [case.clone(), case.but(|case| case.lengths = Some(lengths))] {
            let run = Run::new(seed + 9, &case);
            check(gpu, &run, rows).map_err(|problem| format!("{shape:?}: {problem}"))?;
        }
    }
    Ok(())
}

/// More ticks than the clock has.
fn long(gpu: &Gpu) -> Outcome {
    let shape = Shape { t: 5000, b: 2, i: 2, h: 3, l: 3, bidirectional: false };
    let case = Case::new(5000, shape);
    // Small inputs let the state remember.
    let x = case.x.mapv(|value| 0.1 * value);
    check(gpu, &Run::new(1, &case.with_x(x)), None)
}

/// Another pass gives the same bits.
fn rerun(gpu: &Gpu) -> Outcome {
    for (seed, variant) in (0..).zip(legal_variants()) {
        let shape = Shape { t: 9, b: 4, i: 5, h: 40, l: 3, bidirectional: false };
        let run = Run::new(seed, &Case::of(seed, &variant, shape));
        let [first, second] = [(); 2].map(|()| run.on_device(gpu, forced(None)));
        if first? != second? {
            return Err(format!("{}: a rerun gives other bits", variant.name).into());
        }
    }
    Ok(())
}
