//! The gradients of the CPU reference against PyTorch and against differences of its forward pass; and that these
//! comparisons can fail.

mod common;

use common::Random;
use common::case::{Bias, Case, edited, transpose_w_hh};
use common::fixture::{self, Fixture};
use common::gradients::{Named, Run, name_of, verdict};
use common::variant::{ACTIVATIONS, Variant, that_count};
use wgpu_rnn::ndarray::{Array1, Array3, ArrayD, ArrayViewMutD, Axis, arr2};
use wgpu_rnn::reference::{self, Outputs};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, Direction, LayerSizes, LayerWeights, Weights,
};

/// Both compute in f64; PyTorch's results were rounded to f32 once, by at most 2^-24 = 6e-8 of an element. The rest is
/// the order of summation.
const PYTORCH: f64 = 1e-7;

/// How far values are nudged for a difference, and the grid that they lie on: of values below 8 neither rounds f32.
const NUDGE: f32 = 1.0 / (1 << 20) as f32;
const GRID: f32 = 1.0 / (1 << 12) as f32;

/// A loss of up to 10 is off by some 1e-15, which [`NUDGE`] divides to 1e-9. A kink between the two points moves the
/// central difference by half of what it sets the one-sided ones apart; where that is more than is allowed, nothing
/// is compared. Without a kink it is `NUDGE / 2` of the second derivative, which has room to be 8 times the gradient.
const DIFFERENCES: f64 = 4.0 * NUDGE as f64;

/// Random configurations.
const CONFIGURATIONS: u64 = 300;

type Edit<T> = fn(&mut T);

