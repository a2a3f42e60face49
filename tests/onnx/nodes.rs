//! LSTM, GRU and RNN nodes with every attribute and optional input, against the CPU reference.

use wgpu_rnn::io::onnx::proto::DataType;
use wgpu_rnn::io::onnx::{self, Tensor};
use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, Axis, concatenate};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, Direction, Gpu, LayerConfig, LayerSizes,
    LayerWeights,
};

use crate::build::{Graph, Value, f32s};
use crate::common::case::{Bias, Case, edited};
use crate::common::trials::GpuTest;
use crate::common::variant::Variant;
use crate::compare::check;

const CELLS: [(&str, Cell); 4] = [
    ("LSTM", Cell::Lstm),
    ("GRU", Cell::Gru { reset_after: true }),
    ("GRU", Cell::Gru { reset_after: false }),
    ("RNN", Cell::Rnn),
];
const DIRECTIONS: [Direction; 3] =
    [Direction::Forward, Direction::Reverse, Direction::Bidirectional];
const SIZES: [usize; 4] = [5, 3, 4, 6];

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for (op, cell) in CELLS {
        for direction in DIRECTIONS {
            let name = format!("node {cell} {direction:?}");
            let sizes = LayerSizes::new(cell, SIZES[2], SIZES[3]).with_direction(direction);
            tests.push(GpuTest::new(name, move |gpu| {
                for layout in [0, 1] {
                    plain(sizes).check(gpu, op, layout, false)?;
                    plain(sizes).check(gpu, op, layout, true)?;
                    with_everything(sizes).check(gpu, op, layout, false)?;
                    with_everything(sizes).check(gpu, op, layout, true)?;
                }
                Ok::<_, String>(())
            }));
        }
    }
    tests
}

struct NodeCase {
    case: Case,
    /// As ONNX names them, with alphas and betas in order.
    activations: Vec<(&'static str, Activation)>,
}

/// Nothing but X, W and R.
fn plain(sizes: LayerSizes) -> NodeCase {
    let variant = Variant::plain("", sizes.cell);
    let case = Case::from_sizes(3, &variant, sizes, [SIZES[0], SIZES[1]]).with_bias(Bias::None);
    NodeCase { case, activations: Vec::new() }
}

/// All that the cell has: activations with parameters, clip, coupled gates, peepholes, biases, states, lengths.
fn with_everything(sizes: LayerSizes) -> NodeCase {
    let hard = |alpha, beta| ("HardSigmoid", Activation::HardSigmoid { alpha, beta });
    let leaky = |alpha| ("leakyrelu", Activation::LeakyRelu { alpha });
    let scaled = |alpha, beta| ("ScaledTanh", Activation::ScaledTanh { alpha, beta });
    let softsign = ("Softsign", Activation::Softsign);
    let standard = sizes.cell.standard_activations();
    let first = [hard(0.3, 0.4), softsign, scaled(1.2, 0.7)];
    let second = [scaled(0.8, 0.6), leaky(0.25), ("Tanh", Activation::Tanh)];
    let each = match sizes.cell {
        Cell::Lstm => 3,
        Cell::Gru { .. } => 2,
        _ => 1,
    };
    let chosen = |named: [(&str, Activation); 3]| {
        let place = |n: usize, other| if n < each { named[n].1 } else { other };
        let (g, h) = (place(1, standard.g), place(2, standard.h));
        Some(Activations { f: named[0].1, g, h })
    };
    let is_lstm = sizes.cell == Cell::Lstm;
    let two = sizes.is_bidirectional();
    let options = CellOptions {
        activations: [chosen(first), chosen(second).filter(|_| two)],
        coupled: is_lstm,
        preact_clip: Some(0.9),
        cell_clip: None,
    };
    let variant = Variant {
        name: "",
        cell: sizes.cell,
        is_projected: false,
        has_peepholes: is_lstm,
        options,
    };
    let [steps, batch, ..] = SIZES;
    let case = Case::from_sizes(5, &variant, sizes, [steps, batch]).with_state(7);
    let case = case.but(|case| case.lengths = Some(vec![steps, 2, 4]));
    // Directions must not be alike.
    let mut n = 0.0;
    let weights = edited(&case.weights, |layer| {
        n += 0.01;
        layer.w_hh += n;
    });
    let case = case.but(|case| case.weights = weights);
    let directions = if two { vec![first, second] } else { vec![first] };
    let activations = directions.into_iter().flat_map(|all| all.into_iter().take(each)).collect();
    NodeCase { case, activations }
}

impl NodeCase {
    fn check(&self, gpu: &Gpu, op: &str, layout: i64, as_inputs: bool) -> Result<(), String> {
        let (graph, inputs) = self.graph(op, layout, as_inputs);
        let failure = |error: wgpu_rnn::Error| format!("layout {layout}: {error}");
        let onnx = onnx::from_bytes(&graph.bytes(), None).map_err(failure)?;
        assert_eq!(onnx.inputs().len(), inputs.len());
        let model = onnx.load(gpu, LayerConfig::default()).map_err(failure)?;
        let given: Vec<_> = inputs.iter().map(|(name, t)| (name.as_str(), t.clone())).collect();
        for _ in 0..2 {
            let outputs = model.run(&given).map_err(failure)?;
            let expected = self.expected(layout);
            assert_eq!(outputs.len(), expected.len());
            for ((name, given), (wanted, expected)) in outputs.iter().zip(&expected) {
                assert_eq!(name, wanted);
                let checked = check(name, given, &Tensor::from(expected.clone()));
                checked.map_err(|reason| format!("layout {layout}: {reason}"))?;
            }
        }
        Ok(())
    }

