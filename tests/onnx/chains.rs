//! What graphs move around between their stages, by every opset's rules, against the CPU reference.

use wgpu_rnn::io::onnx::proto::DataType;
use wgpu_rnn::io::onnx::{self, Tensor};
use wgpu_rnn::ndarray::{Array1, Array2, ArrayD, Axis, concatenate};
use wgpu_rnn::reference::{self, Inputs, Outputs};
use wgpu_rnn::{Cell, Gpu, LayerConfig, LayerSizes, Weights};

use crate::build::{Graph, Value, f32s, i64s, scalar};
use crate::common::Random;
use crate::common::trials::GpuTest;
use crate::compare::check;

pub const T: usize = 5;
pub const B: usize = 3;
pub const I: usize = 4;
pub const H: usize = 6;
const O: usize = 2;

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("chain a head on every step, of rows in any order", head_on_rows),
        GpuTest::new("chain a head on the last step", head_on_last),
        GpuTest::new("chain a head on the final states", head_on_states),
        GpuTest::new("chain stages before the recurrence", before),
        GpuTest::new("chain functions, by opset", functions),
        GpuTest::new("chain ids, also from behind", ids),
    ]
}

/// A GRU, as ONNX has its weights, and a head.
pub struct Parts {
    pub weights: Weights,
    pub w: ArrayD<f32>,
    pub r: ArrayD<f32>,
    head: Array2<f32>,
    bias: Array1<f32>,
    pub x: ArrayD<f32>,
}

impl Parts {
    pub fn new() -> Self {
        let mut random = Random::new(11);
        let weights = random.weights_of(LayerSizes::new(Cell::Rnn, I, H));
        // Without bias; an RNN has no gates to bring into order.
        let mut layer = weights.layer(0, 0).unwrap().clone();
        (layer.b_ih, layer.b_hh) = (None, None);
        let w = layer.w_ih.clone().insert_axis(Axis(0)).into_dyn();
        let r = layer.w_hh.clone().insert_axis(Axis(0)).into_dyn();
        let weights = Weights::new(Cell::Rnn, vec![vec![layer]]).unwrap();
        let (head, bias) = (random.array2((O, H)), random.array2((1, O)).row(0).to_owned());
        Parts { weights, w, r, head, bias, x: random.array3([T, B, I]).into_dyn() }
    }

    /// From X `[T, B, I]`: Y `[T, 1, B, H]` and Y_h, with the head's constants W2 `[H, O]` and B2.
    pub fn graph(&self, opset: i64) -> Graph {
        Graph::new(opset)
            .floats("X", &[T as i64, B as i64, I as i64])
            .constant(f32s("W", &self.w))
            .constant(f32s("R", &self.r))
            .constant(f32s("W2", &self.head.t().to_owned()))
            .constant(f32s("B2", &self.bias))
            .node("RNN", "X W R", "Y Y_h", &[])
    }

    fn reference(&self) -> Outputs {
        let x = self.x.clone().into_dimensionality().unwrap();
        reference::forward(&self.weights, &Inputs::new(x.view()))
    }

    pub fn head(&self, rows: ArrayD<f64>) -> ArrayD<f64> {
        reference::linear(self.head.view(), Some(&self.bias), &rows)
    }
}

pub fn run(gpu: &Gpu, graph: &Graph, inputs: &[(&str, Tensor)]) -> Result<Vec<Tensor>, String> {
    let model = onnx::from_bytes(&graph.bytes(), None)
        .and_then(|onnx| onnx.load(gpu, LayerConfig::default()));
    let outputs = model.and_then(|model| model.run(inputs)).map_err(|error| error.to_string())?;
    Ok(outputs.into_iter().map(|(_, tensor)| tensor).collect())
}

fn expect(gpu: &Gpu, graph: &Graph, x: &ArrayD<f32>, expected: &ArrayD<f64>) -> Result<(), String> {
    let outputs = run(gpu, graph, &[("X", x.clone().into())])?;
    assert_eq!(outputs.len(), 1);
    check("the output", &outputs[0], &Tensor::from(expected.mapv(|value| value as f32)))
}

