//! What a file may ask for: memory by its size and by those of its inputs, and a chain whose names are found in a
//! moment.

use wgpu_rnn::ndarray::{Array1, Array2, Array3};

use crate::build::{Graph, Value, f32s, i64s, scalar};
use crate::{read, unsupported};

/// `times` nodes one behind the other, from `first` on.
fn repeated(graph: Graph, times: usize, (op, first, more): (&str, &str, &str)) -> Graph {
    repeated_with(graph, times, (op, first, more), &[])
}

fn repeated_with(
    mut graph: Graph,
    times: usize,
    (op, first, more): (&str, &str, &str),
    values: &[(&str, Value)],
) -> Graph {
    let mut name = first.to_string();
    for n in 0..times {
        let next = format!("{op}{n}");
        graph = graph.node(op, &format!("{name} {more}"), &next, values);
        name = next;
    }
    graph.output(&name)
}

#[track_caller]
fn bounded(graph: &Graph, op: &str) {
    let node = format!("node `the_{}` ({op}) is not supported", op.to_lowercase());
    unsupported(graph, &format!("{node}: it makes too many elements"));
}

#[test]
fn what_a_node_makes_is_counted() {
    let rows = |n| Graph::new(13).floats("x", &[n, 1]);
    let one = f32s("w", &Array2::<f32>::ones((1, 1)));
    bounded(&repeated(rows(1 << 13), 1000, ("Relu", "x", "")), "Relu");
    let graph = rows(1 << 13).constant(one.clone()).node("MatMul", "x w", "first", &[]);
    bounded(&repeated(graph, 1000, ("Add", "first", "w")), "Add");
    // Each keeps weights of its own.
    let square = f32s("w", &Array2::<f32>::ones((64, 64)));
    let wide = || Graph::new(13).floats("x", &[1, 64]).constant(square.clone());
    for op in ["MatMul", "Gemm"] {
        bounded(&repeated(wide(), 2000, (op, "x", "w")), op);
    }
    let cube = |name| f32s(name, &Array3::<f32>::ones((1, 64, 64)));
    let graph = Graph::new(14).floats("x", &[1, 1, 64]).constant(cube("w")).constant(cube("r"));
    let mut graph = graph.constant(i64s("axis", &[1]));
    for n in 0..2000 {
        let x = if n == 0 { "x".into() } else { format!("x{n}") };
        let next = format!("x{}", n + 1);
        graph = graph.node("RNN", &format!("{x} w r"), &format!("y{n}"), &[]).node(
            "Squeeze",
            &format!("y{n} axis"),
            &next,
            &[],
        );
    }
    bounded(&graph.output("x2000"), "RNN");
    // Constants, also where only their type is another.
    let shape = || Graph::new(13).constant(i64s("shape", &[1 << 20]));
    let filled = shape().node("ConstantOfShape", "shape", "c", &[]);
    bounded(&repeated_with(filled, 12, ("Cast", "c", ""), &[("to", Value::Int(1))]), "Cast");
}

#[test]
fn a_file_may_ask_for_what_it_holds() {
    // A hundred times four millions would be too many of a file that holds little.
    let filled = |side| {
        let graph = Graph::new(13).constant(i64s("shape", &[side]));
        graph.node("ConstantOfShape", "shape", "c", &[]).output("c")
    };
    bounded(&filled(1 << 23), "ConstantOfShape");
    let held = filled(1 << 23).constant(f32s("held", &Array1::<f32>::ones(1 << 16)));
    unsupported(&held, "no node of it computes anything");
}

#[test]
fn a_long_chain_has_names_of_its_own() {
    let graph = Graph::new(13).floats("x", &[1, 1]);
    let graph = graph.constant(f32s("w", &Array2::<f32>::ones((1, 1)))).constant(scalar("n", 0));
    let weights = read(&repeated(graph, 6000, ("Gemm", "x", "w"))).unwrap().weights().unwrap();
    let names: Vec<&str> = weights.stages().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["gemm", "gemm_1", "gemm_2"]);
    assert_eq!((names.len(), names[5999]), (6000, "gemm_5999"));
}
