//! ONNX files that are not what they should be: typed errors that name what is wrong, and never a panic.

#[path = "onnx/build.rs"]
mod build;

use std::path::PathBuf;

use build::{Graph, Value, f32s, i64s, scalar, value};
use prost::Message;
use wgpu_rnn::io::onnx::proto::{
    DataLocation, DataType, SparseTensorProto, StringStringEntryProto, TensorProto,
};
use wgpu_rnn::io::onnx::{Dim, Dtype, Onnx, Tensor, from_bytes, open};
use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD};
use wgpu_rnn::{Error, Result};

/// A GRU of I = 2, H = 3 over the last step, and a head.
fn sound() -> Graph {
    let ones = |shape: [usize; 3]| Array3::<f32>::from_elem(shape, 0.1);
    Graph::new(13)
        .floats("X", &[4, 2, 2])
        .constant(f32s("W", &ones([1, 9, 2])))
        .constant(f32s("R", &ones([1, 9, 3])))
        .constant(f32s("head", &Array2::<f32>::ones((3, 2))))
        .constant(scalar("last", -1))
        .constant(i64s("axis", &[0]))
        .node("GRU", "X W R", "Y Y_h", &[("hidden_size", Value::Int(3))])
        .node("Gather", "Y last", "step", &[])
        .node("Squeeze", "step axis", "rows", &[])
        .node("MatMul", "rows head", "out", &[])
        .output("out")
}

fn read(graph: &Graph) -> Result<Onnx> {
    from_bytes(&graph.bytes(), None)
}

/// What is wrong is noticed in the file, or once its nodes are looked at.
fn error(graph: &Graph) -> Error {
    read(graph).and_then(|onnx| onnx.weights()).expect_err("the graph is not sound")
}

#[track_caller]
fn invalid(graph: &Graph, words: &str) {
    match error(graph) {
        Error::Format { format: "ONNX", reason } => assert!(reason.contains(words), "{reason}"),
        other => panic!("{words}: {other:?}"),
    }
}

#[track_caller]
fn unsupported(graph: &Graph, words: &str) {
    let error = error(graph);
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}

#[test]
fn a_sound_file_tells_what_it_takes() {
    let onnx = read(&sound()).unwrap();
    assert_eq!((onnx.opset(), onnx.inputs().len(), onnx.outputs().len()), (13, 1, 1));
    let x = &onnx.inputs()[0];
    assert_eq!((x.name.as_str(), x.dtype), ("X", Dtype::F32));
    assert_eq!(x.dims.as_deref(), Some(&[Dim::Known(4), Dim::Known(2), Dim::Known(2)][..]));
    assert_eq!(onnx.outputs()[0].dims, None);
    let weights = onnx.weights().unwrap();
    assert_eq!(weights.stages().len(), 3);
    assert_eq!((weights.input_size(), weights.output_size()), (2, 2));
}

#[test]
fn nodes_need_not_be_in_order() {
    let mut graph = sound();
    graph.graph().node.reverse();
    assert_eq!(
        read(&graph).unwrap().weights().unwrap(),
        read(&sound()).unwrap().weights().unwrap()
    );
}

/// Whatever is in a file: an error, or a graph that can be asked everything.
fn ask(bytes: &[u8]) {
    let Ok(onnx) = from_bytes(bytes, None) else { return };
    let _ = (onnx.opset(), onnx.producer(), onnx.inputs(), onnx.outputs(), onnx.weights());
}

#[test]
fn no_bytes_make_it_panic() {
    let whole = sound().bytes();
    for length in 0..whole.len() {
        let part = &whole[..length];
        ask(part);
        let is_graph = from_bytes(part, None).and_then(|onnx| onnx.weights()).is_ok();
        // What is cut off behind the graph is the opset.
        assert!(!is_graph, "the first {length} bytes are a graph");
    }
    let mut state = 5u64;
    let mut below = move |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % n
    };
    for _ in 0..5_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + below(4) {
            let at = below(bytes.len());
            bytes[at] = below(256) as u8;
        }
        ask(&bytes);
    }
}