#[test]
fn the_gradients_are_pytorchs() {
    let all = fixture::all();
    let with_gradients: Vec<_> = all.iter().filter(|fixture| fixture.flag("has_grad")).collect();
    assert!(with_gradients.len() >= 100, "only {}", with_gradients.len());
    let problem = |fixture: &&Fixture| {
        let verdict = verdict(&fixture.run().gradients(), &fixture.gradients(), PYTORCH);
        Some(format!("{}: {}", fixture.name, verdict.err()?))
    };
    let failures: Vec<String> = with_gradients.iter().filter_map(problem).collect();
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_gradients_are_differences() {
    let (mut all, mut skipped) = (0, 0);
    for seed in 0..CONFIGURATIONS {
        let run = on_grid(&configuration(seed));
        let given = run.gradients();
        let differences = differences(&run, &given);
        all += differences.all;
        skipped += differences.skipped;
        let verdict = verdict(&given, &differences.gradients, DIFFERENCES);
        verdict.unwrap_or_else(|problem| panic!("seed {seed}: {problem}\n{run:?}"));
    }
    assert!(skipped * 1000 < all, "{skipped} of {all} were skipped");
}

/// Small, of any cell, with any of its options.
fn configuration(seed: u64) -> Run {
    let mut random = Random::new(seed);
    let mut below = |n| random.below(n);
    let cell = [
        Cell::Lstm,
        Cell::Lstm,
        Cell::Gru { reset_after: true },
        Cell::Gru { reset_after: false },
        Cell::Rnn,
    ][below(5)];
    let is_lstm = cell == Cell::Lstm;
    let hidden_size = 1 + below(4);
    let sizes = LayerSizes::new(cell, 1 + below(3), hidden_size)
        .with_layers(1 + below(2))
        .with_direction(
            [Direction::Forward, Direction::Reverse, Direction::Bidirectional][below(3)],
        )
        .with_proj_size(if is_lstm { below(2) * below(hidden_size) } else { 0 });
    let mut activations = || {
        let [f, g, h] = [(); 3].map(|()| ACTIVATIONS[below(ACTIVATIONS.len())].1);
        (below(3) > 0).then_some(Activations { f, g, h })
    };
    let activations = that_count(&sizes, [activations(), activations()]);
    let options = CellOptions {
        activations,
        coupled: is_lstm && below(2) == 1,
        preact_clip: [None, Some(1.5), Some(0.3)][below(3)],
        cell_clip: [None, Some(1.5), Some(0.2)][below(3)].filter(|_| is_lstm),
    };
    let has_peepholes = is_lstm && below(2) == 1;
    let (seq_len, batch) = (1 + below(4), 1 + below(3));
    let variant = Variant { cell, has_peepholes, options, ..Default::default() };
    let case = Case::from_sizes(seed, &variant, sizes, [seq_len, batch])
        .with_bias([Bias::Both, Bias::InputOnly, Bias::HiddenOnly, Bias::None][below(4)]);
    let case = if below(2) == 1 { case.with_state(seed + 1) } else { case };
    let lengths = (0..batch).map(|_| below(seq_len + 1)).collect();
    let case = case.but(|case| case.lengths = Some(lengths).filter(|_| below(2) == 1));
    let run = Run::new(seed + 2, &case);
    match below(4) {
        0 => run.but(|run| (run.d_h_n, run.d_c_n) = (None, None)),
        _ => run,
    }
}

struct Differences {
    gradients: Named,
    all: usize,
    /// Those near a kink or a jump, which have been given the value that they were to check.
    skipped: usize,
}

/// Central differences of the loss, `given` where there are none.
fn differences(run: &Run, given: &Named) -> Differences {
    let mut differences = Differences { gradients: given.clone(), all: 0, skipped: 0 };
    let middle = loss(run);
    for (name, values) in &mut differences.gradients {
        let scale = values.iter().fold(1.0f64, |scale, value| scale.max(value.abs()));
        for (index, value) in values.iter_mut().enumerate() {
            let [below, above] = [-NUDGE, NUDGE].map(|by| loss(&nudged(run, name, index, by)));
            let step = f64::from(NUDGE);
            let (left, right) = ((middle - below) / step, (above - middle) / step);
            differences.all += 1;
            if (right - left).abs() / 2.0 > DIFFERENCES * scale {
                differences.skipped += 1;
            } else {
                *value = (right + left) / 2.0;
            }
        }
    }
    differences
}

/// What the gradients are those of.
fn loss(run: &Run) -> f64 {
    let Outputs { y, h_n, c_n } = reference::forward(&run.weights, &run.inputs());
    let part = |output: Array3<f64>, d_output: Option<&Array3<f32>>| {
        d_output.map_or(0.0, |d_output| (output * d_output.mapv(f64::from)).sum())
    };
    part(y, Some(&run.d_y)) + part(h_n, run.d_h_n.as_ref()) + part(c_n, run.d_c_n.as_ref())
}

fn on_grid(run: &Run) -> Run {
    let round = |value: f32| (value / GRID).round() * GRID;
    run.but(|run| visit(run, |_, mut values| values.mapv_inplace(round)))
}

fn nudged(run: &Run, name: &str, index: usize, by: f32) -> Run {
    let mut visited = 0;
    let nudged = run.but(|run| {
        visit(run, |visiting, mut values| {
            for value in values.iter_mut().skip(index).take(usize::from(visiting == name)) {
                assert_eq!((*value + by) - *value, by, "{name}: {value} was rounded");
                *value += by;
                visited += 1;
            }
        });
    });
    assert_eq!(visited, 1, "{name} at {index}");
    nudged
}

/// Shows all that has a gradient, under its name; states that are not given become zeros that are.
fn visit(run: &mut Run, mut edit: impl FnMut(&str, ArrayViewMutD<'_, f32>)) {
    let (sizes, batch) = (run.weights.sizes(), run.x.dim().1);
    let zeros = |features| Array3::zeros((sizes.num_states(), batch, features));
    edit("d_input", run.x.view_mut().into_dyn());
    let h0 = run.h0.get_or_insert_with(|| zeros(sizes.recurrent_size()));
    edit("d_h0", h0.view_mut().into_dyn());
    let c0 = run.c0.get_or_insert_with(|| zeros(sizes.hidden_size));
    edit("d_c0", c0.view_mut().into_dyn());
    on_layers(run, |l, d, layer| {
        let mut edit = |tensor, values: Option<ArrayViewMutD<'_, f32>>| {
            values.into_iter().for_each(|values| edit(&name_of(tensor, l, d), values));
        };
        edit("weight_ih", Some(layer.w_ih.view_mut().into_dyn()));
        edit("weight_hh", Some(layer.w_hh.view_mut().into_dyn()));
        edit("bias_ih", layer.b_ih.as_mut().map(|b| b.view_mut().into_dyn()));
        edit("bias_hh", layer.b_hh.as_mut().map(|b| b.view_mut().into_dyn()));
        edit("weight_hr", layer.w_hr.as_mut().map(|w| w.view_mut().into_dyn()));
        edit("peepholes", layer.peepholes.as_mut().map(|p| p.view_mut().into_dyn()));
    });
}

fn on_layers(run: &mut Run, mut edit: impl FnMut(usize, usize, &mut LayerWeights)) {
    let directions = run.weights.sizes().num_directions();
    let mut visited = 0;
    run.weights = edited(&run.weights, |layer| {
        edit(visited / directions, visited % directions, layer);
        visited += 1;
    });
}

/// Where a function has a kink, its derivative is a choice: PyTorch's.
#[test]
fn derivatives_at_kinks_are_pytorchs() {
    let straight = Activation::Affine { alpha: 1.0, beta: 0.0 };
    let clip = Some(0.5);
    let cases = [
        (straight, clip, 0.5, 1.0),
        (straight, clip, -0.5, 1.0),
        (straight, clip, 0.5f32.next_up(), 0.0),
        (straight, clip, (-0.5f32).next_down(), 0.0),
        (Activation::Relu, None, 0.0, 0.0),
        (Activation::LeakyRelu { alpha: 0.25 }, None, 0.0, 0.25),
        (Activation::ThresholdedRelu { alpha: 0.5 }, None, 0.5, 0.0),
        (Activation::Elu { alpha: 0.25 }, None, 0.0, 0.25),
        (Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }, None, -2.0, 0.0),
        (Activation::HardSigmoid { alpha: 0.25, beta: 0.5 }, None, 2.0, 0.0),
        (Activation::Softsign, None, 0.0, 1.0),
    ];
    for (f, preact_clip, x, expected) in cases {
        let activations = Activations { f, ..Cell::Rnn.standard_activations() };
        let options =
            CellOptions { activations: [Some(activations); 2], preact_clip, ..Default::default() };
        let layer = LayerWeights::new(arr2(&[[1.0]]), arr2(&[[1.0]]));
        let weights = Weights::new(Cell::Rnn, vec![vec![layer]]).unwrap();
        let one = |value| Array3::from_elem([1, 1, 1], value);
        let run = Run {
            weights: weights.with_options(options).unwrap(),
            x: one(x),
            h0: None,
            c0: None,
            lengths: None,
            d_y: one(1.0),
            d_h_n: None,
            d_c_n: None,
        };
        assert_eq!(run.gradients()["d_input"][[0, 0, 0]], expected, "{f:?} {preact_clip:?} at {x}");
    }
}

