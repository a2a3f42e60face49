//! Negative controls: the comparison must fail where a kernel would be wrong. Each takes results that are right and
//! holds them against what a certain mistake would expect of them.

use wgpu_rnn::ndarray::{Array2, Array3, Axis, Slice, concatenate, s};
use wgpu_rnn::reference::{self, Inputs, Outputs};
use wgpu_rnn::{
    Cell, Gpu, Gru, LayerConfig, LayerSizes, LayerWeights, LstmState, Options, Weights,
};

use crate::common::Random;
use crate::common::case::{Case, Shape, edited, reference_of, verdict};
use crate::common::compare::{F32, compare};
use crate::common::trials::{GpuTest, Outcome};

/// What the reference says if it makes the mistake.
type Mistake = fn(&Case) -> Outputs;

pub fn tests() -> Vec<GpuTest> {
    let mistakes: [(&str, Mistake); 19] = [
        ("swapped_gates_i_f", |case| on_weights(case, |layer| swap_gates(layer, 0, 1))),
        ("swapped_gates_i_g", |case| on_weights(case, |layer| swap_gates(layer, 0, 2))),
        ("swapped_gates_i_o", |case| on_weights(case, |layer| swap_gates(layer, 0, 3))),
        ("swapped_gates_f_g", |case| on_weights(case, |layer| swap_gates(layer, 1, 2))),
        ("swapped_gates_f_o", |case| on_weights(case, |layer| swap_gates(layer, 1, 3))),
        ("swapped_gates_g_o", |case| on_weights(case, |layer| swap_gates(layer, 2, 3))),
        ("transposed_w_hh", |case| on_weights(case, transpose_w_hh)),
        ("dropped_b_ih", |case| on_weights(case, |layer| layer.b_ih = None)),
        ("dropped_b_hh", |case| on_weights(case, |layer| layer.b_hh = None)),
        ("ignored_h0", |case| on_state(case, |state| state.h.fill(0.0))),
        ("ignored_c0", |case| on_state(case, |state| state.c.fill(0.0))),
        ("swapped_h0_c0", |case| on_state(case, |s| std::mem::swap(&mut s.h, &mut s.c))),
        ("wrong_row_stride", wrong_row_stride),
        ("swapped_batch_rows", swapped_batch_rows),
        ("last_batch_row_repeated", last_batch_row_repeated),
        ("y_shifted_by_a_step", y_shifted),
        ("directions_swapped", directions_swapped),
        ("reverse_runs_forward", reverse_runs_forward),
        ("layers_swapped", layers_swapped),
    ];
    let mut tests: Vec<GpuTest> = mistakes
        .into_iter()
        .map(|(name, mistake)| {
            GpuTest::new(format!("control::{name}"), move |gpu| control(gpu, mistake))
        })
        .collect();
    tests.push(GpuTest::new("control::spoilt_results", spoilt_results));
    tests.push(GpuTest::new("control::flipped_reset_after", flipped_reset_after));
    tests.push(GpuTest::new("control::ignored_lengths", ignored_lengths));
    tests
}

/// No two sizes are alike; both directions, two layers, both biases, initial states.
fn case() -> Case {
    let shape = Shape { t: 5, b: 3, i: 4, h: 6, l: 2, bidirectional: true };
    Case::new(1, shape).with_state(2)
}

fn right(gpu: &Gpu) -> Result<(Case, Array3<f32>, LstmState), Box<dyn std::error::Error>> {
    let case = case();
    let (y, state) = case.forward(&case.lstm(gpu, Options::default())?)?;
    case.verdict(&y, &state).map_err(|problem| format!("without a mistake: {problem}"))?;
    Ok((case, y, state))
}

fn control(gpu: &Gpu, mistake: Mistake) -> Outcome {
    let (case, y, state) = right(gpu)?;
    match verdict(&y, &state, &mistake(&case)) {
        Ok(()) => Err("the comparison took no notice".into()),
        Err(_) => Ok(()),
    }
}