#[test]
fn names_have_one_meaning() {
    let ones = || f32s("W", &Array1::<f32>::ones(1));
    invalid(&sound().constant(ones()), "`W` is defined twice");
    invalid(&sound().node("Relu", "X", "Y", &[]), "`Y` is defined twice");
    invalid(&sound().floats("X", &[1]), "`X` is defined twice");
    invalid(&sound().node("Relu", "Z", "z", &[]), "`Z` is defined nowhere");
    invalid(&sound().output("Z"), "output `Z` is defined nowhere");
    let mut graph = sound();
    graph.graph().initializer.retain(|tensor| tensor.name.as_deref() != Some("R"));
    invalid(&graph, "`R` is defined nowhere");
    let mut graph = sound();
    graph.graph().initializer[0].name = None;
    invalid(&graph, "no name");
    let mut graph = sound();
    graph.graph().output.clear();
    invalid(&graph, "no output");
}

#[test]
fn cycles_are_named() {
    let graph = sound().node("Relu", "b", "a", &[]).node("Tanh", "a", "b", &[]);
    invalid(&graph, "cycle");
    invalid(&sound().node("Relu", "a", "a", &[]), "cycle");
}

#[test]
fn opsets() {
    let with = |version| {
        let mut graph = sound();
        graph.model.opset_import[0].version = version;
        graph
    };
    unsupported(&with(Some(6)), "opset 6");
    unsupported(&with(Some(-1)), "opset -1");
    invalid(&with(None), "which opset");
    let mut graph = sound();
    graph.model.opset_import.clear();
    invalid(&graph, "which opset");
    let mut graph = sound();
    graph.model.graph = None;
    invalid(&graph, "no graph");
}

fn initializer(graph: &mut Graph, place: usize) -> &mut TensorProto {
    &mut graph.graph().initializer[place]
}

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
fn nodes_that_do_not_run_are_named() {
    let out = |graph: Graph| {
        let mut graph = graph;
        graph.graph().output.clear();
        graph.output("z")
    };
    for (op, words) in [("Conv", "node `the_conv` (Conv)"), ("Loop", "(Loop)"), ("", "()")] {
        unsupported(&out(sound().node(op, "Y", "z", &[])), words);
    }
    let mut graph = out(sound().node("LSTM", "Y", "z", &[]));
    graph.graph().node.last_mut().unwrap().domain = Some("com.microsoft".into());
    unsupported(&graph, "com.microsoft.LSTM");
    let mut graph = out(sound().node("Conv", "Y", "z", &[]));
    graph.graph().node.last_mut().unwrap().name = None;
    unsupported(&graph, "the node that makes `z` (Conv)");
    // No straight chain: a branch, two results that meet, an inner stage that is an output.
    let branch = sound().node("Relu", "Y", "relu", &[]).node("Tanh", "Y", "z", &[]);
    unsupported(&branch.output("relu").output("z"), "not supported");
    unsupported(&out(sound().node("Add", "Y Y", "z", &[])), "(Add)");
    unsupported(&sound().output("Y"), "output `Y`");
    // Half of the features, or the batch for the time.
    let ones = |features| Array3::<f32>::ones((1, 3, features));
    let more = || sound().constant(f32s("W2", &ones(2))).constant(f32s("W3", &ones(3)));
    let graph = more().constant(i64s("to", &[4, 3, 2])).node("Reshape", "Y to", "y", &[]);
    unsupported(&out(graph.node("RNN", "y W2 W3", "z", &[])), "step by step");
    let graph = more().node("Softmax", "Y", "z", &[("axis", Value::Int(0))]);
    unsupported(&out(graph), "(Softmax)");
    let graph = more().constant(i64s("one", &[1])).node("Squeeze", "Y one", "y", &[]);
    let graph = graph.node("Transpose", "y", "swapped", &[("perm", Value::Ints(&[1, 0, 2]))]);
    unsupported(&out(graph.node("RNN", "swapped W3 W3", "z", &[])), "step by step");
    // What only a run would know.
    unsupported(&out(sound().node("Reshape", "X Y", "z", &[])), "depends on what a run computes");
}

