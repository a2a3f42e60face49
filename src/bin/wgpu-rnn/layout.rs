//! How arrays of files and of users are laid out.

use wgpu_rnn::ndarray::{Array3, ArrayD, ArrayView3, Axis, ShapeError};

/// How the arrays of a case differ from `[T, B, ..]`.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Whether there is an axis for the batch.
    pub batched: bool,
    /// Whether it is the first one, of sequences.
    pub batch_first: bool,
}

impl Layout {
    /// A sequence as `[T, B, features]`.
    pub fn sequence<'a>(self, array: &'a ArrayD<f32>) -> Result<ArrayView3<'a, f32>, ShapeError> {
        let mut array = self.state(array)?;
        if self.batch_first {
            array.swap_axes(0, 1);
        }
        Ok(array)
    }

    /// A state as `[L*D, B, H]`.
    pub fn state<'a>(self, array: &'a ArrayD<f32>) -> Result<ArrayView3<'a, f32>, ShapeError> {
        let array = array.view();
        let array = if self.batched { array } else { array.insert_axis(Axis(1)) };
        array.into_dimensionality()
    }

    /// `[T, B, features]` as the case has it.
    pub fn of_sequence(self, mut array: Array3<f64>) -> ArrayD<f64> {
        if self.batch_first {
            array.swap_axes(0, 1);
        }
        self.of_state(array)
    }

    /// `[L*D, B, H]` as the case has it.
    pub fn of_state(self, array: Array3<f64>) -> ArrayD<f64> {
        match self.batched {
            true => array.into_dyn(),
            false => array.index_axis_move(Axis(1), 0).into_dyn(),
        }
    }
}
