//! Reading safetensors: names, dtypes, and files that are not what they say.

mod common;

use common::Random;
use half::{bf16, f16};
use wgpu_rnn::io::safetensors::{File, from_bytes};
use wgpu_rnn::{Cell, Direction, Error, Result};

/// A tensor to write: its name, dtype, shape and bytes.
type Tensor = (String, &'static str, Vec<usize>, Vec<u8>);

/// A file of tensors that lie one behind the other.
fn file(tensors: &[Tensor]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let begin = data.len();
        data.extend_from_slice(bytes);
        let end = data.len();
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#
        ));
    }
    with_header(&format!("{{{}}}", entries.join(",")), &data)
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), data].concat()
}

fn f32s(name: &str, shape: &[usize]) -> Tensor {
    let values = (0..shape.iter().product()).map(|n: usize| n as f32 + 0.5);
    (name.into(), "F32", shape.to_vec(), values.flat_map(f32::to_le_bytes).collect())
}

/// One layer of G gates with I = 3, H = 2.
fn layer(prefix: &str, gates: usize, suffix: &str) -> Vec<Tensor> {
    let rows = 2 * gates;
    [
        ("weight_ih", vec![rows, 3]),
        ("weight_hh", vec![rows, 2]),
        ("bias_ih", vec![rows]),
        ("bias_hh", vec![rows]),
    ]
    .map(|(name, shape)| f32s(&format!("{prefix}{name}_{suffix}"), &shape))
    .into()
}

fn read(tensors: &[Tensor]) -> File {
    from_bytes(file(tensors)).unwrap()
}

#[test]
fn layers_are_found_by_their_prefix() {
    let tensors = [
        layer("", 4, "l0"),
        layer("encoder.", 3, "l0"),
        layer("encoder.", 3, "l0_reverse"),
        layer("a.b.", 1, "l0"),
    ];
    let model = read(&tensors.concat());
    let prefixes: Vec<&str> = model.prefixes().collect();
    assert_eq!(prefixes.len(), 3);
    assert_eq!(model.lstm("").unwrap().sizes().cell, Cell::Lstm);
    let gru = model.gru("encoder").unwrap().sizes();
    assert_eq!((gru.input_size, gru.hidden_size), (3, 2));
    assert_eq!(gru.direction, Direction::Bidirectional);
    assert_eq!(model.rnn("a.b").unwrap().sizes().hidden_size, 2);
    let mut cells: Vec<_> =
        model.layers().into_iter().map(|found| (found.prefix, found.sizes.cell)).collect();
    cells.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("".to_string(), Cell::Lstm),
        ("a.b".to_string(), Cell::Rnn),
        ("encoder".to_string(), Cell::Gru { reset_after: true }),
    ];
    assert_eq!(cells, expected);
    assert_eq!(model.lstm("").unwrap().layer(0, 0).unwrap().w_ih[[1, 0]], 3.5);
}

#[test]
fn half_precision_becomes_f32() {
    let values = [1.0f32, -0.5, 65504.0, 3.0e-5];
    let bytes = |word: fn(f32) -> [u8; 2]| values.into_iter().flat_map(word).collect();
    let tensors: [Tensor; 2] = [
        ("f16".into(), "F16", vec![2, 2], bytes(|x| f16::from_f32(x).to_le_bytes())),
        ("bf16".into(), "BF16", vec![2, 2], bytes(|x| bf16::from_f32(x).to_le_bytes())),
    ];
    let model = read(&tensors);
    let expected = [
        ("f16", values.map(|x| f16::from_f32(x).to_f32())),
        ("bf16", values.map(|x| bf16::from_f32(x).to_f32())),
    ];
    for (name, expected) in expected {
        let tensor = model.tensor(name).unwrap();
        assert_eq!(tensor.shape(), [2, 2]);
        assert!(tensor.iter().eq(&expected), "{name}: {tensor}");
    }
}

/// The layer with one tensor changed.
fn changed(name: &str, change: impl Fn(&mut Tensor)) -> Result<()> {
    let mut tensors = layer("", 4, "l0");
    tensors.iter_mut().filter(|tensor| tensor.0 == name).for_each(change);
    read(&tensors).lstm("").map(drop)
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    for missing in ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"] {
        let result = changed(missing, |tensor| tensor.0 = "else".into());
        assert!(matches!(result, Err(Error::MissingTensor { name, .. }) if name == missing));
    }
    for (name, shape) in
        [("weight_ih_l0", &[7, 3][..]), ("weight_hh_l0", &[8, 3]), ("bias_ih_l0", &[9])]
    {
        let result = changed(name, |tensor| *tensor = f32s(name, shape));
        assert!(matches!(result, Err(Error::Shape { .. })), "{name}: {result:?}");
    }
    for (name, shape) in [
        ("weight_ih_l0", &[24][..]),
        ("weight_hh_l0", &[8, 2, 1]),
        ("bias_ih_l0", &[]),
        ("weight_ih_l0", &[8, 0]),
        ("weight_hh_l0", &[0, 0]),
    ] {
        let result = changed(name, |tensor| *tensor = f32s(name, shape));
        assert!(matches!(result, Err(Error::Shape { .. })), "{name} {shape:?}: {result:?}");
    }
    let result = changed("weight_hh_l0", |tensor| {
        *tensor = (tensor.0.clone(), "I64", vec![8, 2], vec![0; 128]);
    });
    let is_dtype = |error| matches!(error, Error::TensorDtype { name, given } if name == "weight_hh_l0" && given == "I64");
    assert!(is_dtype(result.unwrap_err()));
    assert!(matches!(read(&layer("", 4, "l0")).lstm("x"), Err(Error::MissingTensor { .. })));
    assert!(matches!(read(&layer("", 4, "l0")).gru(""), Err(Error::Shape { .. })));
}

