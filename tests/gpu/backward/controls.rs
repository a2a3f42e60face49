//! Negative controls: gradients that are right, against what the reference says where it makes a mistake. The
//! comparison must fail, and clearly.

use wgpu_rnn::ndarray::{ArrayD, Axis, s};
use wgpu_rnn::reference;
use wgpu_rnn::{Activation, Activations, AnyLayer, Cell, CellOptions, Gpu, Weights};

use super::arrays::{Arrays, submit};
use super::{SCHEDULES, forced, schedules_of};
use crate::common::case::{Case, Shape, edited, transpose_w_hh};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Named, Run, TENSORS, name_of, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{Variant, variants};

/// A run, and what a backward pass with a certain mistake would give for it.
type Mistake = fn(&Run) -> Named;
type Right = fn() -> Run;

/// Of both directions, and what a wavefront takes as well.
const STACKS: &[Right] = &[lstm, forward];
const RAGGED: &[Right] = &[ragged, ragged_forward];

pub fn tests() -> Vec<GpuTest> {
    let mistakes: [(&str, &[Right], Mistake); 28] = [
        ("dropped_d_y", STACKS, |run| on(run, |run| run.d_y.fill(0.0))),
        ("dropped_d_h_n", STACKS, |run| on(run, |run| run.d_h_n = None)),
        ("dropped_d_c_n", STACKS, |run| on(run, |run| run.d_c_n = None)),
        ("swapped_d_h_n_d_c_n", STACKS, |run| {
            on(run, |run| std::mem::swap(&mut run.d_h_n, &mut run.d_c_n))
        }),
        ("d_states_of_other_layers", STACKS, |run| {
            on(run, |run| run.d_h_n.iter_mut().for_each(|d| d.invert_axis(Axis(0))))
        }),
        ("ignored_h0", STACKS, |run| on(run, |run| run.h0 = None)),
        ("ignored_c0", STACKS, |run| on(run, |run| run.c0 = None)),
        ("d_y_shifted_by_a_step", STACKS, |run| {
            on(run, |run| run.d_y = run.d_y.select(Axis(0), &[1, 2, 3, 4, 4]))
        }),
        ("d_y_of_other_rows", STACKS, |run| {
            on(run, |run| run.d_y = run.d_y.select(Axis(1), &[1, 2, 0, 3]))
        }),
        ("d_y_in_the_order_of_the_steps", STACKS, |run| {
            on(run, |run| run.d_y.invert_axis(Axis(0)))
        }),
        ("d_y_of_the_other_direction", &[lstm], |run| {
            let swapped: Vec<usize> = (6..12).chain(0..6).collect();
            on(run, |run| run.d_y = run.d_y.select(Axis(2), &swapped))
        }),
        ("unmasked_rows", RAGGED, |run| on(run, |run| run.lengths = None)),
        ("lengths_of_other_rows", RAGGED, |run| {
            on(run, |run| run.lengths.iter_mut().for_each(|lengths| lengths.rotate_left(1)))
        }),
        ("lengths_one_too_short", RAGGED, |run| {
            on(run, |run| run.lengths.iter_mut().flatten().for_each(|l| *l = l.saturating_sub(1)))
        }),
        ("transposed_w_hh", STACKS, |run| {
            on(run, |run| run.weights = edited(&run.weights, transpose_w_hh))
        }),
        ("other_direction", &[forward], |run| {
            on(run, |run| run.weights = run.weights.clone().reversed().expect("one direction"))
        }),
        ("dropped_layer", &[forward], dropped_layer),
        ("missing_b_ih", STACKS, |run| on_tensor(run, "bias_ih", |d| d.fill(0.0))),
        ("missing_b_hh", STACKS, |run| on_tensor(run, "bias_hh", |d| d.fill(0.0))),
        ("missing_w_hh", STACKS, |run| on_tensor(run, "weight_hh", |d| d.fill(0.0))),
        ("swapped_gates_in_w_ih", STACKS, |run| on_tensor(run, "weight_ih", swap_i_f)),
        ("swapped_gates_in_w_hh", STACKS, |run| on_tensor(run, "weight_hh", swap_i_f)),
        ("swapped_gates_in_bias", STACKS, |run| on_tensor(run, "bias_hh", swap_i_f)),
        ("h0_missing_in_w_hh", &[one_step], h0_missing_in_w_hh),
        ("one_step_missing_in_d_x", STACKS, |run| {
            on_named(run, |named| entry(named, "d_input").slice_mut(s![4, .., ..]).fill(0.0))
        }),
        ("dropped_path_through_h", &[one_unit], dropped_path_through_h),
        ("gru_reset_after_flipped", &[gru], |run| flipped(run, false)),
        ("gru_reset_before_flipped", &[gru_before], |run| flipped(run, true)),
    ];
    let mut tests = Vec::new();
    for (name, rights, mistake) in mistakes {
        let test =
            move |gpu: &Gpu| rights.iter().try_for_each(|right| control(gpu, &right(), mistake));
        tests.push(GpuTest::new(format!("backward::control::{name}"), test));
    }
    for variant in variants() {
        let name = format!("backward::control::ignored_choices::{}", variant.name);
        tests.push(GpuTest::new(name, move |gpu| ignored_choices(gpu, &variant)));
    }
    tests.push(GpuTest::new("backward::control::ignored_accumulate", ignored_accumulate));
    tests.push(GpuTest::new("backward::control::spoilt_gradients", spoilt_gradients));
    tests
}