    fn expected(&self, layout: i64) -> Vec<(&'static str, ArrayD<f32>)> {
        let sizes = self.case.weights.sizes();
        let expected = self.case.expected();
        let (steps, batch, _) = expected.y.dim();
        let shape = (steps, batch, sizes.num_directions(), sizes.hidden_size);
        let y = expected.y.mapv(|y| y as f32).into_shape_with_order(shape).unwrap();
        let (y, state) = match layout {
            0 => (y.permuted_axes([0, 2, 1, 3]), [0, 1, 2]),
            _ => (y.permuted_axes([1, 0, 2, 3]), [1, 0, 2]),
        };
        let of = |array: &Array3<f64>| array.mapv(|x| x as f32).permuted_axes(state).into_dyn();
        let mut all = vec![("Y", y.into_dyn()), ("Y_h", of(&expected.h_n))];
        if sizes.cell.has_c() {
            all.push(("Y_c", of(&expected.c_n)));
        }
        all
    }

    fn graph(&self, op: &str, layout: i64, as_inputs: bool) -> (Graph, Vec<(String, Tensor)>) {
        let (case, sizes) = (&self.case, self.case.weights.sizes());
        let swap = |mut array: ArrayD<f32>| {
            if layout == 1 {
                array.swap_axes(0, 1);
            }
            array
        };
        let mut inputs = vec![("X".to_string(), Tensor::from(swap(case.x.clone().into_dyn())))];
        if let Some(lengths) = &case.lengths {
            let lengths: Array1<i64> = lengths.iter().map(|n| *n as i64).collect();
            inputs.push(("lens".into(), lengths.into()));
        }
        if let Some(state) = &case.state {
            inputs.push(("h0".into(), swap(state.h.clone()).into()));
            if sizes.cell.has_c() {
                inputs.push(("c0".into(), swap(state.c.clone()).into()));
            }
        }
        let mut graph = Graph::new(if layout == 1 { 22 } else { 7 });
        for (name, array) in self.weights() {
            if as_inputs {
                inputs.push((name.into(), array.into()));
            } else {
                graph = graph.constant(f32s(name, &array));
            }
        }
        for (name, tensor) in &inputs {
            let is_lengths = name == "lens";
            let data_type = if is_lengths { DataType::Int32 } else { DataType::Float };
            // Sequences of any length and number.
            let dims: Vec<i64> = tensor.shape().iter().map(|side| *side as i64).collect();
            let dims = if name == "X" { vec![-1, -1, dims[2]] } else { dims };
            graph = graph.input(name, data_type, &dims);
        }
        let has = |name: &str| {
            let is_there = inputs.iter().any(|(input, _)| input == name)
                || self.weights().iter().any(|(weight, _)| *weight == name);
            if is_there { name.to_string() } else { "-".into() }
        };
        let mut names = vec!["X".to_string()];
        names.extend(["W", "R", "B", "lens", "h0"].map(has));
        if sizes.cell.has_c() {
            names.extend(["c0", "P"].map(has));
        }
        let outputs = if sizes.cell.has_c() { "Y Y_h Y_c" } else { "Y Y_h" };
        let (texts, alphas, betas) = self.named();
        let mut values = vec![(
            "direction",
            Value::Text(match sizes.direction {
                Direction::Forward => "forward",
                Direction::Reverse => "reverse",
                Direction::Bidirectional => "bidirectional",
            }),
        )];
        if layout == 1 {
            values.push(("layout", Value::Int(1)));
        }
        if let Cell::Gru { reset_after } = sizes.cell {
            values.push(("linear_before_reset", Value::Int(reset_after.into())));
        }
        if case.weights.options().coupled {
            values.push(("input_forget", Value::Int(1)));
        }
        if let Some(clip) = case.weights.options().preact_clip {
            values.push(("clip", Value::Float(clip)));
        }
        if !texts.is_empty() {
            values.push(("activations", Value::Texts(&texts)));
            values.push(("activation_alpha", Value::Floats(&alphas)));
            values.push(("activation_beta", Value::Floats(&betas)));
        }
        graph = graph.node(op, &names.join(" "), outputs, &values);
        for output in outputs.split(' ') {
            graph = graph.output(output);
        }
        (graph, inputs)
    }

