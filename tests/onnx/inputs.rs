//! What graphs take: weights, sizes that the file leaves open, and what does not fit.

use wgpu_rnn::io::onnx::proto::DataType;
use wgpu_rnn::io::onnx::{self, Tensor};
use wgpu_rnn::ndarray::{ArrayD, Axis, arr1};
use wgpu_rnn::reference::{self, Inputs};
use wgpu_rnn::{Cell, Gpu, LayerConfig, Model, Weights};

use crate::build::{Graph, scalar};
use crate::chains::{B, H, I, Parts, T, run};
use crate::common::Random;
use crate::common::trials::GpuTest;
use crate::compare::check;

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("chain weights that are inputs", weights_as_inputs),
        GpuTest::new("chain sizes that the file leaves open", open_sizes),
        GpuTest::new("chain nodes that no sizes make run", never),
        GpuTest::new("chain inputs that do not fit", wrong_inputs),
    ]
}

fn weights_as_inputs(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let graph = Graph::new(13)
        .floats("X", &[-1, -1, I as i64])
        .floats("W", &[1, H as i64, I as i64])
        .floats("R", &[1, H as i64, H as i64])
        .node("RNN", "X W R", "Y", &[])
        .output("Y");
    let onnx = onnx::from_bytes(&graph.bytes(), None).map_err(|error| error.to_string())?;
    let error = onnx.weights().unwrap_err().to_string();
    assert!(error.contains("input `W`"), "{error}");
    let model = onnx.load(gpu, LayerConfig::default()).map_err(|error| error.to_string())?;
    assert!(model.model().is_none());
    for scale in [1.0f32, 0.5] {
        let mut layer = parts.weights.layer(0, 0).unwrap().clone();
        layer.w_ih *= scale;
        let w = layer.w_ih.clone().insert_axis(Axis(0));
        let weights = Weights::new(Cell::Rnn, vec![vec![layer]]).unwrap();
        let x = parts.x.clone().into_dimensionality().unwrap();
        let y = reference::forward(&weights, &Inputs::new(x.view())).y;
        let inputs =
            [("R", parts.r.clone().into()), ("X", parts.x.clone().into()), ("W", Tensor::from(w))];
        let outputs = model.run(&inputs).map_err(|error| error.to_string())?;
        check("Y", &outputs[0].1, &Tensor::from(y.mapv(|y| y as f32).insert_axis(Axis(1))))?;
    }
    assert!(model.model().is_some());
    Ok(())
}

fn open_sizes(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let mut graph = parts.graph(11).constant(scalar("n", -1)).constant(scalar("zero", 0));
    let open = Graph::new(11).floats("X", &[-1, -1, I as i64]).graph().input.remove(0);
    graph.graph().input[0] = open;
    let graph = graph.node("Gather", "Y n", "y", &[]).node("Gather", "y zero", "last", &[]);
    let graph = graph.node("Gemm", "last W2 B2", "out", &[]).output("out");
    let onnx = onnx::from_bytes(&graph.bytes(), None).map_err(|error| error.to_string())?;
    let model = onnx.load(gpu, LayerConfig::default()).map_err(|error| error.to_string())?;
    let chain: Model = model.model().expect("known before any run");
    let mut random = Random::new(37);
    for (steps, batch) in [(1, 1), (1, 4), (7, 1), (6, 5), (7, 1)] {
        let x = random.array3([steps, batch, I]);
        let y = reference::forward(&parts.weights, &Inputs::new(x.view())).y.into_dyn();
        let last = parts.head(y.index_axis(Axis(0), steps - 1).to_owned());
        let outputs = model.run(&[("X", x.into())]).map_err(|error| error.to_string())?;
        check("out", &outputs[0].1, &Tensor::from(last.mapv(|value| value as f32)))?;
    }
    // Where the sizes tell what a place is, the stages depend on them.
    let mut fixed = graph.clone();
    fixed.graph().initializer.retain(|tensor| tensor.name.as_deref() != Some("n"));
    let fixed = fixed.constant(scalar("n", 10));
    let error = onnx::from_bytes(&fixed.bytes(), None).unwrap().weights().unwrap_err().to_string();
    assert!(error.contains("depend on the sizes"), "{error}");
    assert!(!chain.stages().is_empty());
    Ok(())
}

/// What is refused before any run, although the file leaves sizes open.
fn never(gpu: &Gpu) -> Result<(), String> {
    let load = |graph: &Graph| {
        let onnx = onnx::from_bytes(&graph.bytes(), None).unwrap();
        onnx.load(gpu, LayerConfig::default()).map_err(|error| error.to_string())
    };
    let open = || {
        let mut graph = Parts::new().graph(13);
        graph.graph().input[0] =
            Graph::new(13).floats("X", &[-1, -1, I as i64]).graph().input.remove(0);
        graph.output("Y")
    };
    let reason = "it is none of the operators that are run";
    let expected = format!("node `the_conv` (Conv) is not supported: {reason}");
    let error = load(&open().node("Conv", "Y", "z", &[]).output("z")).unwrap_err();
    assert_eq!(error, expected);
    let flat = Graph::new(13).input("X", DataType::Float, &[-1, 3, 8]);
    let error = load(&flat.node("Conv", "X", "z", &[]).output("z")).unwrap_err();
    assert_eq!(error, expected);
    // No output depends on it.
    load(&open().node("Conv", "Y", "z", &[]))?;
    let mut added = open().node("Mul", "X X", "x", &[]);
    added.graph().node[0].input[0] = "x".into();
    let error = load(&added).unwrap_err();
    assert!(error.contains("node `the_mul` (Mul) is not supported: it computes on"), "{error}");
    Ok(())
}

fn wrong_inputs(gpu: &Gpu) -> Result<(), String> {
    let parts = Parts::new();
    let graph = parts.graph(13).output("Y");
    let x = || Tensor::from(parts.x.clone());
    let named = |inputs: &[(&str, Tensor)], words: &str| {
        let error = run(gpu, &graph, inputs).unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    };
    named(&[], "`X`");
    named(&[("X", x()), ("Z", x())], "`Z`");
    named(&[("X", x()), ("X", x())], "`X`");
    named(&[("X", arr1(&[1i64]).into())], "of F32");
    named(&[("X", Tensor::from(ArrayD::<f32>::zeros(vec![T, B])))], "[5, 3, 4]");
    named(&[("X", Tensor::from(ArrayD::<f32>::zeros(vec![T, B, I + 1])))], "[5, 3, 4]");
    let mut lens = parts.graph(13).input("lens", DataType::Int64, &[B as i64]).output("Y");
    lens.graph().node[0].input.extend(["".into(), "lens".into()]);
    for wrong in [-1, T as i64 + 1, i64::MAX, i64::MIN] {
        let error =
            run(gpu, &lens, &[("X", x()), ("lens", arr1(&[1, wrong, 2]).into())]).unwrap_err();
        assert!(error.contains("leng") || error.contains("lens"), "{wrong}: {error}");
    }
    let config = LayerConfig { batch_first: true, ..Default::default() };
    let refused = onnx::from_bytes(&graph.bytes(), None).unwrap().load(gpu, config);
    assert!(refused.unwrap_err().to_string().contains("batch_first"));
    Ok(())
}
