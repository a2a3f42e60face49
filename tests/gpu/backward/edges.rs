//! Gradients where something is extreme: values, lengths, sizes, layouts.

use wgpu_rnn::ndarray::{Axis, s};
use wgpu_rnn::{AnyKind, AnyLayer, Cell, Gpu, LayerConfig, Schedule};

use super::{SCHEDULES, chunked, forced, of_variants, ragged};
use crate::common::case::{Bias, Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Named, Run, laid_out, named_of_layer, same_bits, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        let name = |what: &str| format!("backward::edges::{what}::{schedule}");
        tests.extend(of_variants(&name("saturated"), schedule, saturated));
        tests.extend(of_variants(&name("lengths"), schedule, lengths));
        tests.extend(of_variants(&name("junk"), schedule, junk));
        tests.extend(of_variants(&name("unbatched"), schedule, unbatched));
    }
    // wavefront.rs has the shapes that a wavefront takes, and a long one.
    for schedule in SCHEDULES {
        let name = |what: &str| format!("backward::edges::{what}::{schedule}");
        tests.extend(of_variants(&name("shapes"), schedule, shapes));
        tests.push(GpuTest::new(name("long"), move |gpu| long(gpu, schedule)));
        tests.push(GpuTest::new(name("many_rows"), move |gpu| many_rows(gpu, schedule)));
    }
    tests
}

fn check(gpu: &Gpu, run: &Run, config: LayerConfig) -> Result<Named, Box<dyn std::error::Error>> {
    let given = run.on_device(gpu, config)?;
    verdict(&given, &run.gradients(), F32_GRADIENTS)?;
    Ok(given)
}

/// Inputs so large that most gates let nothing through: gradients are small or 0, never NaN.
fn saturated(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let case = ragged(1, variant, schedule).but(|case| case.x *= 100.0);
    // Without bounds values grow with the inputs, and gradients of weights with both.
    let run = Run::new(2, &case);
    check(gpu, &run, forced(schedule))?;
    let run = run.but(|run| run.x *= 1e4);
    let given = check(gpu, &run, forced(schedule))?;
    assert!(given.values().flatten().all(|value| value.is_finite()));
    Ok(())
}

/// One of everything; more rows than a tile has; a bias here or there, or none.
fn shapes(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let one = Shape { t: 1, b: 1, i: 1, h: 1, l: 1, bidirectional: false };
    let h = if variant.is_projected { 2 } else { 1 };
    let shapes = [
        Shape { h, ..one },
        Shape { t: 3, b: 2, h, l: 2, bidirectional: true, ..one },
        // A single step takes its input and its state in one product, in every layer.
        Shape { b: 2, i: 3, h: 5, l: 4, bidirectional: true, ..one },
        Shape { t: 4, b: 17, i: 5, h: 7, l: 1, bidirectional: true },
        Shape { t: 2, b: 33, i: 17, h: 16, l: 1, bidirectional: false },
        Shape { t: 3, b: 1, i: 3, h: 65, l: 1, bidirectional: true },
    ];
    let biases =
        [Bias::Both, Bias::None, Bias::Both, Bias::InputOnly, Bias::HiddenOnly, Bias::Both];
    for (seed, (shape, bias)) in (0..).zip(shapes.into_iter().zip(biases)) {
        let case = Case::of(seed, variant, shape).with_bias(bias);
        // From zero states, with nothing of the final ones.
        let run = Run::new(seed + 1, &case).but(|run| (run.d_h_n, run.d_c_n) = (None, None));
        check(gpu, &run, chunked(schedule, 2)).map_err(|e| format!("{shape:?} {bias:?}: {e}"))?;
    }
    Ok(())
}

/// Rows of length 0 and 1 among long ones, also where a tile of rows has no other, and where no row has any.
fn lengths(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let bidirectional = schedule != Schedule::Wavefront;
    let shape = Shape { t: 6, b: 9, i: 3, h: 5, l: 2, bidirectional };
    let case = Case::of(3, variant, shape).with_state(4);
    for lengths in [
        vec![6, 1, 0, 6, 6, 2, 6, 6, 6],
        vec![0, 0, 0, 0, 0, 0, 0, 0, 6],
        vec![6, 1, 1, 1, 1, 1, 1, 1, 1],
        vec![3; 9],
        vec![0; 9],
    ] {
        let run = Run::new(5, &case).but(|run| run.lengths = Some(lengths.clone()));
        for chunk in [2, 6] {
            let given = check(gpu, &run, chunked(schedule, chunk))
                .map_err(|problem| format!("{lengths:?}, chunks of {chunk}: {problem}"))?;
            for (row, length) in lengths.iter().enumerate() {
                let beyond = given["d_input"].slice(s![*length.., row, ..]);
                assert!(beyond.iter().all(|value| *value == 0.0), "{lengths:?}: row {row}");
            }
        }
    }
    Ok(())
}

