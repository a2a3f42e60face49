//! config.json: what changes a result is honoured or refused by its name, and what lies is found out.

use std::io::{Cursor, Read, Write};

use serde_json::{Value, json};
use wgpu_rnn::io::keras::{self, Keras};
use wgpu_rnn::{Error, ModelWeights, Result};
use zip::write::SimpleFileOptions;

use crate::common::keras::path;

/// A `.keras` file's members.
pub struct Archive {
    pub config: Vec<u8>,
    pub weights: Vec<u8>,
}

impl Archive {
    pub fn of(name: &str) -> Self {
        let file = std::fs::File::open(path(&format!("{name}.keras"))).unwrap();
        let mut zip = zip::ZipArchive::new(file).unwrap();
        let mut member = |name| {
            let mut bytes = Vec::new();
            zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        Archive { config: member("config.json"), weights: member("model.weights.h5") }
    }

    pub fn bytes(&self) -> Vec<u8> {
        zipped(&[("config.json", &self.config), ("model.weights.h5", &self.weights)])
    }
}

pub fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn open(name: &str, edit: impl FnOnce(&mut Value)) -> Result<Keras> {
    let mut archive = Archive::of(name);
    let mut config = serde_json::from_slice(&archive.config).unwrap();
    edit(&mut config);
    archive.config = config.to_string().into_bytes();
    keras::from_bytes(&archive.bytes())
}

fn load(name: &str, edit: impl FnOnce(&mut Value)) -> Result<ModelWeights> {
    open(name, edit)?.weights()
}

/// The config of layer `layer`, counted from 0, with an option set, or taken away by `Value::Null` as Python's
/// `del` would.
fn with(layer: usize, option: &str, value: Value) -> impl FnOnce(&mut Value) {
    let pointer = format!("/config/layers/{layer}/config{option}");
    move |config| set(config, &pointer, value)
}

fn set(config: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match config.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
        Value::Object(map) => drop(map.insert(key.into(), value)),
        Value::Array(array) => array[key.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer}: {other}"),
    }
}

/// Whether an error names each of these.
fn expect(what: &str, result: Result<impl std::fmt::Debug>, words: &[&str]) -> Error {
    let error = result.map(|model| panic!("{what}: {model:?}")).unwrap_err();
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{what}: {word} is not in: {text}");
    }
    error
}

#[test]
fn options_that_change_results_are_refused_by_name() {
    let dtype = |name| json!({"class_name": "DTypePolicy", "config": {"name": name}});
    let custom = json!({"class_name": "function", "config": "mine", "module": "builtins"});
    let cases = [
        ("lstm", 1, "/activation", json!("gelu"), ["`activation` = gelu", "layer `lstm` (LSTM)"]),
        ("lstm", 1, "/activation", custom, ["`activation` = function", "`lstm`"]),
        (
            "lstm",
            1,
            "/recurrent_activation",
            json!("softmax"),
            ["`recurrent_activation`", "`lstm`"],
        ),
        ("lstm", 1, "/stateful", json!(true), ["`stateful` = true", "`lstm`"]),
        ("lstm", 1, "/go_backwards", json!(true), ["`go_backwards`", "`lstm`"]),
        ("lstm", 1, "/dtype", json!("mixed_float16"), ["`dtype` = \"mixed_float16\"", "`lstm`"]),
        ("lstm", 2, "/dtype", dtype("bfloat16"), ["`dtype` = \"bfloat16\"", "`head`"]),
        ("lstm", 2, "/activation", json!("gelu"), ["`activation` = gelu", "`head` (Dense)"]),
        ("lstm", 2, "/lora_rank", json!(4), ["`lora_rank` = 4", "`head`"]),
        (
            "lstm",
            2,
            "/quantization_config",
            json!({"bits": 8}),
            ["`quantization_config`", "`head`"],
        ),
        ("lstm", 0, "/sparse", json!(true), ["`sparse` = true", "`x` (InputLayer)"]),
        ("lstm", 0, "/invented", json!(1), ["`invented` = 1", "`x` (InputLayer)"]),
        ("lstm_stack", 2, "/dtype", json!("float16"), ["`dtype` = \"float16\"", "`dropout`"]),
        ("lstm_stack", 2, "/invented", json!(1), ["`invented` = 1", "`dropout` (Dropout)"]),
        ("bilstm", 1, "/merge_mode", json!("sum"), ["`merge_mode` = \"sum\"", "`bi`"]),
        ("bilstm", 1, "/merge_mode", json!(null), ["`merge_mode` = null", "`bi`"]),
        ("embedding_gru", 1, "/mask_zero", json!(true), ["`mask_zero` = true", "`embedding`"]),
        ("activation_layers", 2, "/max_value", json!(6.0), ["`max_value` = 6", "`re_lu`"]),
        ("activation_layers", 2, "/negative_slope", json!(0.1), ["`negative_slope`", "`re_lu`"]),
        ("activation_layers", 2, "/threshold", json!(1), ["`threshold` = 1", "`re_lu`"]),
        (
            "activation_layers",
            5,
            "/activation",
            json!("elu"),
            ["`activation` = elu", "(Activation)"],
        ),
        ("activation_layers", 7, "/axis", json!(1), ["`axis` = 1", "(Softmax)"]),
    ];
    for (name, layer, option, value, words) in cases {
        let what = format!("{name} {option}");
        let error = expect(&what, load(name, with(layer, option, value)), &words);
        assert!(matches!(error, Error::Unsupported { .. }), "{what}: {error:?}");
    }
}

