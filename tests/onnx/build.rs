//! Graphs built in code.

#![allow(dead_code, reason = "each test binary uses a part")]

use prost::Message;
use wgpu_rnn::io::onnx::proto::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use wgpu_rnn::ndarray::{Array, Dimension as Axes};

/// A model as it grows.
#[derive(Clone)]
pub struct Graph {
    pub model: ModelProto,
}

pub enum Value<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Floats(&'a [f32]),
    Text(&'a str),
    Texts(&'a [&'a str]),
}

impl Graph {
    pub fn new(opset: i64) -> Self {
        let import = OperatorSetIdProto { domain: Some(String::new()), version: Some(opset) };
        let graph = Some(GraphProto { name: Some("graph".into()), ..Default::default() });
        let model = ModelProto {
            ir_version: Some(8),
            graph,
            opset_import: vec![import],
            ..Default::default()
        };
        Graph { model }
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.model.graph.as_mut().unwrap()
    }

    /// A side of -1 is open, and one of its own.
    pub fn input(mut self, name: &str, data_type: DataType, dims: &[i64]) -> Self {
        let value = value(name, data_type, dims);
        self.graph().input.push(value);
        self
    }

    pub fn floats(self, name: &str, dims: &[i64]) -> Self {
        self.input(name, DataType::Float, dims)
    }

    pub fn output(mut self, name: &str) -> Self {
        let value = value(name, DataType::Float, &[]);
        self.graph().output.push(value);
        let tensor = self.graph().output.last_mut().unwrap().r#type.as_mut().unwrap();
        tensor.tensor_type.as_mut().unwrap().shape = None;
        self
    }

    pub fn constant(mut self, tensor: TensorProto) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    /// Inputs and outputs are separated by spaces; `-` is one that is left out.
    pub fn node(mut self, op: &str, inputs: &str, outputs: &str, values: &[(&str, Value)]) -> Self {
        let names = |text: &str| {
            let name = |name: &str| if name == "-" { String::new() } else { name.to_string() };
            text.split_whitespace().map(name).collect()
        };
        let node = NodeProto {
            input: names(inputs),
            output: names(outputs),
            name: Some(format!("the_{}", op.to_lowercase())),
            op_type: Some(op.into()),
            attribute: values.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..Default::default()
        };
        self.graph().node.push(node);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }
}

pub fn value(name: &str, data_type: DataType, dims: &[i64]) -> ValueInfoProto {
    let dimension = |dim: &i64| match dim {
        -1 => Dimension { dim_value: None, dim_param: None },
        dim => Dimension { dim_value: Some(*dim), dim_param: None },
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dimension).collect() });
    let tensor_type = Some(TensorType { elem_type: Some(data_type as i32), shape });
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type }) }
}

fn attribute(name: &str, value: &Value) -> AttributeProto {
    let proto = AttributeProto { name: Some(name.into()), ..Default::default() };
    let (kind, proto) = match value {
        Value::Int(i) => (AttributeType::Int, AttributeProto { i: Some(*i), ..proto }),
        Value::Ints(ints) => (AttributeType::Ints, AttributeProto { ints: ints.to_vec(), ..proto }),
        Value::Float(f) => (AttributeType::Float, AttributeProto { f: Some(*f), ..proto }),
        Value::Floats(floats) => {
            (AttributeType::Floats, AttributeProto { floats: floats.to_vec(), ..proto })
        }
        Value::Text(s) => {
            (AttributeType::String, AttributeProto { s: Some(s.as_bytes().to_vec()), ..proto })
        }
        Value::Texts(texts) => {
            let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            (AttributeType::Strings, AttributeProto { strings, ..proto })
        }
    };
    AttributeProto { r#type: Some(kind as i32), ..proto }
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|side| *side as i64).collect()
}

pub fn f32s<D: Axes>(name: &str, array: &Array<f32, D>) -> TensorProto {
    TensorProto {
        dims: dims(array.shape()),
        data_type: Some(DataType::Float as i32),
        name: Some(name.into()),
        raw_data: Some(array.iter().flat_map(|value| value.to_le_bytes()).collect()),
        ..Default::default()
    }
}

/// One axis.
pub fn i64s(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        name: Some(name.into()),
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

/// One axis.
pub fn i32s(name: &str, values: &[i32]) -> TensorProto {
    TensorProto {
        data_type: Some(DataType::Int32 as i32),
        int32_data: values.to_vec(),
        int64_data: Vec::new(),
        ..i64s(name, &vec![0; values.len()])
    }
}

/// No axis.
pub fn scalar(name: &str, value: i64) -> TensorProto {
    TensorProto { dims: vec![], ..i64s(name, &[value]) }
}
