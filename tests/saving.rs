//! Models to safetensors files and back: the same weights by PyTorch's names, and what PyTorch cannot hold by name.

#[cfg(feature = "onnx")]
#[path = "onnx/build.rs"]
mod build;
mod common;

use common::Random;
use wgpu_rnn::io::safetensors::{File, from_bytes, open};
use wgpu_rnn::ndarray::{Array1, Array2};
use wgpu_rnn::{
    Activation, Activations, Cell, CellOptions, Direction, Error, Function, Last, LayerSizes,
    LayerWeights, ModelWeights, StageWeights, Weights,
};

const GRU: Cell = Cell::Gru { reset_after: true };

fn model(stages: Vec<(&str, StageWeights)>) -> wgpu_rnn::Result<ModelWeights> {
    let stages = stages.into_iter().map(|(name, stage)| (name.to_string(), stage));
    ModelWeights::new(stages.collect(), false)
}

fn alone(name: &str, weights: Weights) -> ModelWeights {
    model(vec![(name, StageWeights::Recurrent(weights))]).unwrap()
}

fn saved(model: &ModelWeights) -> File {
    from_bytes(model.to_safetensors().unwrap()).unwrap()
}

fn names(file: &File) -> Vec<&str> {
    file.names().collect()
}

/// All cells, directions, layers and projections, at the top level and under a name.
#[test]
fn stacks_come_back() {
    let mut random = Random::new(1);
    for cell in [Cell::Lstm, GRU, Cell::Rnn] {
        for direction in [Direction::Forward, Direction::Bidirectional] {
            for (layers, proj_size) in [(1, 0), (3, 0), (2, if cell == Cell::Lstm { 2 } else { 0 })]
            {
                let sizes = LayerSizes::new(cell, 4, 5)
                    .with_layers(layers)
                    .with_proj_size(proj_size)
                    .with_direction(direction);
                let weights = random.weights_of(sizes);
                for name in ["", "encoder.rnn"] {
                    let file = saved(&alone(name, weights.clone()));
                    assert_eq!(file.cell(name).unwrap(), cell);
                    assert_eq!(file.weights(name, cell).unwrap(), weights, "{sizes:?}");
                    assert_eq!(file.metadata()["format"], "pt");
                }
            }
        }
    }
    let relu = random.weights_of(LayerSizes::new(Cell::Rnn, 4, 5)).with_relu().unwrap();
    let file = saved(&alone("rnn", relu.clone()));
    assert_eq!(file.rnn("rnn").unwrap().with_relu().unwrap(), relu);
}

/// PyTorch has both biases of all layers, or none at all.
#[test]
fn a_missing_bias_beside_another_is_zero() {
    let layer = |inputs| LayerWeights::new(Array2::ones((10, inputs)), Array2::ones((10, 10)));
    let bias = Array1::from_elem(10, 0.5);
    let layers =
        |first: LayerWeights| Weights::new(Cell::Rnn, vec![vec![first], vec![layer(10)]]).unwrap();
    let file = saved(&alone("", layers(layer(3).with_bias(Some(bias.clone()), None))));
    let read = file.rnn("").unwrap();
    let zeros = Some(Array1::zeros(10));
    assert_eq!(read.layer(0, 0).unwrap().b_ih, Some(bias));
    assert_eq!(read.layer(0, 0).unwrap().b_hh, zeros);
    assert_eq!(read.layer(1, 0).unwrap().b_ih, zeros);
    let without = layers(layer(3));
    assert_eq!(saved(&alone("", without.clone())).rnn("").unwrap(), without);
}

/// Token ids to classes.
fn whole(random: &mut Random) -> ModelWeights {
    let gru = random.weights_of(LayerSizes::new(GRU, 4, 5));
    let bias = Some(Array1::from_shape_simple_fn(3, || random.next()));
    model(vec![
        ("embed", StageWeights::Embedding { weight: random.array2((7, 4)) }),
        ("rnn", StageWeights::Recurrent(gru)),
        ("", StageWeights::Last(Last::States)),
        ("head.0", StageWeights::Linear { weight: random.array2((3, 5)), bias }),
        ("", StageWeights::Function(Function::Relu)),
        ("head.2", StageWeights::Linear { weight: random.array2((2, 3)), bias: None }),
        ("", StageWeights::Function(Function::Softmax)),
    ])
    .unwrap()
}