#[test]
fn directions_are_those_of_one_cell() {
    let both = "/config/layers/1/config";
    let set_both = |layer: &str, backward: &str, value: [Value; 2]| {
        let [layer, backward] = [layer, backward].map(|option| format!("{both}{option}"));
        let [first, second] = value;
        load("bilstm", move |config| {
            set(config, &layer, first);
            set(config, &backward, second);
        })
    };
    let go = ["/layer/config/go_backwards", "/backward_layer/config/go_backwards"];
    let swapped = set_both(go[0], go[1], [json!(true), json!(false)]);
    expect("swapped", swapped, &["`go_backwards`", "layer `bi`"]);
    let equal = set_both(go[0], go[1], [json!(true), json!(true)]);
    expect("both backwards", equal, &["layer `bi`", "`go_backwards`"]);
    let cases = [
        ("/backward_layer/config/units", json!(8), "7 units and LSTM with 8"),
        ("/backward_layer/class_name", json!("SimpleRNN"), "`recurrent_activation`"),
        ("/backward_layer/config/return_sequences", json!(false), "`return_sequences`"),
        ("/layer/class_name", json!("ConvLSTM1D"), "layer `forward_lstm` (ConvLSTM1D)"),
        ("/layer", json!(null), "has no `layer`"),
        ("/backward_layer", json!(7), "`backward_layer`"),
    ];
    for (option, value, word) in cases {
        expect(option, load("bilstm", with(1, option, value)), &[word]);
    }
}

#[test]
fn other_layers_are_named_with_their_class() {
    for class in ["Lambda", "Conv1D", "LayerNormalization", "RNN", "Sequential", "Masking"] {
        let result =
            load("lstm", |config| set(config, "/config/layers/2/class_name", json!(class)));
        expect(class, result, &["layer `head`", class, "is not supported"]);
        // Who looks at the model sees them all the same.
        let keras = open("lstm", |config| set(config, "/config/layers/2/class_name", json!(class)));
        assert_eq!(keras.unwrap().layers().nth(2), Some(("head", class)));
    }
    let module = |value| move |config: &mut Value| set(config, "/config/layers/1/module", value);
    expect(
        "module",
        load("lstm", module(json!("mine"))),
        &["layer `lstm` (LSTM) from module mine"],
    );
    expect("module", load("lstm", module(json!(null))), &["`lstm`", "module none"]);
    let inner = with(2, "/layer/class_name", json!("LSTM"));
    expect(
        "inner",
        load("simple_rnn_relu", inner),
        &["`time_distributed` (TimeDistributed)", "LSTM"],
    );
    for class in ["Model", "Subclassed"] {
        let result = load("lstm", |config| set(config, "/class_name", json!(class)));
        expect(class, result, &["a model of class", class]);
    }
}

