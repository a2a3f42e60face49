//! What goes into a run and what comes out, on the host and on the device.

use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewD};

use crate::error::{Error, Result};
use crate::gpu::{DeviceArray, Gpu};
use crate::problem::{InputKind, Problem};

/// The input of a run from host arrays. Shapes with T = `seq_len`, B = `batch`, I = `input_size`, G gates, H =
/// `hidden_size`, D directions; `[B, T, ..]` if `batch_first`, without B unbatched.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LayerInput<'a> {
    /// x: `[T, B, I]`.
    Features(ArrayViewD<'a, f32>),
    /// x · W_ihᵀ of the first layer without biases, `[T, B, D*G*H]`, gates in PyTorch's order; see
    /// [`Linear::input_projection`](crate::Linear::input_projection).
    Projected(ArrayViewD<'a, f32>),
    /// Token ids, `[T, B]`, each of which picks a row of `table`: no product with W_ih at all.
    Tokens {
        /// Token ids.
        ids: ArrayViewD<'a, u32>,
        /// The embedding, projected as in [`LayerInput::Projected`]: `[vocabulary, D*G*H]`.
        table: &'a DeviceArray,
    },
}

/// The input of an encoded run, read in place; shapes as in [`LayerInput`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DeviceInput<'a> {
    /// x: `[T, B, I]`.
    Features(&'a DeviceArray),
    /// x · W_ihᵀ of the first layer without biases: `[T, B, D*G*H]`.
    Projected(&'a DeviceArray),
    /// Token ids, `[T, B]`, each of which picks a row of `table`; one beyond it picks the last.
    Tokens {
        /// Token ids.
        ids: &'a DeviceArray<u32>,
        /// The projected embedding: `[vocabulary, D*G*H]`.
        table: &'a DeviceArray,
    },
}

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

impl<'a> DeviceInput<'a> {
    pub(crate) fn kind(&self) -> InputKind {
        match self {
            DeviceInput::Features(_) => InputKind::Features,
            DeviceInput::Projected(_) => InputKind::Projected,
            DeviceInput::Tokens { table, .. } => tokens_of(table),
        }
    }

    pub(crate) fn shape(&self) -> &'a [usize] {
        match self {
            DeviceInput::Features(x) | DeviceInput::Projected(x) => x.shape(),
            DeviceInput::Tokens { ids, .. } => ids.shape(),
        }
    }

    pub(crate) fn buffer(&self) -> &'a wgpu::Buffer {
        match self {
            DeviceInput::Features(x) | DeviceInput::Projected(x) => x.buffer(),
            DeviceInput::Tokens { ids, .. } => ids.buffer(),
        }
    }

    pub(crate) fn table(&self) -> Option<&'a DeviceArray> {
        match self {
            DeviceInput::Tokens { table, .. } => Some(table),
            _ => None,
        }
    }

    pub(crate) fn check(&self, gpu: &Gpu, problem: &Problem) -> Result<()> {
        let shape = problem.x_shape();
        match self {
            DeviceInput::Features(x) => x.check("x", gpu, &shape),
            DeviceInput::Projected(x_proj) => x_proj.check("x_proj", gpu, &shape),
            DeviceInput::Tokens { ids, table } => {
                ids.check("ids", gpu, &shape[..2])?;
                check_table(table, gpu, problem)
            }
        }
    }
}