#[test]
fn other_stages_come_back() {
    let model = whole(&mut Random::new(2));
    let file = saved(&model);
    let expected = [
        "embed.weight",
        "head.0.bias",
        "head.0.weight",
        "head.2.weight",
        "rnn.bias_hh_l0",
        "rnn.bias_ih_l0",
        "rnn.weight_hh_l0",
        "rnn.weight_ih_l0",
    ];
    assert_eq!(names(&file), expected);
    for (name, stage) in model.stages() {
        let weight = || file.array(&format!("{name}.weight"));
        match stage {
            StageWeights::Recurrent(weights) => assert_eq!(file.gru(name).unwrap(), *weights),
            StageWeights::Embedding { weight: expected } => {
                assert_eq!(weight().unwrap(), *expected)
            }
            StageWeights::Linear { weight: expected, bias } => {
                assert_eq!(weight().unwrap(), *expected);
                assert_eq!(file.array(&format!("{name}.bias")).ok(), *bias);
            }
            _ => {}
        }
    }
    assert_eq!(
        from_bytes(model.to_safetensors().unwrap()).unwrap().dtype("embed.weight").unwrap(),
        "F32"
    );
}

/// What is saved is in the order of rows, however it lies in memory.
#[test]
fn transposed_arrays_are_saved_as_they_read() {
    let weight = Random::new(3).array2((3, 5));
    let transposed = weight.t().as_standard_layout().into_owned().reversed_axes();
    assert!(!transposed.is_standard_layout());
    let file = saved(&model(vec![("", StageWeights::Embedding { weight: transposed })]).unwrap());
    assert_eq!(file.array("weight").unwrap(), weight);
}

/// Weights that PyTorch has no module for, and the word that names what is in the way.
fn strange() -> Vec<(&'static str, Weights)> {
    let mut random = Random::new(4);
    let mut of = |cell| random.weights_of(LayerSizes::new(cell, 4, 5));
    let lstm = of(Cell::Lstm);
    let with = |options| lstm.clone().with_options(options).unwrap();
    let softsign = Activations { g: Activation::Softsign, ..Cell::Lstm.standard_activations() };
    let peepholes = lstm.layer(0, 0).unwrap().clone().with_peepholes(Array2::ones((3, 5)));
    let relu = Activations { f: Activation::Relu, ..Cell::Rnn.standard_activations() };
    let one_relu = CellOptions { activations: [Some(relu), None], ..Default::default() };
    let sizes = LayerSizes::new(Cell::Rnn, 4, 5).with_direction(Direction::Bidirectional);
    vec![
        ("peepholes", Weights::new(Cell::Lstm, vec![vec![peepholes]]).unwrap()),
        ("preact_clip", with(CellOptions { preact_clip: Some(3.0), ..Default::default() })),
        ("cell_clip", with(CellOptions { cell_clip: Some(3.0), ..Default::default() })),
        ("coupled gates", with(CellOptions { coupled: true, ..Default::default() })),
        (
            "other activations",
            with(CellOptions { activations: [Some(softsign), None], ..Default::default() }),
        ),
        ("reset before", of(Cell::Gru { reset_after: false })),
        ("reverse direction alone", of(GRU).reversed().unwrap()),
        ("other activations", random.weights_of(sizes).with_options(one_relu).unwrap()),
    ]
}

