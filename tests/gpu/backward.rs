//! Gradients, of every cell on every schedule, against PyTorch and against the CPU reference.

use wgpu_rnn::{Gpu, LayerConfig, Options, Schedule};

use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::fixture::{self, Fixture};
use crate::common::gradients::{Run, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

const SCHEDULES: [Schedule; 2] = [Schedule::Stepwise, Schedule::SequenceFused];

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in SCHEDULES {
        for fixture in fixture::all().into_iter().filter(|fixture| fixture.flag("has_grad")) {
            let name = format!("backward::pytorch::{schedule}::{}", fixture.name);
            tests.push(GpuTest::new(name, move |gpu| of_pytorch(gpu, &fixture, schedule)));
        }
        for variant in variants() {
            let name = format!("backward::{schedule}::{}", variant.name);
            tests.push(GpuTest::new(name, move |gpu| of_variant(gpu, &variant, schedule)));
        }
    }
    tests
}

fn forced(schedule: Schedule) -> LayerConfig {
    let backward = Options { schedule: Some(schedule), ..Default::default() };
    LayerConfig { backward, ..Default::default() }
}

fn of_pytorch(gpu: &Gpu, fixture: &Fixture, schedule: Schedule) -> Outcome {
    let config = LayerConfig { batch_first: fixture.flag("batch_first"), ..forced(schedule) };
    let given = fixture.run().on_device(gpu, config)?;
    verdict(&given, &fixture.gradients(), F32_GRADIENTS)?;
    Ok(())
}

fn of_variant(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let shapes = [
        Shape::default(),
        Shape { t: 5, b: 5, i: 3, h: 33, l: 3, bidirectional: true },
        Shape { t: 1, b: 1, i: 1, h: 1, l: 1, bidirectional: false },
    ];
    for (seed, shape) in (0..).zip(shapes) {
        let run = Run::new(seed + 9, &Case::of(seed, variant, shape).with_state(seed + 5));
        let given = run.on_device(gpu, forced(schedule))?;
        verdict(&given, &run.gradients(), F32_GRADIENTS).map_err(|e| format!("{shape:?}: {e}"))?;
    }
    Ok(())
}