#[test]
fn options_without_effect_change_nothing() {
    let plain = load("lstm", |_| ()).unwrap();
    let cases = [
        ("/dropout", json!(0.7)),
        ("/recurrent_dropout", json!(0.7)),
        ("/unroll", json!(true)),
        ("/unit_forget_bias", json!(false)),
        ("/zero_output_for_mask", json!(true)),
        ("/kernel_initializer", json!("zeros")),
        ("/bias_constraint", json!({"class_name": "NonNeg"})),
        ("/activity_regularizer", json!("l2")),
        ("/seed", json!(7)),
        ("/trainable", json!(false)),
        // Its states are outputs that nobody takes.
        ("/return_state", json!(true)),
        ("/something_of_tomorrow", json!(null)),
        ("/dtype", json!("float32")),
    ];
    for (option, value) in cases {
        assert_eq!(load("lstm", with(1, option, value)).unwrap(), plain, "{option}");
    }
    let plain = load("activation_layers", |_| ()).unwrap();
    let integer = with(2, "/negative_slope", json!(0));
    assert_eq!(load("activation_layers", integer).unwrap(), plain);
}

#[test]
fn sizes_that_lie_are_found_out() {
    let kernel = "layers/lstm/cell/vars/0";
    let cases = [
        ("/units", json!(17), kernel),
        ("/units", json!(1), kernel),
        ("/units", json!(0), "`units` of layer `lstm` (LSTM) is 0"),
        ("/units", json!(-3), "`units` of layer `lstm` (LSTM) is -3"),
        ("/units", json!(16.5), "`units` of layer `lstm` (LSTM) is 16.5"),
        ("/units", json!(1e30), "`units`"),
        ("/units", json!(1u64 << 62), "overflows"),
        ("/units", json!(1u64 << 40), kernel),
        ("/units", json!("16"), "`units`"),
        ("/units", json!(null), "`units` of layer `lstm` (LSTM) missing"),
        ("/use_bias", json!(false), "3 variables in `layers/lstm/cell/vars`"),
        ("/use_bias", json!("yes"), "`use_bias`"),
        ("/return_sequences", json!(1), "`return_sequences`"),
        ("/activation", json!(3), "`activation`"),
        ("", json!([]), "`config`"),
    ];
    for (option, value, word) in cases {
        expect(option, load("lstm", with(1, option, value)), &[word]);
    }
    let cases = [
        ("gru_reset_after", 1, "/reset_after", json!(false), "layers/gru/cell/vars/2"),
        ("gru_reset_before", 1, "/reset_after", json!(true), "layers/gru/cell/vars/2"),
        ("lstm", 2, "/units", json!(4), "layers/dense/vars/0"),
        ("lstm", 2, "/use_bias", json!(false), "2 variables in `layers/dense/vars`"),
        ("embedding_gru", 1, "/input_dim", json!(10), "layers/embedding/vars/0"),
        ("embedding_gru", 1, "/output_dim", json!(5), "layers/embedding/vars/0"),
        ("hard_sigmoid_no_bias", 1, "/use_bias", json!(true), "layers/lstm/cell/vars/2"),
        (
            "lstm_stack",
            1,
            "/return_sequences",
            json!(false),
            "layer `lstm_1` (LSTM) takes a sequence",
        ),
    ];
    for (name, layer, option, value, word) in cases {
        expect(option, load(name, with(layer, option, value)), &[word]);
    }
    // Another layer of the class before it: the groups are counted from there.
    let result =
        load("lstm_stack", |config| set(config, "/config/layers/2/class_name", json!("LSTM")));
    expect("counted", result, &["`units` of layer `dropout` (LSTM) missing"]);
}