/// The input of a run from host arrays, brought to three axes, token ids to two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HostInput<'a> {
    Features(ArrayView3<'a, f32>),
    Projected(ArrayView3<'a, f32>),
    Tokens { ids: ArrayView2<'a, u32>, table: &'a DeviceArray },
}

impl<'a> HostInput<'a> {
    pub fn kind(&self) -> InputKind {
        match self {
            HostInput::Features(_) => InputKind::Features,
            HostInput::Projected(_) => InputKind::Projected,
            HostInput::Tokens { table, .. } => tokens_of(table),
        }
    }

    pub fn shape(&self) -> &[usize] {
        match self {
            HostInput::Features(x) | HostInput::Projected(x) => x.shape(),
            HostInput::Tokens { ids, .. } => ids.shape(),
        }
    }

    pub fn table(&self) -> Option<&'a DeviceArray> {
        match self {
            HostInput::Tokens { table, .. } => Some(table),
            _ => None,
        }
    }

    pub fn check(&self, gpu: &Gpu, problem: &Problem) -> Result<()> {
        let shape = problem.x_shape();
        match self {
            HostInput::Features(x) => check_shape("x", x.shape(), &shape),
            HostInput::Projected(x_proj) => check_shape("x_proj", x_proj.shape(), &shape),
            HostInput::Tokens { ids, table } => {
                check_shape("ids", ids.shape(), &shape[..2])?;
                check_table(table, gpu, problem)?;
                check_ids(ids, table)
            }
        }
    }

    /// The same input on the device, in an array of its elements.
    pub fn on_device<'b>(&self, x: &'b DeviceArray, ids: &'b DeviceArray<u32>) -> DeviceInput<'b>
    where
        'a: 'b,
    {
        match self {
            HostInput::Features(_) => DeviceInput::Features(x),
            HostInput::Projected(_) => DeviceInput::Projected(x),
            HostInput::Tokens { table, .. } => DeviceInput::Tokens { ids, table },
        }
    }

    /// Queues the copy to the buffer that a run reads.
    pub fn write(&self, gpu: &Gpu, buffer: &wgpu::Buffer) {
        match self {
            HostInput::Features(x) | HostInput::Projected(x) => gpu.write(buffer, 0, *x),
            HostInput::Tokens { ids, .. } => gpu.write(buffer, 0, *ids),
        }
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

/// `seq_len` and `batch` of an input of this shape.
pub(crate) fn run_sizes(
    input: InputKind,
    shape: &[usize],
    batch_first: bool,
) -> Result<(usize, usize)> {
    let (first, second) = match (input, shape) {
        (InputKind::Tokens { .. }, [first, second]) => (*first, *second),
        (InputKind::Tokens { .. }, _) => return Err(Error::shape("ids", "two axes", shape)),
        (_, [first, second, _]) => (*first, *second),
        _ => return Err(Error::shape("x", "three axes", shape)),
    };
    Ok(if batch_first { (second, first) } else { (first, second) })
}

pub(crate) fn to_array(shape: [usize; 3], values: &[f32]) -> Result<Array3<f32>> {
    Array3::from_shape_vec(shape, values.to_vec())
        .map_err(|error| Error::Gpu { reason: error.to_string() })
}

/// Token ids that pick rows of this table.
pub(crate) fn tokens_of(table: &DeviceArray) -> InputKind {
    InputKind::Tokens { vocabulary: table.shape().first().copied().unwrap_or(0) }
}

pub(crate) fn check_table(table: &DeviceArray, gpu: &Gpu, problem: &Problem) -> Result<()> {
    problem.table_shape().map_or(Ok(()), |shape| table.check("table", gpu, &shape))
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

pub(crate) fn check_ids<D: ndarray::Dimension>(
    ids: &ndarray::ArrayView<'_, u32, D>,
    table: &DeviceArray,
) -> Result<()> {
    let vocabulary = table.shape()[0];
    match ids.iter().position(|id| *id as usize >= vocabulary) {
        None => Ok(()),
        Some(at) => {
            let given = ids.iter().nth(at).copied().unwrap_or_default();
            let expected = format!("less than the {vocabulary} rows of the table");
            Err(Error::argument(&format!("ids[{at}]"), expected, given))
        }
    }
}

pub(crate) fn check_shape(argument: &str, given: &[usize], expected: &[usize]) -> Result<()> {
    if given == expected {
        Ok(())
    } else {
        Err(Error::shape(argument, format!("{expected:?}"), given))
    }
}
