//! The comparison of the ONNX cases.

use wgpu_rnn::io::onnx::Tensor;
use wgpu_rnn::ndarray::Dimension;

/// As the README of the fixtures says: absolute, and relative to the value expected.
const ABSOLUTE: f32 = 1e-5;
const RELATIVE: f32 = 1e-4;

/// NaN, another shape and nothing at all are wrong.
pub fn check(name: &str, given: &Tensor, expected: &Tensor) -> Result<(), String> {
    let (Some(given), Some(expected)) = (given.as_f32(), expected.as_f32()) else {
        let is_same = given == expected;
        return if is_same { Ok(()) } else { Err(format!("{name}: {given:?}, not {expected:?}")) };
    };
    if given.shape() != expected.shape() || expected.is_empty() {
        let (given, expected) = (given.shape(), expected.shape());
        return Err(format!("{name} has shape {given:?}, expected {expected:?}"));
    }
    for ((at, given), expected) in given.indexed_iter().zip(expected) {
        if !((given - expected).abs() <= ABSOLUTE + RELATIVE * expected.abs()) {
            let at = at.as_array_view().to_vec();
            return Err(format!("{name}{at:?} is {given}, expected {expected}"));
        }
    }
    Ok(())
}
