//! How far an array is from what it should be.

use wgpu_rnn::WeightFormat;
use wgpu_rnn::ndarray::{ArrayD, Dimension};

/// Allowed of outputs and states, as `max|a - b| / max(1, max|b|)` per array.
pub const TOLERANCE: f64 = WeightFormat::F32.tolerance();
/// Allowed with inputs 100 times larger: pre-activations then carry 100 times the rounding error into those gates
/// that do not saturate.
pub const TOLERANCE_LARGE_INPUTS: f64 = 1e-4;

/// Allowed of the outputs of a graph, as `|a - b| / (0.1 + |b|)` of each element: absolute 1e-5, relative 1e-4.
pub const TOLERANCE_MIXED: f64 = 1e-4;
pub const MIXED_FLOOR: f64 = 0.1;

/// The worst of some comparisons.
#[derive(Clone)]
pub struct Deviation {
    /// `max|a - b| / max(1, max|b|)`, or as the comparison has it; NaN where a value is, infinite where the shape is wrong.
    pub error: f64,
    /// Where it is.
    pub place: String,
}

impl Deviation {
    pub fn none() -> Self {
        Deviation { error: 0.0, place: String::new() }
    }

    pub fn of(what: &str, given: &ArrayD<f64>, expected: &ArrayD<f64>) -> Self {
        let scale = expected.iter().fold(1.0f64, |scale, value| scale.max(value.abs()));
        Self::scaled(what, given, expected, |_| scale)
    }

    /// Of each element relative to itself, with a floor.
    pub fn mixed(what: &str, given: &ArrayD<f64>, expected: &ArrayD<f64>) -> Self {
        Self::scaled(what, given, expected, |expected| MIXED_FLOOR + expected.abs())
    }

    fn scaled(
        what: &str,
        given: &ArrayD<f64>,
        expected: &ArrayD<f64>,
        scale: impl Fn(f64) -> f64,
    ) -> Self {
        if given.shape() != expected.shape() {
            let (given, expected) = (given.shape(), expected.shape());
            let place = format!("{what} has shape {given:?}, expected {expected:?}");
            return Deviation { error: f64::INFINITY, place };
        }
        let mut worst = Deviation::none();
        for ((index, given), expected) in given.indexed_iter().zip(expected) {
            let error = (given - expected).abs() / scale(*expected);
            if error > worst.error || error.is_nan() {
                let index = index.as_array_view().to_vec();
                let place = format!("{what}{index:?} is {given:.7}, expected {expected:.7}");
                worst = Deviation { error, place };
            }
            if error.is_nan() {
                break;
            }
        }
        worst
    }

    pub fn worst(deviations: impl IntoIterator<Item = Deviation>) -> Self {
        deviations.into_iter().fold(Deviation::none(), |worst, next| {
            let is_worse = next.error > worst.error || next.error.is_nan();
            if is_worse && !worst.error.is_nan() { next } else { worst }
        })
    }

    /// NaN is beyond every tolerance.
    pub fn is_within(&self, tolerance: f64) -> bool {
        self.error <= tolerance
    }
}