fn head_on_rows(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let y = parts.head(parts.reference().y.into_dyn());
    // As matrices of all rows, those of a batch row next to each other.
    let graph = parts.graph(13);
    let graph = graph.constant(i64s("axis", &[1])).constant(i64s("rows", &[-1, H as i64]));
    let graph = graph
        .node("Squeeze", "Y axis", "y", &[])
        .node("Transpose", "y", "by_row", &[("perm", Value::Ints(&[1, 0, 2]))])
        .node("Reshape", "by_row rows", "matrix", &[])
        .node(
            "Gemm",
            "matrix W2 B2",
            "out",
            &[("alpha", Value::Float(0.5)), ("beta", Value::Float(2.0))],
        )
        .output("out");
    let mut by_row = y.clone();
    by_row.swap_axes(0, 1);
    let bias = parts.bias.mapv(f64::from).into_dyn();
    let flat = by_row.as_standard_layout().into_owned().into_shape_with_order((B * T, O)).unwrap();
    expect(gpu, &graph, &parts.x, &((flat.into_dyn() - &bias) * 0.5 + bias * 2.0))?;

    // Reversed, every second step, by a Slice; the bias comes first and is of another rank.
    let graph = parts.graph(13);
    let graph = graph.constant(i64s("axis", &[1])).constant(i64s("from", &[-1]));
    let graph = graph
        .constant(i64s("to", &[i64::MIN]))
        .constant(i64s("time", &[0]))
        .constant(i64s("step", &[-2]));
    let graph = graph
        .node("Squeeze", "Y axis", "y", &[])
        .node("Slice", "y from to time step", "some", &[])
        .node("MatMul", "some W2", "scores", &[])
        .node("Add", "B2 scores", "out", &[])
        .output("out");
    let some = y.select(Axis(0), &[4, 2, 0]);
    expect(gpu, &graph, &parts.x, &some)
}

/// The chain that a graph becomes.
fn stages(graph: &Graph) -> String {
    let weights = onnx::from_bytes(&graph.bytes(), None).unwrap().weights().unwrap();
    let name = |stage: &(String, wgpu_rnn::StageWeights)| {
        let text = format!("{:?}", stage.1);
        text.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_string()
    };
    weights.stages().iter().map(name).collect::<Vec<_>>().join(" ")
}

fn head_on_last(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let y = parts.head(parts.reference().y.into_dyn());
    let last = y.index_axis(Axis(0), T - 1).to_owned();
    let head = |graph: Graph| {
        graph
            .node("MatMul", "last W2", "scores", &[])
            .node("Add", "scores B2", "out", &[])
            .output("out")
    };
    // By index, by a Slice of opset 9, by a Split, from the final states.
    let graph = parts.graph(11).constant(scalar("n", -1)).constant(scalar("zero", 0));
    let by_index =
        head(graph.node("Gather", "Y n", "y", &[]).node("Gather", "y zero", "last", &[]));
    let graph = parts.graph(9);
    let slice =
        [("starts", Value::Ints(&[-1])), ("ends", Value::Ints(&[99])), ("axes", Value::Ints(&[0]))];
    let squeeze = [("axes", Value::Ints(&[0, 1]))];
    let by_slice =
        head(graph.node("Slice", "Y", "y", &slice).node("Squeeze", "y", "last", &squeeze));
    let graph = parts.graph(9);
    let split = [("split", Value::Ints(&[4, 1]))];
    let by_split =
        head(graph.node("Split", "Y", "before y", &split).node("Squeeze", "y", "last", &squeeze));
    let squeeze = [("axes", Value::Ints(&[-3]))];
    let by_state = head(parts.graph(12).node("Squeeze", "Y_h", "last", &squeeze));
    for (graph, chain) in [
        (by_index, "Recurrent Last Linear"),
        (by_slice, "Recurrent Last Linear"),
        (by_split, "Recurrent Last Linear"),
        (by_state, "Recurrent Last Linear"),
    ] {
        assert_eq!(stages(&graph), chain);
        expect(gpu, &graph, &parts.x, &last)?;
    }
    // With lengths, the last step is that of the array and not of each row.
    let graph = parts.graph(11).constant(scalar("n", -1)).constant(scalar("zero", 0));
    let graph = graph.node("Gather", "Y n", "y", &[]).node("Gather", "y zero", "last", &[]);
    let mut graph = head(graph.constant(i64s("lens", &[T as i64, 1, 2])));
    graph.graph().node[0].input.extend(["".into(), "lens".into()]);
    let x = parts.x.clone().into_dimensionality().unwrap();
    let inputs = Inputs { lengths: Some(&[T, 1, 2]), ..Inputs::new(x.view()) };
    let y = parts.head(reference::forward(&parts.weights, &inputs).y.into_dyn());
    expect(gpu, &graph, &parts.x, &y.index_axis(Axis(0), T - 1).to_owned())
}

