//! The same bits, whatever is done again and however the sequence is cut into chunks.

use wgpu_rnn::{AnyLayer, Cell, Gpu, LayerConfig, LayerSizes, Schedule};

use super::{SCHEDULES, chunked, forced, of_variants, ragged};
use crate::common::case::Case;
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Named, Run, same_bits, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::Variant;

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in SCHEDULES {
        tests.extend(of_variants(&format!("backward::bits::{schedule}"), schedule, of_variant));
    }
    tests.push(GpuTest::new("backward::bits::many_rows", many_rows));
    tests
}

fn of_variant(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let run = Run::new(7, &ragged(1, variant, schedule));
    let whole = forced(schedule);
    let layer = AnyLayer::new(gpu, &run.weights, whole)?;
    assert_eq!(layer.plan_backward(7, 4)?.chunk, 7, "all steps in one chunk");
    let tape = run.tape(&layer, whole)?;
    let expected = run.back(&tape, whole)?;
    // The same wrong bits would be no good.
    verdict(&expected, &run.gradients(), F32_GRADIENTS)?;
    let same = |what: &str, given: &Named| {
        same_bits(given, &expected).map_err(|problem| format!("{what}: {problem}"))
    };
    same("again", &run.back(&tape, whole)?)?;
    same("a new tape", &run.back(&run.tape(&layer, whole)?, whole)?)?;
    same("the first tape after that", &run.back(&tape, whole)?)?;
    same("a new layer", &run.on_device(gpu, whole)?)?;
    let batch_first = LayerConfig { batch_first: true, ..whole };
    same("batch first", &run.on_device(gpu, batch_first)?)?;
    for chunk in [1, 2, 3, 4, 7, 100] {
        let config = chunked(schedule, chunk);
        let layer = AnyLayer::new(gpu, &run.weights, config)?;
        assert_eq!(layer.plan_backward(7, 4)?.chunk, chunk.min(7));
        same(&format!("chunks of {chunk}"), &run.back(&run.tape(&layer, config)?, config)?)?;
    }
    Ok(())
}

/// More rows and steps than one dispatch may sum over: it is several then, and they add up in the same order.
fn many_rows(gpu: &Gpu) -> Outcome {
    let sizes = LayerSizes::new(Cell::Rnn, 1, 2);
    let run = Run::new(3, &Case::from_sizes(2, &Variant::plain("", Cell::Rnn), sizes, [30, 512]));
    let of = |config| run.on_device(gpu, config);
    let whole = of(forced(Schedule::SequenceFused))?;
    verdict(&whole, &run.gradients(), F32_GRADIENTS)?;
    Ok(same_bits(&of(chunked(Schedule::SequenceFused, 3))?, &whole)?)
}
