//! The arrays of a run beside its input: outputs, states and lengths.

use ndarray::Array3;

use super::input::DeviceInput;
use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::problem::Problem;

/// The arrays of an encoded run, see [`Layer::encode`](crate::Layer::encode). An initial state that is none is zero.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LayerIo<'a> {
    /// Input, read in place.
    pub input: DeviceInput<'a>,
    /// Output, written in place.
    pub y: &'a DeviceArray,
    /// Initial hidden state.
    pub h0: Option<&'a DeviceArray>,
    /// Initial cell state (LSTM).
    pub c0: Option<&'a DeviceArray>,
    /// Where to put the final hidden state.
    pub h_n: Option<&'a DeviceArray>,
    /// Where to put the final cell state (LSTM).
    pub c_n: Option<&'a DeviceArray>,
    /// The length of each batch row, `[B]`; one beyond `seq_len` counts as `seq_len`, none is the full length for all.
    pub lengths: Option<&'a DeviceArray<u32>>,
}

/// The states of a recurrent stage in an encoded run of a [`Model`](crate::Model): `[L*D, B, H]` each. The default
/// begins at zero and does not want the final ones.
///
/// ```
/// use wgpu_rnn::{DeviceArray, StageState};
///
/// /// An LSTM's states, which the run replaces.
/// fn carried<'a>(h: &'a DeviceArray, c: &'a DeviceArray) -> StageState<'a> {
///     StageState::default().with_initial(h, Some(c)).with_final(h, Some(c))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct StageState<'a> {
    /// Initial hidden state; none is zero.
    pub h0: Option<&'a DeviceArray>,
    /// Initial cell state (LSTM); none is zero.
    pub c0: Option<&'a DeviceArray>,
    /// Where to put the final hidden state.
    pub h_n: Option<&'a DeviceArray>,
    /// Where to put the final cell state (LSTM).
    pub c_n: Option<&'a DeviceArray>,
}

impl<'a> StageState<'a> {
    /// From this hidden state, and this cell state (LSTM; none is zero): `[L*D, B, H]` each.
    pub fn with_initial(mut self, h0: &'a DeviceArray, c0: Option<&'a DeviceArray>) -> Self {
        (self.h0, self.c0) = (Some(h0), c0);
        self
    }

    /// The final hidden state to here, and the final cell state (LSTM; none is not wanted): `[L*D, B, H]` each.
    pub fn with_final(mut self, h_n: &'a DeviceArray, c_n: Option<&'a DeviceArray>) -> Self {
        (self.h_n, self.c_n) = (Some(h_n), c_n);
        self
    }

    pub(crate) fn check(&self, gpu: &Gpu, problem: &Problem) -> Result<()> {
        use wgpu::BufferUsages as Usage;
        let arrays = [
            ("h0", Part::H, self.h0, Usage::COPY_SRC),
            ("c0", Part::C, self.c0, Usage::COPY_SRC),
            ("h_n", Part::H, self.h_n, Usage::COPY_DST),
            ("c_n", Part::C, self.c_n, Usage::COPY_DST),
        ];
        arrays.into_iter().try_for_each(|array| check_state_array(gpu, problem, array))
    }
}

/// Which part of a state.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Part {
    H,
    C,
}

/// Whether h or c, or a gradient of one, fits where there is one.
pub(crate) fn check_state_array(
    gpu: &Gpu,
    problem: &Problem,
    (name, part, array, usage): (&str, Part, Option<&DeviceArray>, wgpu::BufferUsages),
) -> Result<()> {
    let Some(array) = array else { return Ok(()) };
    if part == Part::C && !problem.sizes.cell.has_c() {
        return Err(superfluous(name, problem));
    }
    let shape = if part == Part::C { problem.c_shape() } else { problem.h_shape() };
    array.check(name, gpu, &shape)?;
    array.check_usage(name, usage)
}

