//! Tensors of ONNX files, as far as weights, shapes and ids need them.

use std::fmt;

use half::{bf16, f16};
use ndarray::{Array, ArrayD, Dimension, IxDyn};
use prost::Message;

use super::external::Folder;
use super::proto::{DataLocation, DataType, TensorProto};
use super::{FORMAT, invalid};
use crate::error::{Error, Result};

/// The kinds of elements that a graph computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// Weights and data: FLOAT, and in files also FLOAT16, BFLOAT16 and DOUBLE.
    F32,
    /// Shapes, lengths and ids: INT64, and in files also INT32.
    I64,
    /// Conditions: BOOL.
    Bool,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Dtype::F32 => "F32",
            Dtype::I64 => "I64",
            Dtype::Bool => "BOOL",
        })
    }
}

/// What goes into a graph and what comes out of it.
///
/// ```
/// use wgpu_rnn::io::onnx::Tensor;
/// use wgpu_rnn::ndarray::{Array1, Array3};
///
/// let x = Tensor::from(Array3::<f32>::zeros((7, 2, 3)));
/// let sequence_lens = Tensor::from(Array1::from(vec![7i64, 4]));
/// assert_eq!((x.shape(), sequence_lens.shape()), (&[7, 2, 3][..], &[2][..]));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tensor {
    /// Weights and data.
    F32(ArrayD<f32>),
    /// Shapes, lengths and ids.
    I64(ArrayD<i64>),
    /// Conditions.
    Bool(ArrayD<bool>),
}

impl<D: Dimension> From<Array<f32, D>> for Tensor {
    fn from(array: Array<f32, D>) -> Self {
        Tensor::F32(array.into_dyn())
    }
}

impl<D: Dimension> From<Array<i64, D>> for Tensor {
    fn from(array: Array<i64, D>) -> Self {
        Tensor::I64(array.into_dyn())
    }
}

impl<D: Dimension> From<Array<bool, D>> for Tensor {
    fn from(array: Array<bool, D>) -> Self {
        Tensor::Bool(array.into_dyn())
    }
}

impl Tensor {
    /// Reads a file that holds one TensorProto, such as the `input_0.pb` of ONNX' own tests.
    ///
    /// # Errors
    /// [`Error::Format`] where the bytes are none, [`Error::Unsupported`] where a graph here has no such elements.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let proto = TensorProto::decode(bytes).map_err(|error| invalid(error.to_string()))?;
        Self::of_proto(&proto, &Folder::none())
    }

    /// The kind of its elements.
    pub fn dtype(&self) -> Dtype {
        match self {
            Tensor::F32(_) => Dtype::F32,
            Tensor::I64(_) => Dtype::I64,
            Tensor::Bool(_) => Dtype::Bool,
        }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Tensor::F32(array) => array.shape(),
            Tensor::I64(array) => array.shape(),
            Tensor::Bool(array) => array.shape(),
        }
    }

    /// The array, where it is of F32.
    pub fn as_f32(&self) -> Option<&ArrayD<f32>> {
        match self {
            Tensor::F32(array) => Some(array),
            _ => None,
        }
    }

    /// The array, where it is of I64.
    pub fn as_i64(&self) -> Option<&ArrayD<i64>> {
        match self {
            Tensor::I64(array) => Some(array),
            _ => None,
        }
    }

    pub(super) fn of_proto(proto: &TensorProto, folder: &Folder) -> Result<Self> {
        let name = proto.name.as_deref().unwrap_or_default();
        let misfit = |reason: String| invalid(format!("tensor `{name}`: {reason}"));
        if proto.segment.is_some() {
            let what = format!("tensor `{name}` in segments");
            return Err(Error::Unsupported { what, reason: "only whole tensors are read".into() });
        }
        let (shape, len) = sizes_of(&proto.dims).map_err(misfit)?;
        let data_type = data_type(proto.data_type).map_err(misfit)?;
        let external;
        let raw = if proto.data_location == Some(DataLocation::External as i32) {
            let width = width(data_type).ok_or_else(|| unread(name, data_type))?;
            let bytes = len.checked_mul(width);
            let bytes = bytes.ok_or_else(|| misfit(format!("dims {shape:?} make no sense")))?;
            external = folder.read(name, &proto.external_data, bytes)?;
            Some(external.as_slice())
        } else {
            proto.raw_data.as_deref()
        };
        let typed = [
            proto.float_data.len(),
            proto.int32_data.len(),
            proto.int64_data.len(),
            proto.double_data.len(),
        ];
        if typed.iter().filter(|len| **len > 0).count() + usize::from(raw.is_some()) > 1 {
            return Err(misfit("has its elements in more than one field".into()));
        }
        let halves = || proto.int32_data.iter().map(|bits| *bits as u16);
        match data_type {
            DataType::Float => match raw {
                Some(raw) => array(&shape, words(raw)?.map(f32::from_le_bytes).collect()),
                None => array(&shape, proto.float_data.clone()),
            }
            .map(Tensor::F32),
            DataType::Double => match raw {
                Some(raw) => narrowed(&shape, words(raw)?.map(f64::from_le_bytes)),
                None => narrowed(&shape, proto.double_data.iter().copied()),
            },
            DataType::Float16 => match raw {
                Some(raw) => widened(&shape, words(raw)?.map(f16::from_le_bytes).map(f16::to_f32)),
                None => widened(&shape, halves().map(f16::from_bits).map(f16::to_f32)),
            },
            DataType::Bfloat16 => match raw {
                Some(raw) => {
                    widened(&shape, words(raw)?.map(bf16::from_le_bytes).map(bf16::to_f32))
                }
                None => widened(&shape, halves().map(bf16::from_bits).map(bf16::to_f32)),
            },
            DataType::Int64 => match raw {
                Some(raw) => array(&shape, words(raw)?.map(i64::from_le_bytes).collect()),
                None => array(&shape, proto.int64_data.clone()),
            }
            .map(Tensor::I64),
            DataType::Int32 => match raw {
                Some(raw) => {
                    array(&shape, words(raw)?.map(i32::from_le_bytes).map(i64::from).collect())
                }
                None => array(&shape, proto.int32_data.iter().copied().map(i64::from).collect()),
            }
            .map(Tensor::I64),
            DataType::Bool => match raw {
                Some(raw) => array(&shape, raw.iter().map(|byte| *byte != 0).collect()),
                None => array(&shape, proto.int32_data.iter().map(|bit| *bit != 0).collect()),
            }
            .map(Tensor::Bool),
            other => return Err(unread(name, other)),
        }
        .map_err(|error| match error {
            Error::Format { reason, .. } => misfit(reason),
            other => other,
        })
    }
}

