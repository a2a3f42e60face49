//! A choice that is ignored, flipped, or taken for another.

use wgpu_rnn::ndarray::{Array2, ArrayViewMut1, s};
use wgpu_rnn::reference::Outputs;
use wgpu_rnn::{Activation, Activations, Cell, CellOptions, LayerWeights, Weights};

use super::{Mistake, on, on_weights, swap_gates, test};
use crate::common::case::{Case, Shape};
use crate::common::trials::GpuTest;
use crate::common::variant::Variant;

pub fn tests() -> Vec<GpuTest> {
    let lstm = Variant::default();
    let projected = Variant { is_projected: true, ..lstm };
    let peepholes = Variant { has_peepholes: true, ..lstm };
    let with = |cell, options| Variant { options, ..Variant::plain("", cell) };
    let coupled = with(Cell::Lstm, CellOptions { coupled: true, ..Default::default() });
    let preact_clip =
        |cell| with(cell, CellOptions { preact_clip: Some(0.4), ..Default::default() });
    let cell_clip = with(Cell::Lstm, CellOptions { cell_clip: Some(0.2), ..Default::default() });
    let mut both_clips = preact_clip(Cell::Lstm);
    both_clips.options.cell_clip = Some(0.2);
    let directions = with(Cell::Lstm, CellOptions { activations: ONE_EACH, ..Default::default() });
    let after = Variant::plain("", Cell::Gru { reset_after: true });
    let before = Variant::plain("", Cell::Gru { reset_after: false });
    let tanh = Variant::plain("", Cell::Rnn);
    let relu = Activations { f: Activation::Relu, ..Cell::Rnn.standard_activations() };
    let relu = with(Cell::Rnn, CellOptions { activations: [Some(relu); 2], ..Default::default() });

    let mistakes: Vec<(&str, Variant, Mistake)> = vec![
        ("projection::ignored", projected, |case| on_w_hr(case, |w_hr| Array2::eye(w_hr.ncols()))),
        ("projection::row_dropped", projected, |case| on_w_hr(case, with_zero_row)),
        ("projection::transposed", projected, |case| on_w_hr(case, transposed)),
        ("peepholes::dropped", peepholes, |case| on_weights(case, |layer| layer.peepholes = None)),
        ("peepholes::i_dropped", peepholes, |case| on_peepholes(case, |p| p.row_mut(0).fill(0.0))),
        ("peepholes::f_dropped", peepholes, |case| on_peepholes(case, |p| p.row_mut(1).fill(0.0))),
        ("peepholes::o_dropped", peepholes, |case| on_peepholes(case, |p| p.row_mut(2).fill(0.0))),
        ("peepholes::in_onnx_order", peepholes, |case| on_peepholes(case, swap_f_o)),
        ("coupled::ignored", coupled, |case| on_options(case, |options| options.coupled = false)),
        ("coupled::the_other_way", coupled, |case| on_weights(case, i_is_not_f)),
        ("preact_clip::lstm", preact_clip(Cell::Lstm), no_preact_clip),
        ("preact_clip::gru_reset_after", preact_clip(after.cell), no_preact_clip),
        ("preact_clip::gru_reset_before", preact_clip(before.cell), no_preact_clip),
        ("preact_clip::rnn", preact_clip(Cell::Rnn), no_preact_clip),
        ("cell_clip::ignored", cell_clip, |case| on_options(case, |o| o.cell_clip = None)),
        ("cell_clip::for_preact_clip", cell_clip, swap_clips),
        ("preact_clip::for_cell_clip", preact_clip(Cell::Lstm), swap_clips),
        ("clips::mixed_up", both_clips, swap_clips),
        ("clips::without_preact", both_clips, no_preact_clip),
        ("clips::without_cell", both_clips, |case| on_options(case, |o| o.cell_clip = None)),
        ("directions::first_ones_activations", directions, |case| {
            on_options(case, |options| options.activations[1] = options.activations[0])
        }),
        ("directions::activations_swapped", directions, |case| {
            on_options(case, |options| options.activations.reverse())
        }),
        ("gru_reset_after::flipped", after, |case| on_cell(case, Cell::Gru { reset_after: false })),
        ("gru_reset_before::flipped", before, |case| {
            on_cell(case, Cell::Gru { reset_after: true })
        }),
        ("gru_reset_after::b_hn_outside", after, |case| on_weights(case, b_hn_outside)),
        ("gru_reset_after::swapped_r_z", after, |case| on_weights(case, |l| swap_gates(l, 0, 1))),
        ("gru_reset_after::swapped_z_n", after, |case| on_weights(case, |l| swap_gates(l, 1, 2))),
        ("gru_reset_after::swapped_r_n", after, |case| on_weights(case, |l| swap_gates(l, 0, 2))),
        ("gru_reset_after::flipped_z", after, |case| on_weights(case, flip_z)),
        ("gru_reset_before::swapped_r_z", before, |case| on_weights(case, |l| swap_gates(l, 0, 1))),
        ("gru_reset_before::swapped_z_n", before, |case| on_weights(case, |l| swap_gates(l, 1, 2))),
        ("gru_reset_before::swapped_r_n", before, |case| on_weights(case, |l| swap_gates(l, 0, 2))),
        ("gru_reset_before::flipped_z", before, |case| on_weights(case, flip_z)),
        ("rnn::relu_for_tanh", tanh, |case| {
            on(case, |case| case.weights = case.weights.clone().with_relu().expect("an RNN"))
        }),
        ("rnn::tanh_for_relu", relu, |case| on_options(case, |o| o.activations = [None; 2])),
    ];
    let mut tests: Vec<GpuTest> = mistakes
        .into_iter()
        .map(|(name, variant, mistake)| test(name, saturating(&variant), mistake))
        .collect();
    tests.push(test("peepholes::o_sees_old_c", one_step(&peepholes), o_sees_old_c));
    tests
}