#[test]
fn attributes_are_what_they_should_be() {
    let with = |values: &[(&str, Value)]| {
        let mut graph = sound();
        let mut other = Graph::new(13).node("GRU", "X W R", "Y Y_h", values);
        graph.graph().node[0] = other.graph().node.remove(0);
        graph
    };
    invalid(&with(&[("hidden_size", Value::Int(4))]), "hidden_size is 4");
    invalid(&with(&[("hidden_size", Value::Int(-1))]), "hidden_size is -1");
    invalid(&with(&[("hidden_size", Value::Float(3.0))]), "FLOAT, expected INT");
    invalid(&with(&[("direction", Value::Text("sideways"))]), "sideways");
    invalid(&with(&[("direction", Value::Text("bidirectional"))]), "are not [2, 3*H, I]");
    invalid(&with(&[("layout", Value::Int(2))]), "`layout` is 2");
    invalid(&with(&[("clip", Value::Float(0.0))]), "clip");
    invalid(&with(&[("clip", Value::Float(f32::NAN))]), "clip");
    invalid(&with(&[("input_forget", Value::Int(1))]), "input_forget");
    invalid(&with(&[("activations", Value::Texts(&["Tanh"]))]), "names 1 activations");
    unsupported(&with(&[("activations", Value::Texts(&["Tanh", "Gelu"]))]), "Gelu");
    let surplus = with(&[
        ("activations", Value::Texts(&["LeakyRelu", "Tanh"])),
        ("activation_alpha", Value::Floats(&[0.1, 0.2])),
    ]);
    invalid(&surplus, "activation_alpha has 1 values");
    let mut twice = with(&[("layout", Value::Int(0)), ("layout", Value::Int(0))]);
    invalid(&twice, "twice");
    twice = with(&[("layout", Value::Int(0))]);
    twice.graph().node[0].attribute[0].r#type = Some(77);
    invalid(&twice, "type 77");
    twice.graph().node[0].attribute[0].r#type = None;
    invalid(&twice, "no type");
}

#[test]
fn axes_and_shapes_are_checked() {
    let out = |graph: Graph| {
        let mut graph = graph;
        graph.graph().output.clear();
        graph.output("z")
    };
    for axis in [4, -5, i64::MAX, i64::MIN] {
        let of = |op: &str| out(sound().node(op, "Y Y", "z", &[("axis", Value::Int(axis))]));
        invalid(&of("Concat"), "none of 4 axes");
        let at = sound().constant(i64s("at", &[axis]));
        invalid(&out(at.clone().node("Squeeze", "Y at", "z", &[])), "axes");
        let unsqueezed = out(at.node("Unsqueeze", "Y at", "z", &[]));
        if axis != 4 && axis != -5 {
            invalid(&unsqueezed, "axes");
        }
        let index = sound().constant(i64s("at", &[axis]));
        invalid(&out(index.node("Gather", "Y at", "z", &[])), "none of 4");
    }
    for shape in [&[5][..], &[-1, -1], &[-2], &[7, -1], &[i64::MAX, i64::MAX], &[0, 0, 0, 0, 0]] {
        let graph = sound().constant(i64s("shape", shape));
        invalid(&out(graph.node("Reshape", "Y shape", "z", &[])), "does not become");
    }
    for perm in [&[0, 1, 2][..], &[0, 0, 1, 2], &[0, 1, 2, 4]] {
        let graph = sound().node("Transpose", "Y", "z", &[("perm", Value::Ints(perm))]);
        invalid(&out(graph), "");
    }
    let along = [("axis", Value::Int(3))];
    unsupported(&out(sound().node("Concat", "Y Y_h", "z", &along)), "number of axes");
    // More elements than there is memory.
    for shape in [&[1 << 40][..], &[1 << 31, 1 << 31], &[i64::MAX, 2]] {
        let graph = sound().constant(i64s("shape", shape));
        unsupported(
            &out(graph.clone().node("ConstantOfShape", "shape", "z", &[])),
            "too many elements",
        );
        let graph = graph.constant(f32s("one", &Array1::<f32>::ones(1)));
        unsupported(&out(graph.node("Expand", "one shape", "z", &[])), "too many elements");
    }
    let graph = sound().constant(i64s("shape", &[-3]));
    invalid(&out(graph.node("ConstantOfShape", "shape", "z", &[])), "no shape");
    // Doubled again and again.
    let mut graph = sound();
    let mut name = "Y".to_string();
    for n in 0..40 {
        let double = format!("d{n}");
        graph =
            graph.node("Concat", &format!("{name} {name}"), &double, &[("axis", Value::Int(0))]);
        name = double;
    }
    graph.graph().output.clear();
    unsupported(&graph.output(&name), "too many elements");
    // Inputs of absurd sizes.
    let mut graph = sound();
    graph.graph().input[0] = value("X", DataType::Float, &[1 << 40, 1 << 20, 2]);
    unsupported(&graph, "input `X`");
    graph.graph().input[0] = value("X", DataType::Float, &[-7, 2, 2]);
    assert!(read(&graph).is_err());
    graph.graph().input[0] = value("X", DataType::Float, &[0, 2, 2]);
    unsupported(&graph, "empty");
    graph.graph().input[0] = value("X", DataType::Complex64, &[4, 2, 2]);
    unsupported(&graph, "COMPLEX64");
    graph.graph().input[0].r#type = None;
    invalid(&graph, "`X` is not said to be a tensor");
}