impl<'a> LayerIo<'a> {
    pub(crate) fn state(&self) -> StageState<'a> {
        let LayerIo { h0, c0, h_n, c_n, .. } = *self;
        StageState { h0, c0, h_n, c_n }
    }

    /// From zero states, the final ones not wanted, all rows of full length.
    pub fn new(x: &'a DeviceArray, y: &'a DeviceArray) -> Self {
        Self::from_input(DeviceInput::Features(x), y)
    }

    /// As [`LayerIo::new`], from projected rows or token ids.
    pub fn from_input(input: DeviceInput<'a>, y: &'a DeviceArray) -> Self {
        LayerIo { input, y, h0: None, c0: None, h_n: None, c_n: None, lengths: None }
    }
}

/// Hidden states, and cell states where the cell has them, on the host: `[L*D, B, H]`.
#[derive(Clone, Debug)]
pub(crate) struct States {
    pub h: Array3<f32>,
    pub c: Option<Array3<f32>>,
}

impl States {
    /// Values of h, and of c where the cell has it.
    pub fn len(problem: &Problem) -> usize {
        let has_c = problem.sizes.cell.has_c();
        let c = if has_c { problem.c_shape().iter().product() } else { 0 };
        problem.h_shape().iter().product::<usize>() + c
    }

    /// From h with c behind it.
    pub fn split(problem: &Problem, values: &[f32]) -> Result<Self> {
        let (h, c) = values.split_at(problem.h_shape().iter().product());
        let c = (!c.is_empty()).then(|| to_array(problem.c_shape(), c)).transpose()?;
        Ok(States { h: to_array(problem.h_shape(), h)?, c })
    }

    pub fn check(&self, problem: &Problem) -> Result<()> {
        self.check_named(["h0", "c0"], problem)
    }

    /// The same, of gradients of states.
    pub fn check_named(&self, [h, c]: [&str; 2], problem: &Problem) -> Result<()> {
        check_states((h, self.h.shape()), (c, self.c.as_ref().map(Array3::shape)), problem)
    }
}

/// Whether h and c, each after its name, have the shapes that they should, and c is there where the cell has it.
pub(crate) fn check_states(
    h: (&str, &[usize]),
    c: (&str, Option<&[usize]>),
    problem: &Problem,
) -> Result<()> {
    check_shape(h.0, h.1, &problem.h_shape())?;
    let (cell, shape) = (problem.sizes.cell, problem.c_shape());
    match c {
        (name, Some(c)) if cell.has_c() => check_shape(name, c, &shape),
        (name, Some(_)) => Err(superfluous(name, problem)),
        (name, None) if cell.has_c() => {
            Err(Error::argument(name, format!("{shape:?}: {cell} has a cell state"), "none"))
        }
        _ => Ok(()),
    }
}

fn superfluous(name: &str, problem: &Problem) -> Error {
    let expected = format!("none: {} has no cell state", problem.sizes.cell);
    Error::argument(name, expected, "an array")
}

pub(crate) fn to_array(shape: [usize; 3], values: &[f32]) -> Result<Array3<f32>> {
    Array3::from_shape_vec(shape, values.to_vec())
        .map_err(|error| Error::Gpu { reason: error.to_string() })
}

/// A kernel may not write what it reads.
pub(crate) fn check_apart(
    name: &str,
    y: &DeviceArray,
    input: &wgpu::Buffer,
    table: Option<&DeviceArray>,
) -> Result<()> {
    if y.buffer() != input && Some(y.buffer()) != table.map(DeviceArray::buffer) {
        return Ok(());
    }
    Err(Error::argument(name, "another buffer than the input", "the input's buffer"))
}

pub(crate) fn check_shape(argument: &str, given: &[usize], expected: &[usize]) -> Result<()> {
    if given == expected {
        Ok(())
    } else {
        Err(Error::shape(argument, format!("{expected:?}"), given))
    }
}
