//! Nodes that do not run, or whose attributes and axes are not what they should be.

use wgpu_rnn::io::onnx::proto::DataType;
use wgpu_rnn::ndarray::{Array1, Array3};

use crate::build::{Graph, Value, f32s, i64s, value};
use crate::{invalid, out, read, sound, unsupported};

#[test]
fn nodes_that_do_not_run_are_named() {
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
    let reason = "its input is not what the stage before it puts out";
    let branch = branch.output("relu").output("z");
    unsupported(&branch, &format!("node `the_relu` (Relu) is not supported: {reason}"));
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
fn arithmetic_on_data_is_refused_where_it_is() {
    let c = || sound().constant(f32s("c", &Array1::<f32>::ones(2)));
    let behind = |mut graph: Graph, name: &str| {
        let gru = graph.graph().node.iter_mut().find(|node| node.op_type() == "GRU");
        gru.unwrap().input[0] = name.into();
        graph
    };
    for op in ["Add", "Sub", "Mul", "Div"] {
        let named = |graph: Graph| {
            let node = format!("node `the_{}` ({op})", op.to_lowercase());
            let reason = "it computes on an input of the graph";
            unsupported(&graph, &format!("{node} is not supported: {reason}"));
        };
        named(behind(c().node(op, "X c", "x", &[]), "x"));
        named(behind(c().node(op, "c X", "x", &[]), "x"));
        named(behind(c().floats("X2", &[4, 2, 2]).node(op, "X X2", "x", &[]), "x"));
        let turned = [("perm", Value::Ints(&[1, 0, 2]))];
        let graph = c().node("Transpose", "X", "xt", &turned).node(op, "xt c", "yt", &[]);
        named(behind(graph.node("Transpose", "yt", "x", &turned), "x"));
        // Weights that are given at each run may come of it.
        let graph = sound().floats("W0", &[1, 9, 2]).constant(f32s("c", &Array1::<f32>::ones(2)));
        let mut graph = graph.node(op, "W0 c", "w", &[]);
        let gru = graph.graph().node.iter_mut().find(|node| node.op_type() == "GRU");
        gru.unwrap().input[1] = "w".into();
        unsupported(&graph, "the graph without a value for input `W0`");
    }
    let graph = c().node("Equal", "c c", "is", &[]).node("Where", "is X c", "x", &[]);
    unsupported(&behind(graph, "x"), "node `the_where` (Where) is not supported: it computes on");
}

#[test]
fn splits_have_as_many_parts_as_they_say() {
    let with = |opset, values: &[(&str, Value)]| {
        let mut graph = sound().node("Split", "Y", "z rest", values);
        graph.model.opset_import[0].version = Some(opset);
        out(graph)
    };
    let parts = |n| [("num_outputs", Value::Int(n)), ("axis", Value::Int(3))];
    for wrong in [1, 3, -2, i64::MAX] {
        let reason = format!("num_outputs is {wrong}, it has 2");
        invalid(&with(18, &parts(wrong)), &format!("node `the_split` (Split): {reason}"));
    }
    invalid(&with(17, &parts(2)), "has no attribute `num_outputs`");
    invalid(&with(17, &[("axis", Value::Int(3))]), "3 does not split into 2 equal parts");
    // Of three features two and one: no chain goes on from there, and none has to.
    assert!(read(&with(18, &parts(2))).unwrap().weights().is_ok());
}

#[test]
fn axes_and_shapes_are_checked() {
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
        let reason = match perm {
            [.., 4] => "axis 4 is none of 4 axes".to_string(),
            perm => format!("perm {perm:?} is no order of 4 axes"),
        };
        invalid(&out(graph), &format!("node `the_transpose` (Transpose): {reason}"));
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
    // None at all, of sides that no array has.
    let empty = |graph: Graph| unsupported(&graph, "too many elements");
    let shape = || sound().constant(i64s("shape", &[0, 1 << 62, 4]));
    empty(out(shape().node("ConstantOfShape", "shape", "z", &[])));
    let one = || shape().constant(f32s("one", &Array1::<f32>::ones(1)));
    empty(out(one().node("Expand", "one shape", "z", &[])));
    let sides = |sides: &[i64]| {
        let graph = sound().constant(i64s("shape", sides));
        graph.node("ConstantOfShape", "shape", "c", &[])
    };
    let along = |axis| [("axis", Value::Int(axis))];
    let graph = sides(&[0, 1 << 62, 1]).constant(i64s("four", &[0; 4]));
    empty(out(graph.node("Gather", "c four", "z", &along(2))));
    empty(out(sides(&[0, 1 << 62]).node("Concat", "c c c c", "z", &along(1))));
    let graph = sides(&[0, 1 << 61, 1]).constant(f32s("more", &Array3::<f32>::ones((1, 1, 8))));
    empty(out(graph.node("Add", "c more", "z", &[])));
    let mut graph = sound();
    graph.graph().input[0] = value("X", DataType::Float, &[0, 1 << 62, 4]);
    empty(graph);
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