fn head_on_states(gpu: &Gpu) -> Result<(), String> {
    let mut random = Random::new(23);
    let sizes = LayerSizes::new(Cell::Rnn, I, H).with_direction(wgpu_rnn::Direction::Bidirectional);
    let weights = random.weights_of(sizes);
    let layers: Vec<_> = (0..2)
        .map(|d| {
            let mut layer = weights.layer(0, d).unwrap().clone();
            (layer.b_ih, layer.b_hh) = (None, None);
            layer
        })
        .collect();
    let stack = |arrays: [&Array2<f32>; 2]| {
        let arrays = arrays.map(|array| array.view().insert_axis(Axis(0)));
        concatenate(Axis(0), &arrays).unwrap()
    };
    let w = stack([&layers[0].w_ih, &layers[1].w_ih]);
    let r = stack([&layers[0].w_hh, &layers[1].w_hh]);
    let weights = Weights::new(Cell::Rnn, vec![layers]).unwrap();
    let (head, x) = (random.array2((2 * H, O)), random.array3([T, B, I]));
    let expected = reference::forward(&weights, &Inputs::new(x.view()));
    let states = expected.h_n.outer_iter().collect::<Vec<_>>();
    let states = concatenate(Axis(1), &states).unwrap().into_dyn();
    let expected = reference::linear(head.t(), None, &states);
    let base = || {
        Graph::new(13)
            .floats("X", &[T as i64, B as i64, I as i64])
            .constant(f32s("W", &w))
            .constant(f32s("R", &r))
            .constant(f32s("W2", &head))
            .constant(scalar("first", 0))
            .constant(scalar("second", 1))
            .constant(scalar("last", -1))
            .node("RNN", "X W R", "Y Y_h", &[("direction", Value::Text("bidirectional"))])
    };
    let joined = |graph: Graph| {
        let along = [("axis", Value::Int(-1))];
        let graph = graph.node("Concat", "a b", "both", &along);
        graph.node("MatMul", "both W2", "out", &[]).output("out")
    };
    // h_n of both directions; and the last step of the one beside the first step of the other.
    let of_states =
        joined(base().node("Gather", "Y_h first", "a", &[]).node("Gather", "Y_h second", "b", &[]));
    let of_steps = joined(
        base()
            .node("Gather", "Y last", "y_last", &[])
            .node("Gather", "Y first", "y_first", &[])
            .node("Gather", "y_last first", "a", &[])
            .node("Gather", "y_first second", "b", &[]),
    );
    for graph in [of_states, of_steps] {
        assert_eq!(stages(&graph), "Recurrent Last Linear");
        expect(gpu, &graph, &x.clone().into_dyn(), &expected)?;
    }
    Ok(())
}

fn before(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let mut random = Random::new(29);
    let (first, bias) = (random.array2((7, I)), random.array2((1, I)));
    // x [B, T, 7] through a layer and a relu, and only then in the order of the steps.
    let graph = Graph::new(12)
        .floats("X", &[B as i64, T as i64, 7])
        .constant(f32s("W", &parts.w))
        .constant(f32s("R", &parts.r))
        .constant(f32s("first", &first))
        .constant(f32s("bias", &bias))
        .node("MatMul", "X first", "projected", &[])
        .node("Add", "projected bias", "biased", &[])
        .node("Relu", "biased", "features", &[])
        .node("Transpose", "features", "x", &[("perm", Value::Ints(&[1, 0, 2]))])
        .node("RNN", "x W R", "Y", &[])
        .output("Y");
    assert_eq!(stages(&graph), "Linear Function Recurrent");
    let x = random.array3([B, T, 7]);
    let weight = first.t().to_owned();
    let features = reference::linear(
        weight.view(),
        Some(&bias.row(0).to_owned()),
        &x.mapv(f64::from).into_dyn(),
    );
    let mut features = features.mapv(|value| value.max(0.0) as f32);
    features.swap_axes(0, 1);
    let features = features.into_dimensionality().unwrap();
    let y = reference::forward(&parts.weights, &Inputs::new(features.view())).y;
    expect(gpu, &graph, &x.into_dyn(), &y.insert_axis(Axis(1)).into_dyn())
}