/// What is left out silently makes another model.
#[test]
fn tensors_that_would_be_left_out_are_named() {
    let square = |suffix: &str| {
        let mut layer = layer("", 4, suffix);
        layer[0] = f32s(&format!("weight_ih_{suffix}"), &[8, 2]);
        layer
    };
    let one = || layer("", 4, "l0");
    let without_bias = || one()[..2].to_vec();
    let cases = [
        ("bias_hh_l2", [one(), square("l2")].concat()),
        ("bias_hh_l1_reverse", [one(), square("l1"), square("l1_reverse")].concat()),
        ("bias_hh_l1", [without_bias(), square("l1")].concat()),
        ("weight_hh_l1", [one(), vec![f32s("weight_hh_l1", &[8, 2])]].concat()),
        ("weight_hr_l1", [one(), square("l1"), vec![f32s("weight_hr_l1", &[1, 2])]].concat()),
    ];
    for (name, tensors) in cases {
        match read(&tensors).lstm("") {
            Err(Error::Format { reason, .. }) => assert!(reason.contains(name), "{name}: {reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    // Those of another stack, or of no stack, are not in the way.
    let others = [f32s("weight", &[1]), f32s("bias_ih", &[1]), f32s("a.weight_ih_l3", &[1])];
    read(&[&one()[..], &others].concat()).lstm("").unwrap();
    read(&[one(), square("l1")].concat()).lstm("").unwrap();
    read(&without_bias()).lstm("").unwrap();
}

#[test]
fn integers_are_read_as_such() {
    let bytes = |values: &[i64]| values.iter().flat_map(|n| n.to_le_bytes()).collect();
    let tensors = [("n".into(), "I64", vec![2], bytes(&[7, -1])), f32s("x", &[1])];
    let model = read(&tensors);
    assert_eq!(model.integers("n").unwrap(), [7, -1]);
    assert!(matches!(model.integers("x"), Err(Error::Unsupported { .. })));
    assert!(matches!(model.integers("y"), Err(Error::MissingTensor { .. })));
}

#[test]
fn broken_files_are_format_errors() {
    let whole = file(&layer("", 4, "l0"));
    let entry = |name: &str, begin: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":[{begin},{end}]}}"#)
    };
    let two = |a: &str, b: &str| with_header(&format!("{{{a},{b}}}"), &[0; 16]);
    let overflow =
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#;
    let broken = [
        ("empty", Vec::new()),
        ("half a length", whole[..5].to_vec()),
        ("a header beyond the file", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("a header just beyond the file", [&3u64.to_le_bytes()[..], b"{}"].concat()),
        ("no JSON", with_header("nothing", &[])),
        ("no UTF-8", [&2u64.to_le_bytes()[..], &[0xff, 0xfe]].concat()),
        ("truncated", whole[..whole.len() - 1].to_vec()),
        ("too long", [&whole[..], &[0]].concat()),
        ("overlapping", two(&entry("a", 0, 8), &entry("b", 4, 12))),
        ("a gap", two(&entry("a", 0, 8), &entry("b", 12, 20))),
        ("backwards", two(&entry("a", 8, 0), &entry("b", 8, 16))),
        ("of another size", two(&entry("a", 0, 4), &entry("b", 4, 16))),
        ("a shape that overflows", with_header(overflow, &[0; 8])),
        (
            "a dtype of no one",
            with_header(r#"{"a":{"dtype":"F33","shape":[],"data_offsets":[0,4]}}"#, &[0; 4]),
        ),
    ];
    for (what, bytes) in broken {
        let result = from_bytes(bytes);
        assert!(matches!(result, Err(Error::Format { .. })), "{what}: {result:?}");
    }
}

/// Whatever is in a file: an error, or a model that can be asked everything.
fn ask(bytes: Vec<u8>) {
    let Ok(model) = from_bytes(bytes) else { return };
    let _ = (model.layers(), model.metadata());
    for name in model.names() {
        let _ = (model.tensor(name), model.integers(name), model.shape(name), model.dtype(name));
    }
    for prefix in model.prefixes() {
        let _ = (model.lstm(prefix), model.gru(prefix), model.rnn(prefix));
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = Random::new(4);
    let mut below = move |n: usize| (((random.next() + 1.0) / 2.0 * n as f32) as usize).min(n - 1);
    let whole = file(&layer("", 4, "l0"));
    for length in 0..whole.len() {
        ask(whole[..length].to_vec());
    }
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + below(4) {
            let most = [bytes.len(), 400][below(2)];
            let at = below(most);
            bytes[at] = below(256) as u8;
        }
        ask(bytes);
        let noise: Vec<u8> = (0..below(200)).map(|_| below(256) as u8).collect();
        let header = String::from_utf8_lossy(&noise).into_owned();
        ask(with_header(&header, &noise));
        ask(noise);
    }
}