#[test]
fn models_that_are_no_chain_are_refused() {
    let call = |at: usize| format!("/config/layers/{at}/inbound_nodes/0");
    let history = |at| call(at) + "/args/0/config/keras_history";
    let tensor = |layer: &str| json!({"config": {"keras_history": [layer, 0, 0]}});
    let cases = [
        (history(2), json!(["x", 0, 0]), vec!["layer `x`", "`lstm`", "`head`"]),
        (history(2), json!(["lstm", 0, 1]), vec!["output 1 of call 0 of layer `lstm`"]),
        (history(2), json!(["lstm", 1, 0]), vec!["call 1 of layer `lstm`"]),
        (history(2), json!(["nobody", 0, 0]), vec!["`head`", "`nobody`"]),
        (history(2), json!(["head", 0, 0]), vec!["`head`", "not reached"]),
        (history(2), json!(7), vec!["`head`"]),
        (call(2) + "/args", json!([tensor("lstm"), tensor("x")]), vec!["`head`", "2 inputs"]),
        (call(2) + "/args", json!([[tensor("lstm")]]), vec!["`head`"]),
        (call(2) + "/args", json!([]), vec!["`head`", "0 inputs"]),
        (
            call(1) + "/kwargs/initial_state",
            json!([tensor("x")]),
            vec!["`initial_state`", "`lstm`"],
        ),
        (call(1) + "/kwargs/training", json!(true), vec!["`training`", "`lstm`"]),
        ("/config/layers/2/inbound_nodes".into(), json!([]), vec!["inputs `x` and `head`"]),
        (
            "/config/layers/2/inbound_nodes".into(),
            json!([{}, {}]),
            vec!["`head`", "called 2 times"],
        ),
        ("/config/layers/2/inbound_nodes".into(), json!([null]), vec!["`head`", "0 inputs"]),
        ("/config/output_layers".into(), json!([]), vec!["no output"]),
        ("/config/output_layers".into(), json!([["lstm", 0, 1]]), vec!["output 1", "`lstm`"]),
        ("/config/output_layers".into(), json!({"a": ["nobody", 0, 0]}), vec!["`nobody`"]),
        ("/config/output_layers".into(), json!(3), vec!["`output_layers`"]),
        ("/config/layers/2/name".into(), json!("lstm"), vec!["two layers", "`lstm`"]),
        ("/config/layers/2".into(), json!(3), vec!["`layers[2]`"]),
        ("/config/layers/2".into(), json!({}), vec!["`layers[2]`", "`class_name`"]),
        ("/config/layers".into(), json!({}), vec!["`layers`"]),
        ("/config".into(), json!(null), vec!["`layers`"]),
    ];
    for (pointer, value, words) in cases {
        expect(&pointer, load("lstm", |config| set(config, &pointer, value)), &words);
    }
    let states = with(1, "/return_state", json!(true));
    expect("states", load("lstm_stack", states), &["`return_state`", "layer `lstm` (LSTM)"]);
    // A dictionary of outputs is as good as a list.
    let named = json!({"steps": ["lstm", 0, 0], "classes": ["head", 0, 0]});
    let keras = open("lstm", |config| set(config, "/config/output_layers", named)).unwrap();
    assert_eq!(keras.outputs().collect::<Vec<_>>(), ["lstm", "head"]);
}

#[test]
fn text_that_is_no_config_is_refused() {
    let with_config = |config: &[u8]| {
        let archive = Archive { config: config.to_vec(), ..Archive::of("lstm") };
        keras::from_bytes(&archive.bytes())
    };
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let config = Archive::of("lstm").config;
    for text in
        [&b""[..], b"{", b"null", b"[]", b"3", b"\xff\xfe", &deep, &config[..config.len() - 1]]
    {
        let error = with_config(text).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Format { .. } | Error::Unsupported { .. }), "{error:?}");
    }
}