/// An empty folder for a test's files.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("onnx").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn external(graph: &mut Graph, entries: &[(&str, &str)]) -> Vec<u8> {
    let w = initializer(graph, 0);
    let data = w.raw_data.take().unwrap();
    w.data_location = Some(DataLocation::External as i32);
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some(key.to_string()),
        value: Some(value.to_string()),
    };
    w.external_data = entries.iter().map(entry).collect();
    data
}

#[test]
fn external_data_stay_in_the_folder() {
    let parent = folder("external");
    let folder = parent.join("model");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    let path = folder.join("model.onnx");
    let write = |entries: &[(&str, &str)]| {
        let mut graph = sound();
        let data = external(&mut graph, entries);
        std::fs::write(&path, graph.bytes()).unwrap();
        data
    };
    let data = write(&[("location", "sub/w.bin"), ("offset", "3"), ("length", "72")]);
    let padded = [&[9, 9, 9][..], &data, &[9]].concat();
    std::fs::write(folder.join("sub/w.bin"), &padded).unwrap();
    std::fs::write(parent.join("w.bin"), &padded).unwrap();
    let expected = read(&sound()).unwrap().weights().unwrap();
    assert_eq!(open(&path).unwrap().weights().unwrap(), expected);
    // The bytes alone have no folder.
    let bytes = std::fs::read(&path).unwrap();
    assert!(matches!(from_bytes(&bytes, None), Err(Error::Format { .. })));
    assert_eq!(from_bytes(&bytes, Some(&folder)).unwrap().weights().unwrap(), expected);

    let absolute = parent.join("w.bin").display().to_string();
    let inside = folder.join("sub/w.bin").display().to_string();
    for location in ["../w.bin", "sub/../../w.bin", "..", "", &absolute, &inside, "sub"] {
        write(&[("location", location), ("offset", "3")]);
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("outside of the model's folder"), "{location}: {error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(parent.join("w.bin"), folder.join("link.bin")).unwrap();
        std::os::unix::fs::symlink(&parent, folder.join("up")).unwrap();
        for location in ["link.bin", "up/w.bin"] {
            write(&[("location", location), ("offset", "3")]);
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("outside of the model's folder"), "{location}: {error}");
        }
    }
    let good = ("location", "sub/w.bin");
    for (entries, words) in [
        (&[][..], "no location"),
        (&[good, ("offset", "5")], "are more than the 76"),
        (&[good, ("offset", "18446744073709551615")], "are more than the 76"),
        (&[good, ("offset", "-1")], "offset is `-1`"),
        (&[good, ("length", "4")], "length is 4"),
        (&[("location", "none.bin")], "none.bin"),
    ] {
        write(entries);
        let error = open(&path).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    // Dims beyond what the file holds are noticed before anything is allocated.
    let mut graph = sound();
    external(&mut graph, &[good]);
    initializer(&mut graph, 0).dims = vec![1, 1 << 40, 1 << 10];
    std::fs::write(&path, graph.bytes()).unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("are more than"));
    assert!(matches!(open(folder.join("nothing.onnx")), Err(Error::Io { .. })));
}

#[test]
fn initializers_that_are_inputs_too_need_not_be_given() {
    let graph = sound().floats("W", &[1, 9, 2]);
    let onnx = read(&graph).unwrap();
    assert_eq!(onnx.inputs().len(), 1);
    assert!(onnx.weights().is_ok());
}

#[test]
fn tensors_know_their_kind() {
    let tensor = Tensor::from(ArrayD::<f32>::zeros(vec![2, 3]));
    assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, &[2, 3][..]));
    assert!(tensor.as_f32().is_some() && tensor.as_i64().is_none());
    assert!(matches!(Tensor::from_bytes(b"\xff\xff"), Err(Error::Format { .. })));
}