/// Mistakes of a backward pass, made by giving it what it would then take for the truth.
#[test]
fn mistaken_runs_are_noticed() {
    let mistakes: [(&str, Edit<Run>); 11] = [
        ("transposed w_hh", |run| on_layers(run, |_, _, layer| transpose_w_hh(layer))),
        ("dropped b_ih", |run| on_biases(run, |layer| &mut layer.b_ih)),
        ("dropped b_hh", |run| on_biases(run, |layer| &mut layer.b_hh)),
        ("ignored h0", |run| run.h0 = None),
        ("ignored c0", |run| run.c0 = None),
        ("rows that are not masked", |run| run.lengths = None),
        ("lengths one row off", |run| run.lengths.as_mut().unwrap().rotate_left(1)),
        ("ignored d_h_n", |run| run.d_h_n = None),
        ("ignored d_c_n", |run| run.d_c_n = None),
        ("d_h_n and d_c_n swapped", |run| std::mem::swap(&mut run.d_h_n, &mut run.d_c_n)),
        ("d_y in the order of the steps", |run| run.d_y.invert_axis(Axis(0))),
    ];
    let fixture = ragged();
    let check = |mistake: Edit<Run>| {
        verdict(&fixture.run().but(mistake).gradients(), &fixture.gradients(), PYTORCH)
    };
    check(|_| ()).unwrap();
    for (name, mistake) in mistakes {
        assert!(check(mistake).is_err(), "{name} went unnoticed");
    }
}

