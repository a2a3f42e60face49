//! Arithmetic on constants: what graphs compute of shapes.

use half::{bf16, f16};
use ndarray::ArrayD;

use super::movements::broadcast_shape;
use super::value::{Budget, Shared, Value};
use crate::error::Result;
use crate::io::onnx::proto::DataType;
use crate::io::onnx::{Dtype, Node, Tensor};

/// The value of a Constant node.
pub(super) fn constant(node: &Node) -> Result<Value> {
    const NAMES: [&str; 5] = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let attributes = node.attributes(&NAMES)?;
    if NAMES.iter().filter(|name| attributes.has(name)).count() != 1 {
        return Err(node.invalid("has not one value"));
    }
    if let Some(tensor) = attributes.tensor("value")? {
        return Ok(tensor.clone().into());
    }
    let scalar = |tensor: Tensor| Value::from(tensor);
    if let Some(value) = attributes.float("value_float")? {
        return Ok(scalar(ndarray::arr0(value).into()));
    }
    if let Some(value) = attributes.int("value_int")? {
        return Ok(scalar(ndarray::arr0(value).into()));
    }
    if let Some(values) = attributes.floats("value_floats")? {
        return Ok(Tensor::from(ndarray::Array1::from(values.to_vec())).into());
    }
    let ints = attributes.ints("value_ints")?.unwrap_or_default();
    Ok(integers(ints.to_vec()))
}

/// One axis of integers.
pub(super) fn integers(values: Vec<i64>) -> Value {
    Tensor::from(ndarray::Array1::from(values)).into()
}

/// An array of one value; 0 of F32 where the node names none.
pub(super) fn constant_of_shape(node: &Node, shape: &[usize], budget: &Budget) -> Result<Value> {
    budget.take_array(shape).map_err(|reason| node.unsupported(reason))?;
    let value = node.attributes(&["value"])?.tensor("value")?;
    let misfit = || node.invalid("its value is not one element");
    Ok(match value {
        None => Tensor::F32(ArrayD::zeros(shape)).into(),
        Some(Tensor::F32(array)) if array.len() == 1 => {
            Tensor::F32(ArrayD::from_elem(shape, *array.first().ok_or_else(misfit)?)).into()
        }
        Some(Tensor::I64(array)) if array.len() == 1 => {
            Tensor::I64(ArrayD::from_elem(shape, *array.first().ok_or_else(misfit)?)).into()
        }
        Some(Tensor::Bool(array)) if array.len() == 1 => {
            Tensor::Bool(ArrayD::from_elem(shape, *array.first().ok_or_else(misfit)?)).into()
        }
        Some(_) => return Err(misfit()),
    })
}

/// The data type that a Cast is to, and the dtype that has its values here.
pub(super) fn cast_to(node: &Node) -> Result<(DataType, Dtype)> {
    let to = node.attributes(&["to", "saturate", "round_mode"])?.int("to")?;
    let to = to.and_then(|to| i32::try_from(to).ok());
    let dtype = crate::io::onnx::dtype("its result", to)
        .map_err(|error| node.unsupported(error.to_string()))?;
    let data_type = to.and_then(|to| DataType::try_from(to).ok());
    Ok((data_type.ok_or_else(|| node.invalid("has no data type"))?, dtype))
}

/// Constants have the values that the data type can have; data of a run stay F32 or I64, as the inputs of a graph do.
pub(super) fn cast(
    node: &Node,
    value: &Value,
    (data_type, to): (DataType, Dtype),
    budget: &Budget,
) -> Result<Value> {
    let rounded = |x: f32| match data_type {
        DataType::Float16 => f16::from_f32(x).to_f32(),
        DataType::Bfloat16 => bf16::from_f32(x).to_f32(),
        _ => x,
    };
    let narrowed = |n: i64| match data_type {
        DataType::Int32 => i64::from(n as i32),
        _ => n,
    };
    // ONNX leaves open what a float becomes that no such integer is.
    let (least, end) = match data_type {
        DataType::Int32 => (-2f32.powi(31), 2f32.powi(31)),
        _ => (-2f32.powi(63), 2f32.powi(63)),
    };
    if !matches!(value, Value::Data(..)) {
        budget.take_array(value.shape()).map_err(|reason| node.unsupported(reason))?;
    }
    Ok(match (value, to) {
        (Value::Data(dtype, _), to) if *dtype == to => value.clone(),
        (Value::F32(array), Dtype::F32) => Value::F32(array.mapv(rounded).into_shared()),
        (Value::F32(array), Dtype::I64) => {
            if let Some(x) = array.iter().find(|x| !(least..end).contains(&x.trunc())) {
                let reason = format!("{x} is none of the integers that it casts to");
                return Err(node.unsupported(reason));
            }
            Value::I64(array.mapv(|x| x as i64).into_shared())
        }
        (Value::F32(array), Dtype::Bool) => Value::Bool(array.mapv(|x| x != 0.0).into_shared()),
        (Value::I64(array), Dtype::F32) => {
            Value::F32(array.mapv(|n| rounded(n as f32)).into_shared())
        }
        (Value::I64(array), Dtype::I64) => Value::I64(array.mapv(narrowed).into_shared()),
        (Value::I64(array), Dtype::Bool) => Value::Bool(array.mapv(|n| n != 0).into_shared()),
        (Value::Bool(array), Dtype::F32) => {
            Value::F32(array.mapv(|is| f32::from(u8::from(is))).into_shared())
        }
        (Value::Bool(array), Dtype::I64) => Value::I64(array.mapv(i64::from).into_shared()),
        (Value::Bool(_), Dtype::Bool) => value.clone(),
        (value, to) => {
            return Err(node.unsupported(format!("data of {} as {to}", value.dtype())));
        }
    })
}