const ONE_EACH: [Option<Activations>; 2] = [
    Some(Activations { f: Activation::Sigmoid, g: Activation::Softsign, h: Activation::Tanh }),
    Some(Activations {
        f: Activation::HardSigmoid { alpha: 0.3, beta: 0.4 },
        g: Activation::ScaledTanh { alpha: 1.2, beta: 0.7 },
        h: Activation::Softsign,
    }),
];

/// Two layers of both directions; the inputs reach every clip.
fn saturating(variant: &Variant) -> Case {
    let shape = Shape { t: 5, b: 3, i: 4, h: 6, l: 2, bidirectional: true };
    let case = Case::of(1, variant, shape).with_state(2);
    case.but(|case| case.x *= 3.0)
}

fn one_step(variant: &Variant) -> Case {
    Case::of(1, variant, Shape { t: 1, b: 1, ..Default::default() }).with_state(2)
}

/// In a single step of a single row, the share of the old c is as good as a bias.
fn o_sees_old_c(case: &Case) -> Outputs {
    let c = &case.state.as_ref().expect("one_step has it").c;
    on_weights(case, |layer| {
        let (Some(peepholes), Some(b_ih)) = (&mut layer.peepholes, &mut layer.b_ih) else { return };
        let mut o: ArrayViewMut1<'_, f32> = b_ih.slice_mut(s![3 * peepholes.ncols()..]);
        o += &(&peepholes.row(2) * &c.slice(s![0, 0, ..]));
        peepholes.row_mut(2).fill(0.0);
    })
}

fn on_options(case: &Case, edit: impl FnOnce(&mut CellOptions)) -> Outputs {
    let mut options = *case.weights.options();
    edit(&mut options);
    on(case, |case| {
        case.weights = case.weights.clone().with_options(options).expect("the cell has got it");
    })
}

fn no_preact_clip(case: &Case) -> Outputs {
    on_options(case, |options| options.preact_clip = None)
}

fn swap_clips(case: &Case) -> Outputs {
    on_options(case, |options| std::mem::swap(&mut options.preact_clip, &mut options.cell_clip))
}

fn on_cell(case: &Case, cell: Cell) -> Outputs {
    let layer = |l, d| case.weights.layer(l, d).expect("two layers, two directions").clone();
    let layers = [0, 1].map(|l| vec![layer(l, 0), layer(l, 1)]);
    on(case, |case| case.weights = Weights::new(cell, layers.to_vec()).expect("shapes are alike"))
}

fn on_w_hr(case: &Case, edit: impl Fn(&Array2<f32>) -> Array2<f32>) -> Outputs {
    on_weights(case, |layer| {
        let rows = layer.w_hh.ncols();
        layer.w_hr = layer.w_hr.take().map(|w_hr| edit(&w_hr).slice_move(s![..rows, ..]));
    })
}

fn with_zero_row(w_hr: &Array2<f32>) -> Array2<f32> {
    let mut w_hr = w_hr.clone();
    w_hr.row_mut(1).fill(0.0);
    w_hr
}

/// `[P, H]` read as if it were stored as `[H, P]`.
fn transposed(w_hr: &Array2<f32>) -> Array2<f32> {
    let (p, h) = w_hr.dim();
    let read = w_hr.to_shape((h, p)).expect("as many elements");
    read.t().to_owned()
}

fn on_peepholes(case: &Case, edit: impl Fn(&mut Array2<f32>)) -> Outputs {
    on_weights(case, |layer| layer.peepholes.iter_mut().for_each(&edit))
}

/// ONNX has them in the order i, o, f.
fn swap_f_o(peepholes: &mut Array2<f32>) {
    let (mut f, mut o) = peepholes.multi_slice_mut((s![1, ..], s![2, ..]));
    f.iter_mut().zip(&mut o).for_each(|(f, o)| std::mem::swap(f, o));
}

/// `sigmoid(-x)` is `1 - sigmoid(x)`: i is `1 - f` then, instead of f `1 - i`.
fn i_is_not_f(layer: &mut LayerWeights) {
    swap_gates(layer, 0, 1);
    negate_gate(layer, 0);
}

/// `h' = z * n + (1 - z) * h`.
fn flip_z(layer: &mut LayerWeights) {
    negate_gate(layer, 1);
}

fn negate_gate(layer: &mut LayerWeights, gate: usize) {
    let h = layer.w_hh.ncols();
    let rows = gate * h..(gate + 1) * h;
    for w in [&mut layer.w_ih, &mut layer.w_hh] {
        w.slice_mut(s![rows.clone(), ..]).map_inplace(|w| *w = -*w);
    }
    for bias in [&mut layer.b_ih, &mut layer.b_hh].into_iter().flatten() {
        bias.slice_mut(s![rows.clone()]).map_inplace(|b| *b = -*b);
    }
}

/// `n = tanh(W_in x + b_in + b_hn + r * (W_hn h))`.
fn b_hn_outside(layer: &mut LayerWeights) {
    let n = s![2 * layer.w_hh.ncols()..];
    let (Some(b_ih), Some(b_hh)) = (&mut layer.b_ih, &mut layer.b_hh) else { return };
    let mut outside = b_ih.slice_mut(n);
    outside += &b_hh.slice(n);
    b_hh.slice_mut(n).fill(0.0);
}
