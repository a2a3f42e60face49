//! Weights as a narrower format holds them.

use ndarray::Array2;

use super::{LayerWeights, Weights, tensor_name};
use crate::error::{Error, Result};
use crate::format::WeightFormat;

impl Weights {
    /// These weights as a format holds them: what a layer in that format computes with.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgpu_rnn::{Cell, LayerWeights, WeightFormat, Weights};
    ///
    /// let layer = LayerWeights::new(array![[0.1, 12.7]], array![[1.0]]);
    /// let weights = Weights::new(Cell::Rnn, vec![vec![layer]])?;
    /// let rounded = weights.rounded(WeightFormat::Int8)?; // the row's scale is 0.1
    /// let w_ih = &rounded.layer(0, 0).unwrap().w_ih;
    /// assert!((w_ih[[0, 0]] - 0.1).abs() < 1e-6 && (w_ih[[0, 1]] - 12.7).abs() < 1e-5);
    /// # Ok::<(), wgpu_rnn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] naming the tensor where the format cannot hold a weight.
    pub fn rounded(&self, format: WeightFormat) -> Result<Weights> {
        self.check_format(format)?;
        Ok(self.map_layers(|layer| LayerWeights {
            w_ih: rounded_rows(format, &layer.w_ih),
            w_hh: rounded_rows(format, &layer.w_hh),
            w_hr: layer.w_hr.as_ref().map(|w_hr| rounded_rows(format, w_hr)),
            ..layer.clone()
        }))
    }

    /// Fails where the format cannot hold a weight.
    pub(crate) fn check_format(&self, format: WeightFormat) -> Result<()> {
        let expected = match format {
            WeightFormat::F32 => return Ok(()),
            WeightFormat::F16 => "at most 65504 in magnitude, the largest f16",
            WeightFormat::Int8 => "finite, to be a multiple of a scale",
        };
        for (layer, direction, source) in self.directions() {
            for (tensor, matrix) in source.matrices() {
                if let Some(value) = matrix.iter().find(|value| !format.holds(**value)) {
                    let name = tensor_name(tensor, layer, direction);
                    return Err(Error::argument(&name, expected, value));
                }
            }
        }
        Ok(())
    }
}

fn rounded_rows(format: WeightFormat, matrix: &Array2<f32>) -> Array2<f32> {
    let mut rounded = matrix.clone();
    for mut row in rounded.outer_iter_mut() {
        let scale = format.scale(row.view());
        row.mapv_inplace(|value| format.rounded(value, scale));
    }
    rounded
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::cell::Cell;

    fn of(w_ih: Array2<f32>) -> Weights {
        let layer = LayerWeights::new(w_ih, array![[0.5]]);
        Weights::new(Cell::Rnn, vec![vec![layer]]).unwrap()
    }

    #[test]
    fn rounding_stays_within_the_format() {
        let values = array![[0.0, 1e-9, -3.3, 0.71, 1234.5, -0.000_123]];
        let rounded = |format| of(values.clone()).rounded(format).unwrap();
        let error = |format: WeightFormat, at: usize| {
            (rounded(format).layer(0, 0).unwrap().w_ih[[0, at]] - values[[0, at]]).abs()
        };
        for at in 0..values.len() {
            assert_eq!(error(WeightFormat::F32, at), 0.0);
            let f16_bound = (values[[0, at]].abs() / 2048.0).max(3e-8);
            assert!(error(WeightFormat::F16, at) <= f16_bound);
            assert!(error(WeightFormat::Int8, at) <= 1234.5 / 127.0 / 2.0 * 1.0001);
        }
        assert!(error(WeightFormat::Int8, 2) > 1.0);
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let rounded = of(array![[0.0, 0.0, 1e-40]]).rounded(WeightFormat::Int8).unwrap();
        assert_eq!(rounded.layer(0, 0).unwrap().w_ih, array![[0.0, 0.0, 0.0]]);
    }

    #[test]
    fn what_a_format_cannot_hold_is_named() {
        let refused = [
            (WeightFormat::F16, 70_000.0),
            (WeightFormat::Int8, f32::INFINITY),
            (WeightFormat::Int8, f32::NAN),
        ];
        for (format, value) in refused {
            match of(array![[1.0, value]]).rounded(format) {
                Err(Error::Argument { argument, .. }) => assert_eq!(argument, "weight_ih_l0"),
                other => panic!("{format}: {other:?}"),
            }
        }
        let infinite = of(array![[f32::INFINITY]]).rounded(WeightFormat::F16).unwrap();
        assert_eq!(infinite.layer(0, 0).unwrap().w_ih, array![[f32::INFINITY]]);
    }
}
