//! The one comparison, and the one table of tolerances.

use wgpu_rnn::WeightFormat;
use wgpu_rnn::ndarray::{ArrayD, Dimension, IxDyn};

/// How far outputs and states may be from the truth: `max|a - b| / max(1, max|b|)` per array. PyTorch's own f32 path
/// reaches 9e-7 on these cases.
pub const F32: f64 = WeightFormat::F32.tolerance();
/// With inputs 100 times larger, pre-activations of some hundreds carry 100 times the rounding error into the few
/// gates that do not saturate. PyTorch's own f32 path reaches 1.6e-6.
pub const F32_LARGE_INPUTS: f64 = 1e-4;

/// With unbounded activations errors are not contracted, but grow with the values, over some ten steps.
pub const F32_CHOSEN: f64 = 1e-4;

/// How far gradients may be: sums over all steps and rows of products of two rounded values; and where gates saturate,
/// `1 - y²` cancels. PyTorch's own f32 path reaches 3.2e-6.
pub const F32_GRADIENTS: f64 = 1e-4;

/// The outcome of a comparison; unused, it has not tested anything.
#[must_use]
#[derive(Debug)]
pub struct Comparison {
    what: String,
    shape: Vec<usize>,
    expected_shape: Vec<usize>,
    /// The worst element, its index and the two values.
    worst: Option<(f64, Vec<usize>, f64, f64)>,
    allowed: f64,
}

pub fn compare(
    what: &str,
    given: &ArrayD<impl Copy + Into<f64>>,
    expected: &ArrayD<f64>,
    allowed: f64,
) -> Comparison {
    let mut worst: Option<(f64, Vec<usize>, f64, f64)> = None;
    if given.shape() == expected.shape() {
        let scale = expected.iter().fold(1.0f64, |scale, value| scale.max(value.abs()));
        for ((index, given), expected) in given.indexed_iter().zip(expected) {
            let given = (*given).into();
            let error = (given - expected).abs() / scale;
            // NaN is worse than everything.
            let is_worse = |most: f64| !most.is_nan() && (error.is_nan() || error > most);
            if worst.as_ref().is_none_or(|(most, ..)| is_worse(*most)) {
                worst = Some((error, index_of(&index), given, *expected));
            }
        }
    }
    Comparison {
        what: what.into(),
        shape: given.shape().to_vec(),
        expected_shape: expected.shape().to_vec(),
        worst,
        allowed,
    }
}

fn index_of(index: &IxDyn) -> Vec<usize> {
    index.as_array_view().to_vec()
}

impl Comparison {
    /// # Errors
    /// What is wrong, with the worst element.
    pub fn verdict(&self) -> Result<(), String> {
        if self.shape != self.expected_shape {
            return Err(format!(
                "{}: shape {:?}, expected {:?}",
                self.what, self.shape, self.expected_shape
            ));
        }
        let Some((error, index, given, expected)) = &self.worst else {
            return Err(format!("{}: nothing was compared", self.what));
        };
        if *error <= self.allowed {
            return Ok(());
        }
        Err(format!(
            "{}{index:?} is {given}, expected {expected}: error {error:.2e}, {:.1} times the {:.0e} allowed",
            self.what,
            error / self.allowed,
            self.allowed
        ))
    }
}