fn functions(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let y = parts.reference().y;
    let softmax = |axis: usize, is_log: bool| {
        let mut y = y.clone();
        for mut lane in y.lanes_mut(Axis(axis)) {
            let sum: f64 = lane.iter().map(|value| value.exp()).sum();
            lane.mapv_inplace(|value| if is_log { value - sum.ln() } else { value.exp() / sum });
        }
        y.insert_axis(Axis(1)).into_dyn()
    };
    let of = |opset, op: &str, values: &[(&str, Value)]| {
        parts.graph(opset).node(op, "Y", "out", values).output("out")
    };
    for (graph, expected) in [
        (of(13, "Softmax", &[]), softmax(2, false)),
        (of(13, "LogSoftmax", &[("axis", Value::Int(3))]), softmax(2, true)),
        (of(12, "Softmax", &[("axis", Value::Int(3))]), softmax(2, false)),
        (of(12, "Relu", &[]), y.mapv(|value| value.max(0.0)).insert_axis(Axis(1)).into_dyn()),
        (of(12, "Tanh", &[]), y.mapv(f64::tanh).insert_axis(Axis(1)).into_dyn()),
        (
            of(7, "Sigmoid", &[]),
            y.mapv(|value| 1.0 / (1.0 + (-value).exp())).insert_axis(Axis(1)).into_dyn(),
        ),
        (
            of(7, "Dropout", &[("ratio", Value::Float(0.5))]),
            y.clone().insert_axis(Axis(1)).into_dyn(),
        ),
    ] {
        expect(gpu, &graph, &parts.x, &expected)?;
    }
    // Before opset 13 it is of all axes from `axis` on, after it of that one: neither is one of features.
    for (graph, op) in [
        (of(12, "Softmax", &[]), "Softmax"),
        (of(13, "Softmax", &[("axis", Value::Int(0))]), "Softmax"),
    ] {
        let error =
            onnx::from_bytes(&graph.bytes(), None).unwrap().weights().unwrap_err().to_string();
        assert!(error.contains(op) && error.contains("not supported"), "{error}");
    }
    Ok(())
}

fn ids(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let table = Random::new(31).array2((9, I));
    let graph = Graph::new(13)
        .input("ids", DataType::Int64, &[B as i64, T as i64])
        .constant(f32s("table", &table))
        .constant(f32s("W", &parts.w))
        .constant(f32s("R", &parts.r))
        .node("Gather", "table ids", "embedded", &[])
        .node("Transpose", "embedded", "x", &[("perm", Value::Ints(&[1, 0, 2]))])
        .node("RNN", "x W R", "Y", &[])
        .output("Y");
    assert_eq!(stages(&graph), "Embedding Recurrent");
    let ids = Array2::from_shape_fn((B, T), |(b, t)| ((3 * b + 2 * t) % 18) as i64 - 9);
    let x = ndarray_of_rows(&table, &ids);
    let y = reference::forward(&parts.weights, &Inputs::new(x.view())).y;
    let outputs = run(gpu, &graph, &[("ids", ids.clone().into())])?;
    check("Y", &outputs[0], &Tensor::from(y.mapv(|y| y as f32).insert_axis(Axis(1))))?;
    for wrong in [9, -10, i64::MAX, i64::MIN] {
        let mut ids = ids.clone();
        ids[[1, 2]] = wrong;
        let error = run(gpu, &graph, &[("ids", ids.into())]).unwrap_err();
        assert!(error.contains("ids") && error.contains(&wrong.to_string()), "{error}");
    }
    Ok(())
}

/// Rows by ids `[B, T]`, as `[T, B, I]`.
fn ndarray_of_rows(table: &Array2<f32>, ids: &Array2<i64>) -> wgpu_rnn::ndarray::Array3<f32> {
    wgpu_rnn::ndarray::Array3::from_shape_fn((T, B, I), |(t, b, i)| {
        table[[ids[[b, t]].rem_euclid(table.nrows() as i64) as usize, i]]
    })
}
