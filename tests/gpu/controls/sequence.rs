//! Where a row begins and ends, and in which order its steps lie, for every cell.

use wgpu_rnn::ndarray::{Axis, s};
use wgpu_rnn::reference::Outputs;

use super::{Mistake, on, test};
use crate::common::case::{Case, Shape};
use crate::common::trials::GpuTest;
use crate::common::variant::{Variant, variants};

pub fn tests() -> Vec<GpuTest> {
    type Right = fn(&Variant) -> Case;
    let mistakes: [(&str, Right, Mistake); 7] = [
        ("reverse_ignored", reverse, reverse_ignored),
        ("lengths_ignored", lengths, |case| on(case, |case| case.lengths = None)),
        ("lengths_of_other_rows", lengths, |case| on(case, |case| case.lengths = rotated(case))),
        ("lengths_one_too_long", lengths, |case| on(case, |case| case.lengths = longer(case))),
        ("state_beyond_the_length", lengths, unbounded_but_for_y),
        ("reverse_from_seq_len", reverse_lengths, unbounded_but_for_y),
        ("batch_first_ignored", batch_first, batch_first_ignored),
    ];
    let of_variant = |variant: Variant| {
        mistakes.map(|(name, right, mistake)| {
            test(&format!("{name}::{}", variant.name), right(&variant), mistake)
        })
    };
    variants().into_iter().flat_map(of_variant).collect()
}

/// As many rows as steps, so that no shape tells the layouts apart.
fn square(variant: &Variant) -> Case {
    Case::of(1, variant, Shape { t: 4, b: 4, ..Default::default() }).with_state(2)
}

fn batch_first(variant: &Variant) -> Case {
    square(variant).with_batch_first(true)
}

fn reverse(variant: &Variant) -> Case {
    square(variant).but(|case| {
        case.weights = case.weights.clone().reversed().expect("one direction");
    })
}

fn lengths(variant: &Variant) -> Case {
    square(variant).but(|case| case.lengths = Some(vec![2, 4, 0, 1]))
}

fn reverse_lengths(variant: &Variant) -> Case {
    reverse(variant).but(|case| case.lengths = lengths(variant).lengths)
}

/// The first step is taken for the last.
fn reverse_ignored(case: &Case) -> Outputs {
    let mut mistaken = on(case, |case| case.x.invert_axis(Axis(0)));
    mistaken.y.invert_axis(Axis(0));
    mistaken
}

fn rotated(case: &Case) -> Option<Vec<usize>> {
    let mut lengths = case.lengths.clone()?;
    lengths.rotate_left(1);
    Some(lengths)
}

fn longer(case: &Case) -> Option<Vec<usize>> {
    Some(case.lengths.as_ref()?.iter().map(|length| (length + 1).min(4)).collect())
}

/// All rows run over all steps, only y ends where it should.
fn unbounded_but_for_y(case: &Case) -> Outputs {
    let mut mistaken = on(case, |case| case.lengths = None);
    for (row, length) in case.lengths.iter().flatten().enumerate() {
        mistaken.y.slice_mut(s![*length.., row, ..]).fill(0.0);
    }
    mistaken
}

fn batch_first_ignored(case: &Case) -> Outputs {
    let mut mistaken = on(case, |case| case.x.swap_axes(0, 1));
    mistaken.y.swap_axes(0, 1);
    mistaken
}