    fn named(&self) -> (Vec<&'static str>, Vec<f32>, Vec<f32>) {
        let (mut alphas, mut betas) = (Vec::new(), Vec::new());
        for (_, activation) in &self.activations {
            match activation {
                Activation::HardSigmoid { alpha, beta }
                | Activation::ScaledTanh { alpha, beta } => {
                    alphas.push(*alpha);
                    betas.push(*beta);
                }
                Activation::LeakyRelu { alpha } => alphas.push(*alpha),
                _ => {}
            }
        }
        (self.activations.iter().map(|(name, _)| *name).collect(), alphas, betas)
    }

    /// W, R and, where there are any, B and P, as ONNX stacks them.
    fn weights(&self) -> Vec<(&'static str, ArrayD<f32>)> {
        let weights = &self.case.weights;
        let sizes = weights.sizes();
        let layers: Vec<&LayerWeights> =
            (0..sizes.num_directions()).map(|d| weights.layer(0, d).unwrap()).collect();
        let stack = |of: &dyn Fn(&LayerWeights) -> ArrayD<f32>| {
            let arrays: Vec<_> = layers.iter().map(|l| of(l).insert_axis(Axis(0))).collect();
            let views: Vec<_> = arrays.iter().map(|array| array.view()).collect();
            concatenate(Axis(0), &views).unwrap()
        };
        let gates = |array: ArrayD<f32>| of_onnx(sizes.cell, array, sizes.hidden_size);
        let mut all = vec![
            ("W", stack(&|layer| gates(layer.w_ih.clone().into_dyn()))),
            ("R", stack(&|layer| gates(layer.w_hh.clone().into_dyn()))),
        ];
        if layers[0].b_ih.is_some() {
            let both = |layer: &LayerWeights| {
                let [b_ih, b_hh] =
                    [&layer.b_ih, &layer.b_hh].map(|b| gates(b.clone().unwrap().into_dyn()));
                concatenate(Axis(0), &[b_ih.view(), b_hh.view()]).unwrap()
            };
            all.push(("B", stack(&both)));
        }
        if layers[0].peepholes.is_some() {
            // i, f, o to i, o, f.
            let peepholes = |layer: &LayerWeights| -> ArrayD<f32> {
                let rows: &Array2<f32> = layer.peepholes.as_ref().unwrap();
                let rows = [rows.row(0), rows.row(2), rows.row(1)];
                concatenate(Axis(0), &rows).unwrap().into_dyn()
            };
            all.push(("P", stack(&peepholes)));
        }
        all
    }
}

/// From i, f, g, o to i, o, f, c; from r, z, n to z, r, h.
fn of_onnx(cell: Cell, array: ArrayD<f32>, hidden: usize) -> ArrayD<f32> {
    let order: &[usize] = match cell {
        Cell::Lstm => &[0, 3, 1, 2],
        Cell::Gru { .. } => &[1, 0, 2],
        _ => &[0],
    };
    let gate =
        |gate: &usize| array.slice_axis(Axis(0), (gate * hidden..(gate + 1) * hidden).into());
    let gates: Vec<_> = order.iter().map(gate).collect();
    concatenate(Axis(0), &gates).unwrap()
}
