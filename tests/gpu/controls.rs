//! Negative controls: the comparison must fail where a kernel would be wrong. Each takes results that are right and
//! holds them against what a certain mistake would expect of them.

mod activations;
mod options;
mod sequence;

use wgpu_rnn::ndarray::{Array3, Axis, Slice, s};
use wgpu_rnn::reference::Outputs;
use wgpu_rnn::{Cell, Gpu, LayerWeights, LstmState, Options, Weights};

use crate::common::case::{Case, Shape, edited, transpose_w_hh, verdict};
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
    let mut tests: Vec<GpuTest> =
        mistakes.into_iter().map(|(name, mistake)| test(name, case(), mistake)).collect();
    tests.push(GpuTest::new("control::spoilt_results", spoilt_results));
    tests.extend(options::tests());
    tests.extend(activations::tests());
    tests.extend(sequence::tests());
    tests
}

fn test(name: &str, case: Case, mistake: Mistake) -> GpuTest {
    GpuTest::new(format!("control::{name}"), move |gpu| control(gpu, &case, &[mistake(&case)]))
}

/// No two sizes are alike; both directions, two layers, both biases, initial states.
fn case() -> Case {
    let shape = Shape { t: 5, b: 3, i: 4, h: 6, l: 2, bidirectional: true };
    Case::new(1, shape).with_state(2)
}

/// A mistake must stand out this many times the tolerance.
const CLEARLY: f64 = 100.0;

fn control(gpu: &Gpu, case: &Case, mistaken: &[Outputs]) -> Outcome {
    let (y, state) = right(gpu, case)?;
    for (n, mistaken) in mistaken.iter().enumerate() {
        assert!(is_comparable(mistaken, case.expected()), "mistake {n} would be noticed anyway");
        if verdict(&y, &state, mistaken, CLEARLY * case.allowed()).is_ok() {
            return Err(format!("the comparison took no notice of mistake {n}").into());
        }
    }
    Ok(())
}

fn is_comparable(a: &Outputs, b: &Outputs) -> bool {
    let arrays = [(&a.y, &b.y), (&a.h_n, &b.h_n), (&a.c_n, &b.c_n)];
    arrays.iter().all(|(a, b)| a.dim() == b.dim() && a.iter().all(|value| value.is_finite()))
}

fn right(gpu: &Gpu, case: &Case) -> Result<(Array3<f32>, LstmState), Box<dyn std::error::Error>> {
    let (y, state) = case.run(gpu, Options::default())?;
    case.verdict(&y, &state).map_err(|problem| format!("without a mistake: {problem}"))?;
    Ok((y, state))
}

/// The same mistakes in results instead of expectations, and results that are no results.
fn spoilt_results(gpu: &Gpu) -> Outcome {
    let case = case();
    let (y, state) = right(gpu, &case)?;
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

/// What the reference says of another case.
fn on(case: &Case, edit: impl FnOnce(&mut Case)) -> Outputs {
    case.but(edit).expected().clone()
}

fn on_weights(case: &Case, edit: impl FnMut(&mut LayerWeights)) -> Outputs {
    on(case, |case| case.weights = edited(&case.weights, edit))
}

fn on_state(case: &Case, edit: impl FnMut(&mut LstmState)) -> Outputs {
    on(case, |case| case.state.iter_mut().for_each(edit))
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

/// x read as `[B, T, I]` where it is `[T, B, I]`.
fn wrong_row_stride(case: &Case) -> Outputs {
    let (t, b, i) = case.x.dim();
    let mut x = case.x.to_shape((b, t, i)).expect("as many elements").into_owned();
    x.swap_axes(0, 1);
    on(case, |case| case.x = x)
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
    let weights = Weights::new(Cell::Lstm, layers).expect("shapes are alike");
    on(case, |case| case.weights = weights)
}
