//! ONNX files that are not what they should be: typed errors that name what is wrong, and never a panic.

mod bounds;
#[path = "../onnx/build.rs"]
mod build;
mod external;
mod folding;
mod nodes;
mod tensors;

use build::{Graph, Value, f32s, i64s, scalar};
use wgpu_rnn::io::onnx::proto::TensorProto;
use wgpu_rnn::io::onnx::{Dim, Dtype, Onnx, from_bytes};
use wgpu_rnn::ndarray::{Array1, Array2, Array3};
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

/// The graph with `z` as its only output.
fn out(mut graph: Graph) -> Graph {
    graph.graph().output.clear();
    graph.output("z")
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
    unsupported(&with(Some(29)), "opset 29 is not supported: opsets 7 to 28 are read");
    assert_eq!(read(&with(Some(28))).unwrap().opset(), 28);
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
fn initializers_that_are_inputs_too_need_not_be_given() {
    let graph = sound().floats("W", &[1, 9, 2]);
    let onnx = read(&graph).unwrap();
    assert_eq!(onnx.inputs().len(), 1);
    assert!(onnx.weights().is_ok());
}