#[test]
fn what_pytorch_cannot_hold_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (word, weights) in strange() {
        let embedding = StageWeights::Embedding { weight: Array2::ones((3, 4)) };
        let stages = vec![("embed", embedding), ("body", StageWeights::Recurrent(weights))];
        let error = model(stages).unwrap().save(&path).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Unsupported { .. }), "{text}");
        for word in [word, "stages[1]", "`body`", "PyTorch"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_is_replaced_in_one_go() {
    let mut random = Random::new(5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (old, new) = (whole(&mut random), whole(&mut random));
    old.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), old.to_safetensors().unwrap());
    new.save(&path).unwrap();
    let weights = open(&path).unwrap().gru("rnn").unwrap();
    assert!(matches!(&new.stages()[1].1, StageWeights::Recurrent(given) if *given == weights));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        assert_eq!(mode(&path), mode(&plain), "readable as any new file");
    }
    for path in [folder.path(), &path.join("below"), &folder.path().join("no/folder")] {
        let result = new.save(path);
        assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
    }
    assert_eq!(open(&path).unwrap().gru("rnn").unwrap(), weights);
}

#[test]
fn wrong_stages_are_named() {
    let table = || StageWeights::Embedding { weight: Array2::ones((7, 4)) };
    let head = |inputs, outputs, biases| StageWeights::Linear {
        weight: Array2::ones((outputs, inputs)),
        bias: Some(Array1::ones(biases)),
    };
    let step = || StageWeights::Last(Last::Step);
    let cases = [
        (vec![], "`stages`"),
        (vec![("", step())], "`stages`"),
        (vec![("a", table()), ("b", head(5, 3, 3))], "`stages[1]`"),
        (vec![("a", table()), ("a", head(4, 3, 3))], "`stages[1].name`"),
        (vec![("a", table()), ("b", head(4, 3, 2))], "`stages[1].bias`"),
        (vec![("a", table()), ("b", head(4, 0, 0))], "`stages[1].weight`"),
        (
            vec![("a", StageWeights::Embedding { weight: Array2::ones((0, 4)) })],
            "`stages[0].weight`",
        ),
        (vec![("a", table()), ("", step()), ("", step())], "`stages[2]`"),
    ];
    for (stages, name) in cases {
        let text = model(stages).unwrap_err().to_string();
        assert!(text.contains(name), "{name}: {text}");
    }
    // Stages without weights need no names.
    let model = model(vec![("a", table()), ("", step()), ("", head(4, 3, 3))]).unwrap();
    assert_eq!(names(&saved(&model)), ["a.weight", "bias", "weight"]);
}

/// What a graph does beside its stages would be lost, and PyTorch would compute something else.
#[cfg(feature = "onnx")]
#[test]
fn graphs_that_are_more_than_their_stages_are_refused() {
    use build::{Graph, f32s, i32s, i64s};
    use wgpu_rnn::io::onnx;
    use wgpu_rnn::ndarray::Array3;

    let (steps, batch, size, hidden) = (5, 3, 4, 6);
    let mut random = Random::new(9);
    let graph = Graph::new(13)
        .floats("X", &[steps, batch, size])
        .constant(f32s("W", &random.array3([1, hidden, size as usize])))
        .constant(f32s("R", &random.array3([1, hidden, hidden])))
        .constant(f32s("zeros", &Array3::<f32>::zeros((1, batch as usize, hidden))))
        .constant(f32s("h0", &random.array3([1, batch as usize, hidden])))
        .constant(i32s("all", &[5, 5, 5]))
        .constant(i32s("some", &[5, 3, 5]))
        .constant(i64s("first", &[-1]))
        .constant(i64s("end", &[-9]))
        .constant(i64s("axis", &[0]));
    let weights = |graph: Graph| onnx::from_bytes(&graph.output("Y").bytes(), None)?.weights();
    let rnn = |inputs| graph.clone().node("RNN", inputs, "Y", &[]);
    let plain = weights(rnn("X W R")).unwrap();
    assert_eq!(weights(rnn("X W R - all zeros")).unwrap(), plain);
    let backwards = graph.clone().node("Slice", "X first end axis first", "x", &[]);
    for (graph, reason) in [
        (rnn("X W R - some"), "lengths"),
        (rnn("X W R - - h0"), "initial states"),
        (backwards.node("RNN", "x W R", "Y", &[]), "reorders its input"),
    ] {
        let error = weights(graph).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
