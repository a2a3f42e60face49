//! What graphs compute of constants: the weights that come of it.

use wgpu_rnn::StageWeights;
use wgpu_rnn::ndarray::{Array2, arr1, arr2};

use crate::build::{Graph, Value, f32s};
use crate::{read, unsupported};

/// The weights `[inputs, outputs]` of x `[1, inputs]` by `w`.
fn folded(graph: Graph, inputs: i64) -> Array2<f32> {
    let graph = graph.floats("x", &[1, inputs]).node("MatMul", "x w", "y", &[]).output("y");
    let weights = read(&graph).unwrap().weights().unwrap();
    match weights.stages() {
        [(_, StageWeights::Linear { weight, bias: None })] => weight.t().to_owned(),
        stages => panic!("{stages:?}"),
    }
}

/// `a` is `[[1, 4], [2, 5], [3, 6]]` and `b` is `[[2, 4], [8, 16], [32, 64]]`, each behind its transpose where it is
/// said; `row` is `[[2], [4], [8]]`, of a transpose.
fn constants(a_is_transposed: bool, b_is_transposed: bool) -> Graph {
    let a = arr2(&[[1.0f32, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    let b = arr2(&[[2.0f32, 4.0], [8.0, 16.0], [32.0, 64.0]]);
    let mut graph = Graph::new(13)
        .constant(f32s("rowt", &arr2(&[[2.0f32, 4.0, 8.0]])))
        .node("Transpose", "rowt", "row", &[])
        .constant(f32s("two", &arr1(&[2.0f32])));
    for (name, array, is_transposed) in [("a", a, a_is_transposed), ("b", b, b_is_transposed)] {
        graph = match is_transposed {
            true => {
                let turned = array.t().as_standard_layout().into_owned();
                let behind = format!("{name}t");
                graph.constant(f32s(&behind, &turned)).node("Transpose", &behind, name, &[])
            }
            false => graph.constant(f32s(name, &array)),
        };
    }
    graph
}

#[test]
fn operands_behind_a_transpose_keep_their_elements() {
    let a = [[1.0f32, 4.0], [2.0, 5.0], [3.0, 6.0]];
    let b = [[2.0f32, 4.0], [8.0, 16.0], [32.0, 64.0]];
    let row = [2.0f32, 4.0, 8.0];
    type Of = fn(f32, f32) -> f32;
    let ops: [(&str, Of); 4] = [
        ("Add", |a, b| a + b),
        ("Sub", |a, b| a - b),
        ("Mul", |a, b| a * b),
        ("Div", |a, b| a / b),
    ];
    let at = |of: &dyn Fn(usize, usize) -> f32| Array2::from_shape_fn((3, 2), |(i, j)| of(i, j));
    for (first, second) in [(false, false), (true, false), (false, true), (true, true)] {
        let graph = || constants(first, second);
        for (op, of) in ops {
            let binary = |inputs: &str| folded(graph().node(op, inputs, "w", &[]), 3);
            assert_eq!(binary("a b"), at(&|i, j| of(a[i][j], b[i][j])), "{op}");
            assert_eq!(binary("a two"), at(&|i, j| of(a[i][j], 2.0)), "{op} of one");
            assert_eq!(binary("two a"), at(&|i, j| of(2.0, a[i][j])), "one {op}");
            assert_eq!(binary("a row"), at(&|i, j| of(a[i][j], row[i])), "{op} of a row");
            assert_eq!(binary("row b"), at(&|i, j| of(row[i], b[i][j])), "row {op}");
        }
        let chosen = |condition: &str| {
            let equal = graph().node("Equal", condition, "is", &[]);
            folded(equal.node("Where", "is a b", "w", &[]), 3)
        };
        let is = |i: usize, j: usize| if a[i][j] == row[i] { a[i][j] } else { b[i][j] };
        assert_eq!(chosen("a row"), at(&is));
        assert_eq!(chosen("two a"), at(&|i, j| if a[i][j] == 2.0 { a[i][j] } else { b[i][j] }));
        assert_eq!(chosen("a b"), at(&|i, j| if a[i][j] == b[i][j] { a[i][j] } else { b[i][j] }));
        let casts = |op: &str| {
            let ints = graph().node("Cast", "a", "ai", &[("to", Value::Int(7))]).node(
                "Cast",
                "b",
                "bi",
                &[("to", Value::Int(7))],
            );
            let ints = ints.node(op, "ai bi", "wi", &[]);
            folded(ints.node("Cast", "wi", "w", &[("to", Value::Int(1))]), 3)
        };
        assert_eq!(casts("Add"), at(&|i, j| a[i][j] + b[i][j]));
        assert_eq!(casts("Equal"), at(&|i, j| f32::from(u8::from(a[i][j] == b[i][j]))));
    }
}

#[test]
fn casts_have_the_values_of_their_type() {
    const FLOAT: i64 = 1;
    const INT32: i64 = 6;
    const INT64: i64 = 7;
    const FLOAT16: i64 = 10;
    const BFLOAT16: i64 = 16;
    let graph = |values: &[f32], types: &[i64]| {
        let column = Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
        let mut graph = Graph::new(13).constant(f32s("c0", &column));
        for (n, data_type) in types.iter().enumerate() {
            let (from, to) = (format!("c{n}"), format!("c{}", n + 1));
            graph = graph.node("Cast", &from, &to, &[("to", Value::Int(*data_type))]);
        }
        graph.node("Identity", &format!("c{}", types.len()), "w", &[])
    };
    for (types, values, expected) in [
        (
            &[FLOAT16, FLOAT][..],
            &[1.0f32, 2049.0, 1e-8, -7e4][..],
            &[1.0f32, 2048.0, 0.0, -f32::INFINITY][..],
        ),
        (&[BFLOAT16, FLOAT], &[257.0, -3.0], &[256.0, -3.0]),
        (&[INT32, FLOAT], &[-2.7, 2.7, 2e9], &[-2.0, 2.0, 2e9]),
        (&[INT64, FLOAT], &[-2.7, 3e9], &[-2.0, 3e9]),
        (&[INT64, INT32, FLOAT], &[3e9, -3e9], &[-1_294_967_296.0, 1_294_967_296.0]),
        (&[INT64, FLOAT16, FLOAT], &[2049.0, 1.0], &[2048.0, 1.0]),
    ] {
        let weights = folded(graph(values, types), values.len() as i64);
        assert_eq!(weights.column(0).to_vec(), expected, "{types:?}");
    }
    for (types, value) in
        [(INT32, 3e9f32), (INT32, f32::NAN), (INT64, 1e19), (INT64, -f32::INFINITY)]
    {
        let graph = graph(&[value], &[types, FLOAT]).floats("x", &[1, 1]);
        let graph = graph.node("MatMul", "x w", "y", &[]).output("y");
        unsupported(&graph, "node `the_cast` (Cast) is not supported");
    }
}
