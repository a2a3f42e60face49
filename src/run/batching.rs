//! The batch axis, which callers may leave out.

use ndarray::{
    Array, Array3, ArrayD, ArrayView, ArrayView3, ArrayViewD, Axis, Dimension, Ix2, Ix3,
};

use super::input::{HostInput, LayerInput};
use super::io::States;
use crate::error::{Error, Result};

/// Whether the arrays of a call have a batch axis.
pub(crate) struct Batching {
    /// What the input is called.
    name: &'static str,
    /// The axis of the batch that x and y have not got.
    missing: Option<Axis>,
}

impl Batching {
    /// Brings an input to three axes, token ids to two.
    pub fn of(input: LayerInput<'_>, batch_first: bool) -> Result<(Self, HostInput<'_>)> {
        let (name, batched, shape) = match &input {
            LayerInput::Features(x) => ("x", 3, x.shape()),
            LayerInput::Projected(x_proj) => ("x_proj", 3, x_proj.shape()),
            LayerInput::Tokens { ids, .. } | LayerInput::Ids(ids) => ("ids", 2, ids.shape()),
        };
        let missing = match batched - shape.len() as isize {
            0 => None,
            1 => Some(Axis(usize::from(!batch_first))),
            _ => {
                let expected =
                    format!("{batched} axes (batched) or {} axes (unbatched)", batched - 1);
                return Err(Error::shape(name, expected, shape));
            }
        };
        let input = match input {
            LayerInput::Features(x) => HostInput::Features(with_axes(name, x, missing)?),
            LayerInput::Projected(x) => HostInput::Projected(with_axes(name, x, missing)?),
            LayerInput::Tokens { ids, table } => {
                HostInput::Tokens { ids: with_axes::<_, Ix2>(name, ids, missing)?, table }
            }
            LayerInput::Ids(ids) => HostInput::Ids(with_axes::<_, Ix2>(name, ids, missing)?),
        };
        Ok((Batching { name, missing }, input))
    }

    /// Brings initial states to three axes.
    pub fn states(&self, state: (&ArrayD<f32>, Option<&ArrayD<f32>>)) -> Result<States> {
        self.named_states(["h0", "c0"], state)
    }

    /// The same, of gradients of states.
    pub fn named_states(
        &self,
        [h_name, c_name]: [&str; 2],
        (h, c): (&ArrayD<f32>, Option<&ArrayD<f32>>),
    ) -> Result<States> {
        let rank = if self.missing.is_some() { 2 } else { 3 };
        let part = |argument, array: &ArrayD<f32>| {
            if array.ndim() != rank {
                let expected = format!("{rank} axes, as {}", self.name);
                return Err(Error::shape(argument, expected, array.shape()));
            }
            let axis = self.missing.map(|_| Axis(1));
            with_axes::<_, Ix3>(argument, array.view(), axis).map(|array| array.to_owned())
        };
        Ok(States { h: part(h_name, h)?, c: c.map(|c| part(c_name, c)).transpose()? })
    }

    /// A sequence with the axes of the input, brought to three axes.
    pub fn sequence<'a>(
        &self,
        name: &str,
        array: ArrayViewD<'a, f32>,
    ) -> Result<ArrayView3<'a, f32>> {
        let rank = if self.missing.is_some() { 2 } else { 3 };
        if array.ndim() != rank {
            let expected = format!("{rank} axes, as {}", self.name);
            return Err(Error::shape(name, expected, array.shape()));
        }
        with_axes(name, array, self.missing)
    }

    /// y with the axes of x.
    pub fn output(&self, y: Array3<f32>) -> ArrayD<f32> {
        without(y, self.missing)
    }

    /// Final states with the axes of the initial ones.
    pub fn parts(&self, states: States) -> (ArrayD<f32>, Option<ArrayD<f32>>) {
        let part = |array| without(array, self.missing.map(|_| Axis(1)));
        (part(states.h), states.c.map(part))
    }
}

/// The array with an axis of length 1 for a batch, if so wished.
fn with_axes<'a, T, D: Dimension>(
    argument: &str,
    array: ArrayViewD<'a, T>,
    batch: Option<Axis>,
) -> Result<ArrayView<'a, T, D>> {
    let misfit = Error::shape(argument, "another number of axes", array.shape());
    let array = if let Some(axis) = batch { array.insert_axis(axis) } else { array };
    array.into_dimensionality().map_err(|_| misfit)
}

fn without(array: Array3<f32>, batch: Option<Axis>) -> ArrayD<f32> {
    match batch {
        Some(axis) => array.into_dyn().index_axis_move(axis, 0),
        None => array.into_dyn(),
    }
}

pub(crate) fn features<D: Dimension>(x: ArrayView<'_, f32, D>) -> LayerInput<'_> {
    LayerInput::Features(x.into_dyn())
}

/// y with the rank that x has.
pub(crate) fn typed<D: Dimension, S>((y, state): (ArrayD<f32>, S)) -> Result<(Array<f32, D>, S)> {
    let y = y.into_dimensionality().map_err(|error| Error::Gpu { reason: error.to_string() })?;
    Ok((y, state))
}