/// Two layers of both directions; no two sizes are alike.
fn bidirectional(variant: &Variant) -> Run {
    let shape = Shape { t: 5, b: 4, i: 3, h: 6, l: 2, bidirectional: true };
    Run::new(3, &Case::of(1, variant, shape).with_state(2))
}

fn lstm() -> Run {
    bidirectional(&Variant::default())
}

fn gru() -> Run {
    bidirectional(&Variant::plain("", Cell::Gru { reset_after: true }))
}

fn gru_before() -> Run {
    bidirectional(&Variant::plain("", Cell::Gru { reset_after: false }))
}

fn one_step() -> Run {
    Run::new(3, &Case::new(1, Shape { t: 1, b: 4, ..Default::default() }).with_state(2))
}

fn ragged() -> Run {
    lstm().but(|run| run.lengths = Some(vec![3, 5, 0, 1]))
}

fn ragged_forward() -> Run {
    forward().but(|run| run.lengths = Some(vec![3, 5, 0, 1]))
}

fn one_unit() -> Run {
    let shape = Shape { t: 1, b: 1, i: 3, h: 1, l: 1, bidirectional: false };
    Run::new(2, &Case::new(1, shape).with_state(3))
}

fn forward() -> Run {
    let shape = Shape { t: 5, b: 4, i: 3, h: 6, l: 2, bidirectional: false };
    Run::new(3, &Case::new(1, shape).with_state(2))
}

/// A mistake must stand out this many times the tolerance.
const CLEARLY: f64 = 20.0;

fn control(gpu: &Gpu, run: &Run, mistake: Mistake) -> Outcome {
    for schedule in schedules_of(run) {
        let given = run.on_device(gpu, forced(schedule))?;
        notices(&given, &run.gradients(), &mistake(run))?;
    }
    Ok(())
}

/// # Errors
/// Where the comparison fails without a mistake, or takes no notice of one.
fn notices(given: &Named, right: &Named, mistaken: &Named) -> Result<(), String> {
    verdict(given, right, F32_GRADIENTS).map_err(|e| format!("without a mistake: {e}"))?;
    let shapes = |named: &Named| -> Vec<_> {
        named.iter().map(|(name, array)| (name.clone(), array.shape().to_vec())).collect()
    };
    assert_eq!(shapes(mistaken), shapes(right), "the mistake would be noticed anyway");
    assert!(mistaken.values().flatten().all(|value| value.is_finite()));
    match verdict(given, mistaken, CLEARLY * F32_GRADIENTS) {
        Ok(()) => Err("the comparison took no notice of the mistake".into()),
        Err(_) => Ok(()),
    }
}

/// What the reference says of another run.
fn on(run: &Run, edit: impl FnOnce(&mut Run)) -> Named {
    run.but(edit).gradients()
}

fn on_named(run: &Run, edit: impl FnOnce(&mut Named)) -> Named {
    let mut named = run.gradients();
    edit(&mut named);
    named
}

/// What the reference says, with the gradient of a tensor edited in the upper layer's last direction.
fn on_tensor(run: &Run, tensor: &str, edit: fn(&mut ArrayD<f64>)) -> Named {
    let last = run.weights.sizes().num_directions() - 1;
    on_named(run, |named| edit(entry(named, &name_of(tensor, 1, last))))
}

fn entry<'a>(named: &'a mut Named, name: &str) -> &'a mut ArrayD<f64> {
    named.get_mut(name).unwrap_or_else(|| panic!("no {name}"))
}

fn swap_i_f(gradient: &mut ArrayD<f64>) {
    let h = gradient.shape()[0] / 4;
    let order: Vec<usize> = (h..2 * h).chain(0..h).chain(2 * h..4 * h).collect();
    *gradient = gradient.select(Axis(0), &order);
}

/// The h before the first step is h0: in a run of one step there is no other.
fn h0_missing_in_w_hh(run: &Run) -> Named {
    on_named(run, |named| entry(named, &name_of("weight_hh", 0, 0)).fill(0.0))
}

/// d_y goes to the lower layer as it is; what the upper one has is right.
fn dropped_layer(run: &Run) -> Named {
    let lower = run.weights.layer(0, 0).expect("two layers").clone();
    let only = run.but(|run| {
        run.weights = Weights::new(Cell::Lstm, vec![vec![lower]]).expect("it was a layer before");
        for state in [&mut run.h0, &mut run.c0, &mut run.d_h_n, &mut run.d_c_n] {
            *state = state.take().map(|state| state.select(Axis(0), &[0]));
        }
    });
    let of_lower = only.gradients();
    on_named(run, |named| {
        let tensors = TENSORS.map(|tensor| name_of(tensor, 0, 0));
        for name in tensors.iter().map(String::as_str).chain(["d_input"]) {
            if let Some(gradient) = of_lower.get(name) {
                *entry(named, name) = gradient.clone();
            }
        }
    })
}

