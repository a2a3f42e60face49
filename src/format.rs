//! How weights lie in the device's memory: in full precision, or in less of it.

use std::fmt;
use std::str::FromStr;

use half::f16;
use ndarray::ArrayView1;

use crate::error::{Error, Result};

/// The format of the weight matrices on the device. Sums, h, c, biases and peepholes are f32 in all of them.
///
/// A narrower format is for inference: it holds a layer in less memory, and a step that waits for its weights takes
/// less time. [`Weights::rounded`](crate::Weights::rounded) gives the weights as a format holds them, and
/// [`WeightFormat::tolerance`] says how far off results are at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeightFormat {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, of which each device can read two from one word; it needs no feature.
    F16,
    /// 8-bit integers from -127 to 127, with an f32 scale for each row of a matrix: `max(abs(row)) / 127`.
    Int8,
}

impl WeightFormat {
    /// Every format.
    pub const ALL: [WeightFormat; 3] = [WeightFormat::F32, WeightFormat::F16, WeightFormat::Int8];

    /// How far outputs of stacks over up to 1000 steps stay from those with f32 weights, at most, for inputs around 1,
    /// as `max|a - b| / max(1, max|b|)`; for f32 from those in double precision. Tests hold each format to it.
    ///
    /// f32 sums of up to some thousand products of values around 1 lose about `sqrt(1000) * 2^-24 = 2e-6`, and the
    /// recurrence contracts errors, so they do not grow with T. A weight in f16 is off by 2^-12 of itself on average,
    /// one in int8 by up to 1/254 of the largest of its row. Sums of K such errors grow with the root of K, as the sums
    /// do; gates and the recurrence take off more than they add.
    pub const fn tolerance(self) -> f64 {
        match self {
            WeightFormat::F32 => 1e-5,
            WeightFormat::F16 => 2e-3,
            WeightFormat::Int8 => 5e-2,
        }
    }

    /// Bytes of an element.
    pub(crate) fn element_bytes(self) -> u64 {
        match self {
            WeightFormat::F32 => 4,
            WeightFormat::F16 => 2,
            WeightFormat::Int8 => 1,
        }
    }

    /// The words that one in full precision takes the room of.
    pub(crate) fn full_words(self) -> u64 {
        4 / self.element_bytes()
    }

    /// Whether a matrix has a scale for each of its rows.
    pub(crate) fn has_scales(self) -> bool {
        self == WeightFormat::Int8
    }

    /// What the elements of a row are multiples of.
    pub(crate) fn scale(self, row: ArrayView1<'_, f32>) -> f32 {
        match self {
            WeightFormat::F32 | WeightFormat::F16 => 1.0,
            WeightFormat::Int8 => {
                let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
                // A row so small that its scale is 0 or loses digits is 0.
                if largest < 127.0 * f32::MIN_POSITIVE { 1.0 } else { largest / 127.0 }
            }
        }
    }

    /// Whether the format has a value near this one.
    pub(crate) fn holds(self, value: f32) -> bool {
        match self {
            WeightFormat::F32 => true,
            WeightFormat::F16 => !value.is_finite() || f16::from_f32(value).is_finite(),
            WeightFormat::Int8 => value.is_finite(),
        }
    }

    /// Writes an element; `to` has the bytes of one.
    pub(crate) fn encode(self, value: f32, scale: f32, to: &mut [u8]) {
        match self {
            WeightFormat::F32 => to.copy_from_slice(&value.to_le_bytes()),
            WeightFormat::F16 => to.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
            WeightFormat::Int8 => to.copy_from_slice(&quantized(value, scale).to_le_bytes()),
        }
    }

    /// The value that a kernel reads where [`WeightFormat::encode`] wrote one.
    pub(crate) fn rounded(self, value: f32, scale: f32) -> f32 {
        match self {
            WeightFormat::F32 => value,
            WeightFormat::F16 => f16::from_f32(value).to_f32(),
            WeightFormat::Int8 => f32::from(quantized(value, scale)) * scale,
        }
    }
}

fn quantized(value: f32, scale: f32) -> i8 {
    (value / scale).round().clamp(-127.0, 127.0) as i8
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            WeightFormat::F32 => "f32",
            WeightFormat::F16 => "f16",
            WeightFormat::Int8 => "int8",
        })
    }
}

impl FromStr for WeightFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        WeightFormat::ALL.into_iter().find(|format| format.to_string() == name).ok_or_else(|| {
            let names = WeightFormat::ALL.map(|format| format.to_string()).join(", ");
            Error::argument("weight_format", format!("one of {names}"), name)
        })
    }
}