fn unread(name: &str, data_type: DataType) -> Error {
    let what = format!("tensor `{name}` of {}", label(data_type));
    let reason = "FLOAT, FLOAT16, BFLOAT16, DOUBLE, INT64, INT32 and BOOL are read".into();
    Error::Unsupported { what, reason }
}

/// As onnx.proto spells it.
fn label(data_type: DataType) -> String {
    format!("{data_type:?}").to_uppercase()
}

fn data_type(number: Option<i32>) -> Result<DataType, String> {
    match number.map(DataType::try_from) {
        Some(Ok(data_type)) if data_type != DataType::Undefined => Ok(data_type),
        Some(Err(_)) => Err(format!("data type {} is unknown", number.unwrap_or_default())),
        _ => Err("has no data type".into()),
    }
}

/// What values of a data type are in a graph.
pub(crate) fn dtype(what: &str, number: Option<i32>) -> Result<Dtype> {
    let data_type = data_type(number).map_err(|reason| invalid(format!("{what}: {reason}")))?;
    match data_type {
        DataType::Float | DataType::Float16 | DataType::Bfloat16 | DataType::Double => {
            Ok(Dtype::F32)
        }
        DataType::Int64 | DataType::Int32 => Ok(Dtype::I64),
        DataType::Bool => Ok(Dtype::Bool),
        other => {
            let what = format!("{what} of {}", label(other));
            let reason = "values are floats, INT64, INT32 or BOOL".into();
            Err(Error::Unsupported { what, reason })
        }
    }
}

/// The sides, and how many elements that makes.
fn sizes_of(dims: &[i64]) -> Result<(Vec<usize>, usize), String> {
    let wrong = || format!("dims {dims:?} make no sense");
    let shape = dims.iter().map(|dim| usize::try_from(*dim).map_err(|_| wrong()));
    let shape: Vec<usize> = shape.collect::<Result<_, _>>()?;
    let len = checked_len(&shape).ok_or_else(wrong)?;
    Ok((shape, len))
}

/// How many elements an array has; none where ndarray takes no such shape: sides other than 0 overflow an isize.
pub(crate) fn checked_len(shape: &[usize]) -> Option<usize> {
    let mut sides = shape.iter().filter(|side| **side > 0);
    let len = sides.try_fold(1usize, |len, side| len.checked_mul(*side))?;
    let len = isize::try_from(len).ok()?.unsigned_abs();
    Some(if shape.contains(&0) { 0 } else { len })
}

/// Bytes of an element outside of the protobuf message.
fn width(data_type: DataType) -> Option<usize> {
    match data_type {
        DataType::Float | DataType::Int32 => Some(4),
        DataType::Double | DataType::Int64 => Some(8),
        DataType::Float16 | DataType::Bfloat16 => Some(2),
        DataType::Bool => Some(1),
        _ => None,
    }
}

fn words<const N: usize>(bytes: &[u8]) -> Result<impl Iterator<Item = [u8; N]>> {
    match bytes.as_chunks::<N>() {
        (words, []) => Ok(words.iter().copied()),
        _ => Err(invalid(format!("{} bytes are no elements of {N}", bytes.len()))),
    }
}

fn array<T>(shape: &[usize], values: Vec<T>) -> Result<ArrayD<T>> {
    let len = values.len();
    ArrayD::from_shape_vec(IxDyn(shape), values).map_err(|_| Error::Format {
        format: FORMAT,
        reason: format!("dims {shape:?} do not have {len} elements"),
    })
}

fn widened(shape: &[usize], values: impl Iterator<Item = f32>) -> Result<Tensor> {
    array(shape, values.collect()).map(Tensor::F32)
}

fn narrowed(shape: &[usize], values: impl Iterator<Item = f64>) -> Result<Tensor> {
    array(shape, values.map(|value| value as f32).collect()).map(Tensor::F32)
}
