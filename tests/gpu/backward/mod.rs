//! Gradients, of every cell on every schedule, against PyTorch and against the CPU reference.

mod activations;
pub mod arrays;
mod bits;
mod controls;
mod edges;
mod encode;
mod errors;
mod learning;
mod memory;
mod random;
mod truncated;
mod wavefront;

use wgpu_rnn::{AnyKind, AnyLayer, Cell, Direction, Gpu, LayerConfig, Options, Schedule};

use crate::common::case::{Case, Shape, both_of};
use crate::common::compare::F32_GRADIENTS;
use crate::common::fixture::{self, Fixture};
use crate::common::gradients::{Run, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

/// Those that run every layer; of the other see [`takes`].
const SCHEDULES: [Schedule; 2] = [Schedule::Stepwise, Schedule::SequenceFused];

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in SCHEDULES {
        for fixture in fixture::all().into_iter().filter(|fixture| fixture.flag("has_grad")) {
            let name = format!("backward::pytorch::{schedule}::{}", fixture.name);
            tests.push(GpuTest::new(name, move |gpu| of_pytorch(gpu, &fixture, schedule)));
        }
        tests.extend(of_variants(&format!("backward::{schedule}"), schedule, of_variant));
        tests.extend(of_variants(&format!("backward::outputs::{schedule}"), schedule, outputs));
    }
    tests.extend(activations::tests());
    tests.extend(bits::tests());
    tests.extend(encode::tests());
    tests.extend(errors::tests());
    tests.extend(edges::tests());
    tests.extend(truncated::tests());
    tests.extend(memory::tests());
    tests.extend(learning::tests());
    tests.extend(random::tests());
    tests.extend(controls::tests());
    tests.extend(wavefront::tests());
    tests
}

/// Whether a schedule has anything for a variant: a wavefront takes neither a projection nor a reset gate before the
/// product.
fn takes(schedule: Schedule, variant: &Variant) -> bool {
    let is_wave = !variant.is_projected && variant.cell != Cell::Gru { reset_after: false };
    is_wave || schedule != Schedule::Wavefront
}

/// The schedules that a run can be gone back on, without a chunk below its T.
fn schedules_of(run: &Run) -> impl Iterator<Item = Schedule> {
    let sizes = run.weights.sizes();
    let is_wave = sizes.num_layers > 1
        && sizes.direction == Direction::Forward
        && sizes.proj_size == 0
        && sizes.cell != Cell::Gru { reset_after: false };
    SCHEDULES.into_iter().chain(is_wave.then_some(Schedule::Wavefront))
}

/// A test for each variant that the schedule takes.
fn of_variants(
    name: &str,
    schedule: Schedule,
    test: fn(&Gpu, &Variant, Schedule) -> Outcome,
) -> Vec<GpuTest> {
    let of_variant = |variant: Variant| {
        let name = format!("{name}::{}", variant.name);
        GpuTest::new(name, move |gpu| test(gpu, &variant, schedule))
    };
    let variants = variants().into_iter().filter(|variant| takes(schedule, variant));
    variants.map(of_variant).collect()
}

fn forced(schedule: Schedule) -> LayerConfig {
    let backward = Options { schedule: Some(schedule), ..Default::default() };
    LayerConfig { backward, ..Default::default() }
}

/// A backward pass that keeps c every `chunk` steps; a wavefront has all steps in one.
fn chunked(schedule: Schedule, chunk: usize) -> LayerConfig {
    let chunk = (schedule != Schedule::Wavefront).then_some(chunk);
    let backward = Options { schedule: Some(schedule), chunk, ..Default::default() };
    LayerConfig { backward, ..Default::default() }
}

/// Two layers, of both directions where the schedule takes them, initial states, no two lengths alike and one of them 0.
fn ragged(seed: u64, variant: &Variant, schedule: Schedule) -> Case {
    let bidirectional = schedule != Schedule::Wavefront;
    let shape = Shape { t: 7, b: 4, i: 3, h: 6, l: 2, bidirectional };
    let case = Case::of(seed, variant, shape).with_state(seed + 1);
    case.but(|case| case.lengths = Some(vec![5, 7, 0, 1]))
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

/// A run that can be gone back gives what a run gives.
fn outputs(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let case = ragged(1, variant, schedule);
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let config = LayerConfig { options, ..Default::default() };
    let layer = AnyLayer::new(gpu, &case.weights, config)?;
    let state = Run::new(1, &case).initial_state::<AnyKind>()?;
    let (y, last, _) =
        layer.forward_tape(case.x.view(), case.lengths.as_deref(), state.as_ref())?;
    Ok(case.verdict(&y, &both_of::<AnyKind>(&last))?)
}