/// Results that are wrong, or no results.
#[test]
fn spoilt_gradients_are_noticed() {
    let spoils: [(&str, Edit<Named>); 7] = [
        ("a missing gradient", |named| drop(named.remove("grad.bias_hh_l1_reverse"))),
        ("a gradient too many", |named| drop(named.insert("d_y".into(), ArrayD::zeros(vec![1])))),
        ("a bias without gradient", |named| entry(named, "grad.bias_ih_l0").fill(0.0)),
        ("a gate without gradient", |named| entry(named, "grad.weight_hh_l1")[[19, 4]] = 0.0),
        ("a NaN", |named| entry(named, "d_c0")[[3, 3, 4]] = f64::NAN),
        ("one value that is off", |named| entry(named, "d_h0")[[0, 1, 2]] += 1e-6),
        ("a short gradient", |named| {
            let d_x = entry(named, "d_input");
            d_x.remove_index(Axis(0), 6);
        }),
    ];
    let fixture = ragged();
    let right = fixture.run().gradients();
    verdict(&right, &fixture.gradients(), PYTORCH).unwrap();
    for (name, spoil) in spoils {
        let mut spoilt = right.clone();
        spoil(&mut spoilt);
        let verdict = verdict(&spoilt, &fixture.gradients(), PYTORCH);
        assert!(verdict.is_err(), "{name} went unnoticed");
    }
    // Nothing leaks beyond a row's length, however little.
    let lengths = fixture.lengths().unwrap();
    let row = (0..lengths.len()).find(|b| lengths[*b] < 7).expect("a short row");
    let mut leaking = right.clone();
    entry(&mut leaking, "d_input")[[lengths[row], row, 0]] = 1e-6;
    assert!(verdict(&leaking, &fixture.gradients(), PYTORCH).is_err(), "a leak went unnoticed");
}

/// d_c without `d_h * o * h'(c)`: a constant in place of h that has its value, and no slope.
#[test]
fn a_dropped_path_through_h_is_noticed() {
    let case = Case::from_sizes(1, &Variant::default(), LayerSizes::new(Cell::Lstm, 3, 1), [1, 1]);
    let run = on_grid(&Run::new(2, &case.with_state(3)));
    let c_n = reference::forward(&run.weights, &run.inputs()).c_n[[0, 0, 0]];
    let constant = Activation::Affine { alpha: 0.0, beta: c_n.tanh() as f32 };
    let activations = Activations { h: constant, ..Cell::Lstm.standard_activations() };
    let options = CellOptions { activations: [Some(activations); 2], ..Default::default() };
    let weights = run.weights.clone().with_options(options).unwrap();
    let mistaken = run.but(|run| run.weights = weights);
    assert!((loss(&run) - loss(&mistaken)).abs() < 1e-6);

    let given = run.gradients();
    let expected = differences(&run, &given).gradients;
    verdict(&given, &expected, DIFFERENCES).unwrap();
    assert!(verdict(&mistaken.gradients(), &expected, DIFFERENCES).is_err());
}

/// Both directions, two layers, initial states, a length per row.
fn ragged() -> Fixture {
    let name = "lstm_i3_h5_t7_b4_l2_bi_bf_init_packed";
    fixture::all().into_iter().find(|fixture| fixture.name == name).expect("the case is there")
}

/// The bias keeps its place among the gradients.
fn on_biases(run: &mut Run, bias: fn(&mut LayerWeights) -> &mut Option<Array1<f32>>) {
    on_layers(run, |_, _, layer| bias(layer).as_mut().unwrap().fill(0.0));
}

fn entry<'a>(named: &'a mut Named, name: &str) -> &'a mut ArrayD<f64> {
    named.get_mut(name).unwrap_or_else(|| panic!("no {name}"))
}
