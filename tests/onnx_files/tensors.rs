//! Tensors of files.

use prost::Message;
use wgpu_rnn::Error;
use wgpu_rnn::io::onnx::proto::{DataType, SparseTensorProto, TensorProto};
use wgpu_rnn::io::onnx::{Dtype, Tensor};
use wgpu_rnn::ndarray::{Array1, ArrayD};

use crate::{error, initializer, invalid, sound, unsupported};

#[test]
fn tensors_hold_what_they_say() {
    let with = |edit: &dyn Fn(&mut TensorProto)| {
        let mut graph = sound();
        edit(initializer(&mut graph, 0));
        graph
    };
    invalid(&with(&|w| w.dims[1] = 10), "tensor `W`");
    invalid(&with(&|w| w.dims[1] = -9), "make no sense");
    invalid(&with(&|w| w.dims = vec![i64::MAX, i64::MAX]), "make no sense");
    invalid(&with(&|w| w.dims = vec![1 << 40, 1 << 30, 0]), "make no sense");
    invalid(&with(&|w| w.raw_data.as_mut().unwrap().truncate(71)), "no elements of 4");
    invalid(&with(&|w| w.float_data = vec![1.0]), "more than one field");
    invalid(&with(&|w| w.data_type = None), "no data type");
    invalid(&with(&|w| w.data_type = Some(99)), "data type 99");
    unsupported(&with(&|w| w.data_type = Some(DataType::String as i32)), "STRING");
    unsupported(&with(&|w| w.data_type = Some(DataType::Uint8 as i32)), "UINT8");
    unsupported(&with(&|w| w.segment = Some(Default::default())), "segments");
    let mut graph = sound();
    graph.graph().sparse_initializer.push(SparseTensorProto::default());
    unsupported(&graph, "sparse");
    // Integers for weights.
    let ints = with(&|w| {
        w.data_type = Some(DataType::Int32 as i32);
        w.dims = vec![1, 9, 2];
    });
    let error = error(&ints);
    assert!(matches!(&error, Error::TensorDtype { name, .. } if name == "W"), "{error}");
}

#[test]
fn every_float_becomes_f32() {
    use half::{bf16, f16};
    let values = [1.0f32, -0.5, 0.25];
    let proto = |data_type, raw_data: Vec<u8>| TensorProto {
        dims: vec![3],
        data_type: Some(data_type as i32),
        raw_data: Some(raw_data),
        ..Default::default()
    };
    let expected = Tensor::from(Array1::from(values.to_vec()));
    let bytes = |of: fn(f32) -> Vec<u8>| values.iter().flat_map(|value| of(*value)).collect();
    for tensor in [
        proto(DataType::Float, bytes(|x| x.to_le_bytes().into())),
        proto(DataType::Double, bytes(|x| f64::from(x).to_le_bytes().into())),
        proto(DataType::Float16, bytes(|x| f16::from_f32(x).to_le_bytes().into())),
        proto(DataType::Bfloat16, bytes(|x| bf16::from_f32(x).to_le_bytes().into())),
        TensorProto {
            raw_data: None,
            float_data: values.to_vec(),
            ..proto(DataType::Float, vec![])
        },
        TensorProto {
            raw_data: None,
            double_data: values.map(f64::from).to_vec(),
            ..proto(DataType::Double, vec![])
        },
        TensorProto {
            raw_data: None,
            int32_data: values.map(|x| f16::from_f32(x).to_bits().into()).to_vec(),
            ..proto(DataType::Float16, vec![])
        },
    ] {
        assert_eq!(Tensor::from_bytes(&tensor.encode_to_vec()).unwrap(), expected);
    }
    let ints = TensorProto { int32_data: vec![1, -1, 7], ..proto(DataType::Int32, vec![]) };
    let ints = TensorProto { raw_data: None, ..ints };
    let read = Tensor::from_bytes(&ints.encode_to_vec()).unwrap();
    assert_eq!(read, Tensor::from(Array1::from(vec![1i64, -1, 7])));
    let bools = proto(DataType::Bool, vec![1, 0, 1]);
    let read = Tensor::from_bytes(&bools.encode_to_vec()).unwrap();
    assert_eq!(read, Tensor::from(Array1::from(vec![true, false, true])));
}

#[test]
fn tensors_know_their_kind() {
    let tensor = Tensor::from(ArrayD::<f32>::zeros(vec![2, 3]));
    assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, &[2, 3][..]));
    assert!(tensor.as_f32().is_some() && tensor.as_i64().is_none());
    assert!(matches!(Tensor::from_bytes(b"\xff\xff"), Err(Error::Format { .. })));
}