/// The same mistakes in results instead of expectations, and results that are no results.
fn spoilt_results(gpu: &Gpu) -> Outcome {
    let (case, y, state) = right(gpu)?;
    let spoil = |spoil: &dyn Fn(&mut Array3<f32>, &mut LstmState)| {
        let (mut y, mut state) = (y.clone(), state.clone());
        spoil(&mut y, &mut state);
        case.verdict(&y, &state)
    };
    spoil(&|_, _| ())?;
    type Spoil<'a> = &'a dyn Fn(&mut Array3<f32>, &mut LstmState);
    let spoils: [(&str, Spoil<'_>); 9] = [
        ("a NaN in y", &|y, _| y[[4, 2, 11]] = f32::NAN),
        ("a NaN in h_n", &|_, state| state.h[[3, 2, 5]] = f32::NAN),
        ("a NaN in c_n", &|_, state| state.c[[0, 0, 0]] = f32::NAN),
        ("an infinity", &|y, _| y[[0, 0, 0]] = f32::INFINITY),
        ("one value that is off", &|y, _| y[[2, 1, 3]] += 1e-4),
        ("a short y", &|y, _| y.slice_axis_inplace(Axis(0), Slice::from(..4))),
        ("a short state", &|_, state| state.c.slice_axis_inplace(Axis(1), Slice::from(..2))),
        ("h_n and c_n swapped", &|_, state| std::mem::swap(&mut state.h, &mut state.c)),
        ("nothing but zeros", &|y, _| y.fill(0.0)),
    ];
    for (name, how) in spoils {
        assert!(spoil(how).is_err(), "{name} went unnoticed");
    }
    Ok(())
}

/// The two forms of a GRU agree where b_hn and the reset gate do nothing, and nowhere else.
fn flipped_reset_after(gpu: &Gpu) -> Outcome {
    for reset_after in [false, true] {
        let of = |reset_after| {
            let sizes = LayerSizes::new(Cell::Gru { reset_after }, 4, 6);
            Random::new(1).weights_of(sizes)
        };
        let x = Random::new(2).array3([5, 3, 4]);
        let (y, _) =
            Gru::new(gpu, &of(reset_after), LayerConfig::default())?.forward(x.view(), None)?;
        let against = |weights: &Weights| {
            let expected = reference::forward(weights, &Inputs::new(x.view())).y.into_dyn();
            compare("y", &y.clone().into_dyn(), &expected, F32).verdict()
        };
        against(&of(reset_after))?;
        assert!(against(&of(!reset_after)).is_err(), "reset_after: {reset_after}");
    }
    Ok(())
}

/// Lengths that are left out, or that stand one row off.
fn ignored_lengths(gpu: &Gpu) -> Outcome {
    let case = case();
    let layer = case.lstm(gpu, Options::default())?;
    let (y, _) = layer.forward_lengths(case.x.view(), &[5, 2, 4], None)?;
    let against = |lengths: &[usize]| {
        let inputs = Inputs { lengths: Some(lengths), ..Inputs::new(case.x.view()) };
        let expected = reference::forward(&case.weights, &inputs).y.into_dyn();
        compare("y", &y.clone().into_dyn(), &expected, F32).verdict()
    };
    against(&[5, 2, 4])?;
    for wrong in [[5, 5, 5], [4, 5, 2], [5, 2, 3]] {
        assert!(against(&wrong).is_err(), "{wrong:?} went unnoticed");
    }
    Ok(())
}

fn on_weights(case: &Case, edit: impl FnMut(&mut LayerWeights)) -> Outputs {
    reference_of(&edited(&case.weights, edit), case.x.clone(), &case.state)
}

fn on_state(case: &Case, edit: impl FnMut(&mut LstmState)) -> Outputs {
    let mut state = case.state.clone();
    state.iter_mut().for_each(edit);
    reference_of(&case.weights, case.x.clone(), &state)
}

fn swap_gates(layer: &mut LayerWeights, a: usize, b: usize) {
    let h = layer.w_hh.ncols();
    for unit in 0..h {
        let (a, b) = (a * h + unit, b * h + unit);
        for w in [&mut layer.w_ih, &mut layer.w_hh] {
            for k in 0..w.ncols() {
                w.swap([a, k], [b, k]);
            }
        }
        for bias in [&mut layer.b_ih, &mut layer.b_hh].into_iter().flatten() {
            bias.swap(a, b);
        }
    }
}

/// Each gate's square matrix for itself.
fn transpose_w_hh(layer: &mut LayerWeights) {
    let h = layer.w_hh.ncols();
    let gates: Vec<Array2<f32>> =
        (0..4).map(|g| layer.w_hh.slice(s![g * h..(g + 1) * h, ..]).t().to_owned()).collect();
    let views: Vec<_> = gates.iter().map(|gate| gate.view()).collect();
    layer.w_hh = concatenate(Axis(0), &views).expect("gates have one shape");
}

/// x read as `[B, T, I]` where it is `[T, B, I]`.
fn wrong_row_stride(case: &Case) -> Outputs {
    let (t, b, i) = case.x.dim();
    let mut x = case.x.to_shape((b, t, i)).expect("as many elements").into_owned();
    x.swap_axes(0, 1);
    reference_of(&case.weights, x, &case.state)
}

fn swapped_batch_rows(case: &Case) -> Outputs {
    pick_rows(case, &[1, 0, 2])
}

/// What clamped rows would leave if they were stored.
fn last_batch_row_repeated(case: &Case) -> Outputs {
    pick_rows(case, &[0, 2, 2])
}

fn pick_rows(case: &Case, rows: &[usize]) -> Outputs {
    let Outputs { y, h_n, c_n } = case.expected();
    let [y, h_n, c_n] = [y, h_n, c_n].map(|array| array.select(Axis(1), rows));
    Outputs { y, h_n, c_n }
}

fn y_shifted(case: &Case) -> Outputs {
    let mut expected = case.expected().clone();
    expected.y = expected.y.select(Axis(0), &[0, 0, 1, 2, 3]);
    expected
}

fn directions_swapped(case: &Case) -> Outputs {
    let mut expected = case.expected().clone();
    expected.y = expected.y.select(Axis(2), &[6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
    expected
}

/// The second direction's y in the order of its own steps.
fn reverse_runs_forward(case: &Case) -> Outputs {
    let mut expected = case.expected().clone();
    let reverse = expected.y.slice(s![..;-1, .., 6..]).to_owned();
    expected.y.slice_mut(s![.., .., 6..]).assign(&reverse);
    expected
}

/// The recurrent weights of layer 1 in layer 0, and the other way round.
fn layers_swapped(case: &Case) -> Outputs {
    let layer = |l, d| case.weights.layer(l, d).expect("two layers, two directions").clone();
    let swapped = |l, d| {
        let mut swapped = layer(l, d);
        swapped.w_hh = layer(1 - l, d).w_hh;
        swapped
    };
    let layers = vec![vec![swapped(0, 0), swapped(0, 1)], vec![swapped(1, 0), swapped(1, 1)]];
    let weights = Weights::new(case.weights.sizes().cell, layers).expect("shapes are alike");
    reference_of(&weights, case.x.clone(), &case.state)
}