/// d_c without `d_h * o * h'(c)`: a constant in place of h that has its value, and no slope.
fn dropped_path_through_h(run: &Run) -> Named {
    let c_n = reference::forward(&run.weights, &run.inputs()).c_n[[0, 0, 0]];
    let h = Activation::Affine { alpha: 0.0, beta: c_n.tanh() as f32 };
    let activations = Activations { h, ..Cell::Lstm.standard_activations() };
    let options = CellOptions { activations: [Some(activations), None], ..Default::default() };
    let weights = run.weights.clone().with_options(options);
    on(run, |run| run.weights = weights.expect("h is free to be chosen"))
}

fn flipped(run: &Run, reset_after: bool) -> Named {
    let layer = |l, d| run.weights.layer(l, d).expect("two layers, two directions").clone();
    let layers = [0, 1].map(|l| vec![layer(l, 0), layer(l, 1)]);
    let weights = Weights::new(Cell::Gru { reset_after }, layers.to_vec());
    on(run, |run| run.weights = weights.expect("shapes are alike"))
}

/// Without what is chosen: activations, clips, peepholes. Plain cells have nothing to ignore.
fn ignored_choices(gpu: &Gpu, variant: &Variant) -> Outcome {
    let run = bidirectional(variant);
    let options = run.weights.options();
    let mut mistakes: Vec<Weights> = Vec::new();
    for without in [
        CellOptions { activations: [None; 2], ..*options },
        CellOptions { coupled: false, ..*options },
        CellOptions { preact_clip: None, ..*options },
        CellOptions { cell_clip: None, ..*options },
    ] {
        if without != *options {
            mistakes.push(run.weights.clone().with_options(without)?);
        }
    }
    if variant.has_peepholes {
        let zero = |layer: &mut wgpu_rnn::LayerWeights| {
            layer.peepholes.iter_mut().for_each(|peepholes| peepholes.fill(0.0));
        };
        mistakes.push(edited(&run.weights, zero));
    }
    let right = run.gradients();
    for schedule in SCHEDULES {
        let given = run.on_device(gpu, forced(schedule))?;
        verdict(&given, &right, F32_GRADIENTS)?;
        for (n, weights) in mistakes.iter().enumerate() {
            notices(&given, &right, &on(&run, |run| run.weights = weights.clone()))
                .map_err(|problem| format!("choice {n}: {problem}"))?;
        }
    }
    Ok(())
}

/// Weights' gradients of two passes, where only the first counts; and the other way round.
fn ignored_accumulate(gpu: &Gpu) -> Outcome {
    let run = forward();
    let right = run.gradients();
    let twice: Named = right
        .iter()
        .map(|(name, d)| {
            (name.clone(), if name.starts_with("grad.") { 2.0 * d } else { d.clone() })
        })
        .collect();
    for schedule in schedules_of(&run) {
        let config = forced(schedule);
        let layer = AnyLayer::new(gpu, &run.weights, config)?;
        let arrays = Arrays::new(&layer, &run, config)?;
        arrays.run(&layer)?;
        notices(&arrays.gradients(&layer, config)?, &right, &twice)?;
        let mut io = arrays.io();
        io.accumulate = true;
        submit(&layer, |encoder| layer.encode_backward(encoder, &io))?;
        notices(&arrays.gradients(&layer, config)?, &twice, &right)?;
    }
    Ok(())
}

/// Results that are no results.
fn spoilt_gradients(gpu: &Gpu) -> Outcome {
    type Spoil = fn(&mut Named);
    let spoils: [(&str, Spoil); 7] = [
        ("a NaN in d_x", |named| entry(named, "d_input")[[4, 3, 2]] = f64::NAN),
        ("a NaN in a bias", |named| entry(named, "grad.bias_hh_l1")[[23]] = f64::NAN),
        ("an infinity", |named| entry(named, "d_c0")[[0, 0, 0]] = f64::INFINITY),
        ("nothing but zeros", |named| entry(named, "grad.weight_ih_l0").fill(0.0)),
        ("a gradient that is missing", |named| drop(named.remove("d_h0"))),
        ("a gradient of another tensor", |named| {
            let other = named["grad.weight_hh_l0"].clone();
            *entry(named, "grad.weight_hh_l0_reverse") = other;
        }),
        ("a gradient that is short", |named| {
            let short = named["d_input"].slice(s![..4, .., ..]).to_owned().into_dyn();
            *entry(named, "d_input") = short;
        }),
    ];
    let run = lstm();
    let right = run.gradients();
    for schedule in SCHEDULES {
        let given = run.on_device(gpu, forced(schedule))?;
        verdict(&given, &right, F32_GRADIENTS)?;
        for (name, spoil) in spoils {
            let mut spoilt = given.clone();
            spoil(&mut spoilt);
            let verdict = verdict(&spoilt, &right, CLEARLY * F32_GRADIENTS);
            assert!(verdict.is_err(), "{name} went unnoticed");
        }
    }
    Ok(())
}
