//! What goes into a run: x, or what stands for it, on the host and on the device.

use ndarray::{ArrayView, ArrayView2, ArrayView3, ArrayViewD, Dimension};

use super::io::check_shape;
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
    /// Token ids, `[T, B]`, for a [`Model`](crate::Model) that begins with an [`Embedding`](crate::Embedding).
    Ids(ArrayViewD<'a, u32>),
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
    /// Token ids, `[T, B]`, for a [`Model`](crate::Model) that begins with an [`Embedding`](crate::Embedding); one beyond
    /// its table picks the last row.
    Ids(&'a DeviceArray<u32>),
}

impl<'a> DeviceInput<'a> {
    /// None of ids, which no recurrent layer takes.
    pub(crate) fn kind(&self) -> Option<InputKind> {
        match self {
            DeviceInput::Features(_) => Some(InputKind::Features),
            DeviceInput::Projected(_) => Some(InputKind::Projected),
            DeviceInput::Tokens { table, .. } => Some(tokens_of(table)),
            DeviceInput::Ids(_) => None,
        }
    }

    pub(crate) fn shape(&self) -> &'a [usize] {
        match self {
            DeviceInput::Features(x) | DeviceInput::Projected(x) => x.shape(),
            DeviceInput::Tokens { ids, .. } | DeviceInput::Ids(ids) => ids.shape(),
        }
    }

    pub(crate) fn buffer(&self) -> &'a wgpu::Buffer {
        match self {
            DeviceInput::Features(x) | DeviceInput::Projected(x) => x.buffer(),
            DeviceInput::Tokens { ids, .. } | DeviceInput::Ids(ids) => ids.buffer(),
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
            DeviceInput::Ids(_) => Err(no_embedding()),
        }
    }
}

/// The input of a run from host arrays, brought to three axes, token ids to two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HostInput<'a> {
    Features(ArrayView3<'a, f32>),
    Projected(ArrayView3<'a, f32>),
    Tokens { ids: ArrayView2<'a, u32>, table: &'a DeviceArray },
    Ids(ArrayView2<'a, u32>),
}

impl<'a> HostInput<'a> {
    /// None of ids, which no recurrent layer takes.
    pub fn kind(&self) -> Option<InputKind> {
        match self {
            HostInput::Features(_) => Some(InputKind::Features),
            HostInput::Projected(_) => Some(InputKind::Projected),
            HostInput::Tokens { table, .. } => Some(tokens_of(table)),
            HostInput::Ids(_) => None,
        }
    }

    pub fn shape(&self) -> &[usize] {
        match self {
            HostInput::Features(x) | HostInput::Projected(x) => x.shape(),
            HostInput::Tokens { ids, .. } | HostInput::Ids(ids) => ids.shape(),
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
                check_ids(ids, table.shape()[0])
            }
            HostInput::Ids(_) => Err(no_embedding()),
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
            HostInput::Ids(_) => DeviceInput::Ids(ids),
        }
    }

    /// Queues the copy to the buffer that a run reads.
    pub fn write(&self, gpu: &Gpu, buffer: &wgpu::Buffer) {
        match self {
            HostInput::Features(x) | HostInput::Projected(x) => gpu.write(buffer, 0, *x),
            HostInput::Tokens { ids, .. } | HostInput::Ids(ids) => gpu.write(buffer, 0, *ids),
        }
    }
}

/// What a recurrent layer says of ids.
pub(crate) fn no_embedding() -> Error {
    let expected =
        "features, projected rows or tokens with their table: only an Embedding takes ids";
    Error::argument("ids", expected, "ids without a table")
}

/// `seq_len` and `batch` of an input of this kind, none of which is ids, and shape.
pub(crate) fn run_sizes(
    input: Option<InputKind>,
    shape: &[usize],
    batch_first: bool,
) -> Result<(usize, usize)> {
    let (first, second) = match (input, shape) {
        (None | Some(InputKind::Tokens { .. }), [first, second]) => (*first, *second),
        (None | Some(InputKind::Tokens { .. }), _) => {
            return Err(Error::shape("ids", "two axes", shape));
        }
        (_, [first, second, _]) => (*first, *second),
        _ => return Err(Error::shape("x", "three axes", shape)),
    };
    Ok(if batch_first { (second, first) } else { (first, second) })
}

/// Token ids that pick rows of this table.
pub(crate) fn tokens_of(table: &DeviceArray) -> InputKind {
    InputKind::Tokens { vocabulary: table.shape().first().copied().unwrap_or(0) }
}

pub(crate) fn check_table(table: &DeviceArray, gpu: &Gpu, problem: &Problem) -> Result<()> {
    problem.table_shape().map_or(Ok(()), |shape| table.check("table", gpu, &shape))
}

pub(crate) fn check_ids<D: Dimension>(
    ids: &ArrayView<'_, u32, D>,
    vocabulary: usize,
) -> Result<()> {
    match ids.iter().position(|id| *id as usize >= vocabulary) {
        None => Ok(()),
        Some(at) => {
            let given = ids.iter().nth(at).copied().unwrap_or_default();
            let expected = format!("less than the {vocabulary} rows of the table");
            Err(Error::argument(&format!("ids[{at}]"), expected, given))
        }
    }
}
