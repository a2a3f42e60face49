//! `.weights.h5`: what it tells of the layers, and what has to be said.

use wgpu_rnn::io::keras::{self, Keras, LayerArguments};
use wgpu_rnn::{Activation, Cell, Error, Last, Result, StageWeights, Weights};

use crate::common::keras::path;

const DEFAULT: LayerArguments<'static> = LayerArguments {
    activation: None,
    recurrent_activation: None,
    return_sequences: None,
    go_backwards: None,
    reset_after: None,
};

fn open(name: &str, layers: &[(&str, LayerArguments<'_>)]) -> Result<Keras> {
    keras::open_weights(path(&format!("{name}.weights.h5")), layers)
}

fn stages(name: &str, layers: &[(&str, LayerArguments<'_>)]) -> Vec<(String, StageWeights)> {
    let weights = open(name, layers).and_then(|keras| keras.weights());
    weights.unwrap_or_else(|error| panic!("{name}: {error}")).stages().to_vec()
}

fn recurrent(stage: &(String, StageWeights)) -> &Weights {
    match &stage.1 {
        StageWeights::Recurrent(weights) => weights,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cells_sizes_and_order_are_inferred() {
    let stack = stages("lstm_stack", &[]);
    let names: Vec<&str> = stack.iter().map(|(name, _)| name.as_str()).collect();
    // A layer before another recurrent one has to return sequences; the last one does not by default.
    assert_eq!(names, ["lstm", "lstm_1", "", "dense", "dense_1"]);
    assert!(matches!(stack[2].1, StageWeights::Last(Last::States)));
    assert_eq!(recurrent(&stack[0]).sizes().hidden_size, 6);

    let both = stages("bidirectional_gru", &[]);
    let [lower, upper] = [recurrent(&both[0]).sizes(), recurrent(&both[1]).sizes()];
    assert_eq!(
        (lower.cell, upper.cell),
        (Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false })
    );
    assert!(lower.is_bidirectional() && (lower.input_size, lower.hidden_size) == (5, 4));
    assert_eq!(recurrent(&stages("simple_rnn_relu", &[])[0]).sizes().cell, Cell::Rnn);
}

#[test]
fn arguments_are_honoured() {
    let said = LayerArguments {
        activation: Some("elu"),
        recurrent_activation: Some("hard_sigmoid"),
        go_backwards: Some(true),
        reset_after: Some(true),
        ..DEFAULT
    };
    let gru = stages("embedding_gru", &[("gru", said)]);
    let options = recurrent(&gru[1]).options().activations[0].expect("chosen activations");
    assert_eq!(options.g, Activation::Elu { alpha: 1.0 });
    assert_eq!(options.f, Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 });
    assert_eq!(recurrent(&gru[1]).sizes().direction, wgpu_rnn::Direction::Reverse);
    let sequences = LayerArguments { return_sequences: Some(true), ..DEFAULT };
    assert_eq!(stages("lstm", &[("lstm", sequences)]).len(), stages("lstm", &[]).len() - 1);
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let cases = [
        ("lstm", "lost", DEFAULT, "`lost`"),
        (
            "lstm",
            "head",
            LayerArguments { go_backwards: Some(false), ..DEFAULT },
            "go_backwards of layer head",
        ),
        (
            "lstm",
            "head",
            LayerArguments { return_sequences: Some(true), ..DEFAULT },
            "return_sequences of layer head",
        ),
        (
            "lstm",
            "head",
            LayerArguments { activation: Some("gelu"), ..DEFAULT },
            "activation of layer head` is gelu",
        ),
        (
            "lstm",
            "lstm",
            LayerArguments { reset_after: Some(true), ..DEFAULT },
            "reset_after of layer lstm",
        ),
        (
            "lstm",
            "lstm",
            LayerArguments { recurrent_activation: Some("softmax"), ..DEFAULT },
            "softmax",
        ),
        (
            "simple_rnn_relu",
            "simple_rnn",
            LayerArguments { recurrent_activation: Some("tanh"), ..DEFAULT },
            "recurrent_activation of layer simple_rnn",
        ),
        (
            "gru_reset_after",
            "gru_reset_after",
            LayerArguments { reset_after: Some(false), ..DEFAULT },
            "layers/gru/cell/vars/2",
        ),
        (
            "embedding_gru",
            "embedding",
            LayerArguments { activation: Some("tanh"), ..DEFAULT },
            "activation of layer embedding",
        ),
    ];
    for (name, layer, arguments, word) in cases {
        let result = open(name, &[(layer, arguments)]).and_then(|keras| keras.weights());
        let error = result.map(|_| panic!("{name} {layer}")).unwrap_err();
        assert!(matches!(error, Error::Argument { .. } | Error::Shape { .. }), "{error:?}");
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    let twice = open("lstm", &[("lstm", DEFAULT), ("lstm", DEFAULT)]).map(drop).unwrap_err();
    assert!(twice.to_string().contains("twice"), "{twice}");
}

/// Where functions stand, no size tells.
#[test]
fn an_order_that_sizes_do_not_tell_is_asked_for() {
    let tanh = LayerArguments { activation: Some("tanh"), ..DEFAULT };
    let error =
        open("activation_layers", &[("activation", tanh)]).map(drop).unwrap_err().to_string();
    for word in ["`layers`", "first to last", "lstm", "re_lu", "softmax"] {
        assert!(error.contains(word), "{word}: {error}");
    }
    let error = open("activation_layers", &[]).map(drop).unwrap_err().to_string();
    assert!(error.contains("activation of layer activation"), "{error}");
}

#[test]
fn a_whole_model_is_no_weights_file() {
    let error = keras::open_weights(path("lstm.keras"), &[]).map(drop).unwrap_err();
    assert!(matches!(error, Error::Format { format: "HDF5", .. }), "{error:?}");
    let error = keras::open(path("lstm.weights.h5")).map(drop).unwrap_err();
    assert!(matches!(error, Error::Format { format: "Keras", .. }), "{error:?}");
    let error = keras::open(path("nothing.keras")).map(drop).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}
