//! Each model that Keras wrote, loaded and computed by the CPU reference, against what Keras computed.

use wgpu_rnn::{Cell, Error, ModelWeights, StageWeights};

use crate::common::compare::{F32, compare};
use crate::common::keras::{Model, all, of_name, path, weights_to};
use crate::reference;

fn check(model: &Model, weights: &ModelWeights, output: &str) -> Result<(), String> {
    let y = reference::run(weights, &model.input());
    let what = format!("{} {output}", model.name);
    compare(&what, &y, &model.expected(output), F32).verdict()
}

#[test]
fn models_compute_what_keras_does() {
    for model in all() {
        let keras = model.keras().unwrap();
        for (output, layer) in model.outputs {
            check(&model, &weights_to(&keras, layer), output).unwrap();
        }
        let last = keras.outputs().last().unwrap();
        assert_eq!(last, model.outputs.last().unwrap().1);
        assert_eq!(keras.weights().unwrap(), weights_to(&keras, last));
    }
}

/// Both files of a model hold the same, once the caller has said what a `.weights.h5` does not.
#[test]
fn weights_files_are_the_same_models() {
    let mut files = 0;
    for model in all() {
        let Some(keras) = model.weights_file() else { continue };
        let keras = keras.unwrap_or_else(|error| panic!("{}: {error}", model.name));
        let (found, described) =
            (keras.weights().unwrap(), model.keras().unwrap().weights().unwrap());
        assert_eq!(found, described, "{}", model.name);
        for (output, layer) in model.outputs {
            check(&model, &weights_to(&keras, layer), output).unwrap();
        }
        let onto = model.keras().unwrap();
        let onto = onto.load_weights(path(&format!("{}.weights.h5", model.name))).unwrap();
        assert_eq!(onto.weights().unwrap(), described, "{}", model.name);
        files += 1;
    }
    assert_eq!(files, 9);
}

/// A comparison that passed for another order of the gates, or another reset mode, would have shown nothing.
#[test]
fn control_other_weights_fail() {
    for name in ["lstm", "gru_reset_after", "bilstm"] {
        let model = of_name(name);
        let keras = model.keras().unwrap();
        let (output, layer) = model.outputs[0];
        let weights = weights_to(&keras, layer);
        let StageWeights::Recurrent(right) = &weights.stages()[0].1 else { panic!("{name}") };
        let swapped = crate::common::case::edited(right, |layer| {
            let h = layer.w_hh.ncols();
            for unit in 0..h {
                let (first, second) = (unit, h + unit);
                let rows = [layer.w_hh.row(first).to_owned(), layer.w_hh.row(second).to_owned()];
                layer.w_hh.row_mut(first).assign(&rows[1]);
                layer.w_hh.row_mut(second).assign(&rows[0]);
            }
        });
        let stages = vec![(name.to_string(), StageWeights::Recurrent(swapped))];
        let swapped = ModelWeights::new(stages, true).unwrap();
        assert!(check(&model, &swapped, output).is_err(), "{name}");
    }
}

/// Weights of other layers are no weights of these.
#[test]
fn other_weights_do_not_fit() {
    let keras = of_name("lstm").keras().unwrap();
    let error =
        keras.load_weights(path("gru_reset_after.weights.h5")).unwrap().weights().unwrap_err();
    assert!(
        matches!(&error, Error::MissingTensor { name, .. } if name == "layers/lstm/cell/vars/0"),
        "{error:?}"
    );
}

#[test]
fn layers_are_named_in_their_order() {
    let layers = |name: &str| -> Vec<(String, String)> {
        let keras = of_name(name).keras().unwrap();
        keras.layers().map(|(name, class)| (name.into(), class.into())).collect()
    };
    let names = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, class)| (name.to_string(), class.to_string())).collect()
    };
    let bilstm = [("x", "InputLayer"), ("bi", "Bidirectional"), ("head", "Dense")];
    assert_eq!(layers("bilstm"), names(&bilstm));
    let keras = of_name("bilstm").keras().unwrap();
    assert_eq!(keras.outputs().collect::<Vec<_>>(), ["bi", "head"]);
    let stack = [
        ("input_layer", "InputLayer"),
        ("lstm", "LSTM"),
        ("dropout", "Dropout"),
        ("lstm_1", "LSTM"),
        ("dense", "Dense"),
        ("dense_1", "Dense"),
    ];
    assert_eq!(layers("lstm_stack"), names(&stack));
}

#[test]
fn stages_have_the_names_and_sizes_of_the_layers() {
    let weights = of_name("gru_reset_before").keras().unwrap().weights().unwrap();
    let [(gru, StageWeights::Recurrent(stack)), (head, StageWeights::Linear { weight, bias })] =
        weights.stages()
    else {
        panic!("{:?}", weights.stages());
    };
    assert_eq!((gru.as_str(), head.as_str()), ("gru_reset_before", "head"));
    let sizes = stack.sizes();
    assert_eq!(
        (sizes.cell, sizes.input_size, sizes.hidden_size),
        (Cell::Gru { reset_after: false }, 5, 9)
    );
    assert_eq!((weight.dim(), bias.as_ref().map(|bias| bias.len())), ((3, 9), Some(3)));
    assert!(weights.batch_first() && !weights.takes_ids());
    assert!(of_name("embedding_gru").keras().unwrap().weights().unwrap().takes_ids());
}

#[test]
fn a_layer_that_is_not_there_is_named() {
    let error = of_name("lstm").keras().unwrap().weights_to("gru").unwrap_err().to_string();
    assert_eq!(error, "`layer` is gru, expected one of x, lstm, head");
}