/// What lies beyond a row's length has no effect, be it what it may; d_x is exactly 0 there.
fn junk(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let clean = Run::new(5, &ragged(1, variant, schedule));
    let lengths = clean.lengths.clone().ok_or("the case has them")?;
    for batch_first in [false, true] {
        let config = LayerConfig { batch_first, ..chunked(schedule, 3) };
        let expected = check(gpu, &clean, config)?;
        for value in [1e30, f32::NAN, f32::INFINITY] {
            let spoilt = clean.but(|run| {
                for (row, length) in lengths.iter().enumerate() {
                    run.x.slice_mut(s![*length.., row, ..]).fill(value);
                    run.d_y.slice_mut(s![*length.., row, ..]).fill(value);
                }
            });
            let given = spoilt.on_device(gpu, config)?;
            same_bits(&given, &expected).map_err(|problem| format!("{value}: {problem}"))?;
            for (row, length) in lengths.iter().enumerate() {
                let beyond = given["d_input"].slice(s![*length.., row, ..]);
                assert!(beyond.iter().all(|d_x| *d_x == 0.0), "{value}: row {row}");
            }
        }
    }
    Ok(())
}

/// Without a batch axis, in either layout: what a batch of one gives.
fn unbatched(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let bidirectional = schedule != Schedule::Wavefront;
    let shape = Shape { t: 5, b: 1, i: 3, h: 6, l: 2, bidirectional };
    let run = Run::new(2, &Case::of(1, variant, shape).with_state(2));
    for batch_first in [false, true] {
        let config = LayerConfig { batch_first, ..forced(schedule) };
        let expected = check(gpu, &run, config)?;
        let layer = AnyLayer::new(gpu, &run.weights, config)?;
        let row = Axis(usize::from(!batch_first));
        let (x, d_y) = (laid_out(&run.x, config), laid_out(&run.d_y, config));
        let unbatched = |mut state: wgpu_rnn::AnyState| {
            state.h.index_axis_inplace(Axis(1), 0);
            state.c.iter_mut().for_each(|c| c.index_axis_inplace(Axis(1), 0));
            state
        };
        let state = run.initial_state::<AnyKind>()?.map(unbatched);
        let d_state = run.final_d_state::<AnyKind>()?.map(unbatched);
        let (y, _, tape) = layer.forward_tape(x.index_axis(row, 0), None, state.as_ref())?;
        assert_eq!(y.shape(), d_y.index_axis(row, 0).shape());
        let mut given = tape.backward(d_y.index_axis(row, 0), d_state.as_ref())?;
        assert_eq!(given.d_x.shape(), [5, 3]);
        given.d_x.insert_axis_inplace(row);
        let states = [Some(&mut given.d_state.h), given.d_state.c.as_mut()];
        for state in states.into_iter().flatten() {
            assert_eq!(state.ndim(), 2);
            state.insert_axis_inplace(Axis(1));
        }
        same_bits(&named_of_layer(given, config), &expected)?;
    }
    Ok(())
}

/// A thousand steps, in one chunk and in ten: all that steps hand on is handed on a thousand times.
fn long(gpu: &Gpu, schedule: Schedule) -> Outcome {
    let shape = Shape { t: 1000, b: 1, i: 3, h: 8, l: 1, bidirectional: false };
    for variant in variants() {
        let run = Run::new(2, &Case::of(1, &variant, shape).with_state(2));
        let whole = check(gpu, &run, forced(schedule))
            .map_err(|problem| format!("{}: {problem}", variant.name))?;
        let chunks = run.on_device(gpu, chunked(schedule, 100))?;
        same_bits(&chunks, &whole).map_err(|problem| format!("{}: {problem}", variant.name))?;
    }
    Ok(())
}

/// Sums over 70 000 rows that are all alike, so that what is rounded off does not cancel: none is left out, and little is
/// lost.
fn many_rows(gpu: &Gpu, schedule: Schedule) -> Outcome {
    let shape = Shape { t: 1000, b: 70, i: 2, h: 2, l: 1, bidirectional: false };
    let case = Case::of(1, &Variant::plain("", Cell::Lstm), shape);
    let run = Run::new(2, &case).but(|run| {
        run.x.fill(0.3);
        run.d_y.fill(0.7);
    });
    let sums = |named: Named| -> Named {
        named.into_iter().filter(|(name, _)| name.starts_with("grad.")).collect()
    };
    let given = sums(run.on_device(gpu, forced(schedule))?);
    let verdict = |run: &Run| verdict(&given, &sums(run.gradients()), F32_GRADIENTS);
    verdict(&run)?;
    let without = run.but(|run| run.d_y.index_axis_mut(Axis(0), 500).fill(0.0));
    assert!(verdict(&without).is_err(), "a step left out goes unnoticed");
    Ok(())
}