/// Add, Sub, Mul, Div and Equal of constants.
pub(super) fn binary(node: &Node, a: &Value, b: &Value, budget: &Budget) -> Result<Value> {
    node.attributes(&[])?;
    let op = node.op.as_str();
    let float = |a: &f32, b: &f32| {
        Some(match op {
            "Add" => a + b,
            "Sub" => a - b,
            "Mul" => a * b,
            _ => a / b,
        })
    };
    let int = |a: &i64, b: &i64| match op {
        "Add" => a.checked_add(*b),
        "Sub" => a.checked_sub(*b),
        "Mul" => a.checked_mul(*b),
        _ => a.checked_div(*b),
    };
    match (a, b, op == "Equal") {
        (Value::F32(a), Value::F32(b), false) => zipped(node, a, b, budget, float).map(Value::F32),
        (Value::I64(a), Value::I64(b), false) => zipped(node, a, b, budget, int).map(Value::I64),
        (Value::F32(a), Value::F32(b), true) => {
            zipped(node, a, b, budget, |a, b| Some(a == b)).map(Value::Bool)
        }
        (Value::I64(a), Value::I64(b), true) => {
            zipped(node, a, b, budget, |a, b| Some(a == b)).map(Value::Bool)
        }
        _ => Err(node.invalid("its inputs are not of one kind, or not numbers")),
    }
}

/// Where of constants.
pub(super) fn choose(
    node: &Node,
    [condition, a, b]: [&Value; 3],
    budget: &Budget,
) -> Result<Value> {
    node.attributes(&[])?;
    let Value::Bool(condition) = condition else {
        return Err(node.invalid("its condition is not BOOL"));
    };
    fn chosen<T: Copy>(
        node: &Node,
        condition: &Shared<bool>,
        a: &Shared<T>,
        b: &Shared<T>,
        budget: &Budget,
    ) -> Result<Shared<T>> {
        let both = zipped(node, a, b, budget, |a, b| Some((*a, *b)))?;
        zipped(node, condition, &both, budget, |is, (a, b)| Some(if *is { *a } else { *b }))
    }
    match (a, b) {
        (Value::F32(a), Value::F32(b)) => chosen(node, condition, a, b, budget).map(Value::F32),
        (Value::I64(a), Value::I64(b)) => chosen(node, condition, a, b, budget).map(Value::I64),
        _ => Err(node.invalid("its inputs are not of one kind, or not numbers")),
    }
}

fn zipped<A, B, C: Clone>(
    node: &Node,
    a: &Shared<A>,
    b: &Shared<B>,
    budget: &Budget,
    of: impl Fn(&A, &B) -> Option<C>,
) -> Result<Shared<C>> {
    let shape = broadcast_shape(node, a.shape(), b.shape())?;
    budget.take_array(&shape).map_err(|reason| node.unsupported(reason))?;
    let misfit = || node.invalid("its inputs do not fit each other");
    let a = a.broadcast(shape.as_slice()).ok_or_else(misfit)?;
    let b = b.broadcast(shape.as_slice()).ok_or_else(misfit)?;
    // In the order of the axes, and not as `ndarray::Zip` goes: by what lies next to each other in memory.
    let values: Option<Vec<C>> = a.iter().zip(&b).map(|(a, b)| of(a, b)).collect();
    let values = values.ok_or_else(|| node.invalid("its result is beyond INT64"))?;
    let array = ArrayD::from_shape_vec(shape, values).map_err(|_| misfit())?;
    Ok(array.into_shared())
}
