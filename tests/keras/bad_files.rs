//! Files that are broken: an error of the library, never a panic, and never more memory than the file is worth.

use std::panic::catch_unwind;

use wgpu_rnn::io::keras::{self, LayerArguments};
use wgpu_rnn::{Error, Result};

use crate::common::Random;
use crate::common::keras::path;
use crate::configs::{Archive, zipped};

fn read(file: &str) -> Vec<u8> {
    std::fs::read(path(file)).unwrap()
}

/// Everything that can be asked of a file.
fn ask(bytes: &[u8]) -> Result<()> {
    let keras = keras::from_bytes(bytes)?;
    let names: Vec<String> = keras.layers().map(|(name, _)| name.to_string()).collect();
    names.iter().for_each(|name| drop(keras.weights_to(name)));
    keras.weights().map(drop)
}

fn ask_weights(bytes: &[u8]) -> Result<()> {
    let sequences = LayerArguments { return_sequences: Some(true), ..Default::default() };
    for arguments in [&[("lstm", sequences)][..], &[]] {
        if let Ok(keras) = keras::weights_from_bytes(bytes.to_vec(), arguments) {
            let _ = keras.weights();
        }
    }
    keras::weights_from_bytes(bytes.to_vec(), &[]).and_then(|keras| keras.weights()).map(drop)
}

fn without_panic(what: &str, ask: fn(&[u8]) -> Result<()>, bytes: &[u8]) -> Result<()> {
    catch_unwind(|| ask(bytes)).unwrap_or_else(|_| panic!("{what} panics"))
}

#[test]
fn truncated_files_are_errors() {
    for file in ["lstm.keras", "go_backwards.keras"] {
        let bytes = read(file);
        for length in (0..bytes.len()).step_by(61).chain(bytes.len() - 50..bytes.len()) {
            let result = without_panic(&format!("{file} to {length}"), ask, &bytes[..length]);
            let error = result.expect_err("the end of a zip says where its files are");
            assert!(matches!(error, Error::Format { .. }), "{error:?}");
        }
    }
    for file in ["lstm.weights.h5", "simple_rnn_relu.weights.h5", "bidirectional_gru.weights.h5"] {
        let bytes = read(file);
        for length in (0..bytes.len()).step_by(97) {
            // The file says how long it is.
            let result =
                without_panic(&format!("{file} to {length}"), ask_weights, &bytes[..length]);
            assert!(result.is_err(), "{file} to {length}");
        }
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = Random::new(41);
    let files = ["lstm.keras", "embedding_gru.keras", "go_backwards.keras", "bilstm.keras"];
    for file in files {
        let whole = read(file);
        for round in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(6) {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
            let _ = without_panic(&format!("{file}, round {round}"), ask, &bytes);
        }
    }
    let files = [
        "lstm.weights.h5",
        "bidirectional_gru.weights.h5",
        "simple_rnn_relu.weights.h5",
        "activation_layers.weights.h5",
        "embedding_gru.weights.h5",
    ];
    for file in files {
        let whole = read(file);
        for round in 0..600 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(4) {
                // Most of a file are its heads, most of the rest is room.
                let at = random.below(bytes.len());
                bytes[at] = [0, 255, random.below(256) as u8][random.below(3)];
            }
            let _ = without_panic(&format!("{file}, round {round}"), ask_weights, &bytes);
        }
    }
}

#[test]
fn archives_without_their_files_are_errors() {
    let Archive { config, weights } = Archive::of("lstm");
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("no zip", b"nothing of the sort".to_vec(), "no zip archive"),
        ("empty", Vec::new(), "no zip archive"),
        ("no config", zipped(&[("model.weights.h5", &weights)]), "`config.json`"),
        ("no weights", zipped(&[("config.json", &config)]), "`model.weights.h5`"),
        ("no HDF5", zipped(&[("config.json", &config), ("model.weights.h5", b"none")]), "HDF5"),
        (
            "npz",
            zipped(&[("config.json", &config), ("model.weights.npz", b"")]),
            "`model.weights.h5`",
        ),
    ];
    for (what, bytes, word) in cases {
        let error = keras::from_bytes(&bytes).map(drop).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{what}: {error:?}");
        assert!(error.to_string().contains(word), "{what}: {error}");
    }
}

/// Files are found by their names alone, and nothing is unpacked to anywhere.
#[test]
fn paths_in_the_archive_lead_nowhere() {
    let Archive { config, weights } = Archive::of("lstm");
    let members: [(&str, &[u8]); 4] = [
        ("../config.json", b"of another folder"),
        ("/tmp/model.weights.h5", b"of another folder"),
        ("config.json", &config),
        ("model.weights.h5", &weights),
    ];
    keras::from_bytes(&zipped(&members)).unwrap().weights().unwrap();
    let error = keras::from_bytes(&zipped(&members[..2])).map(drop).unwrap_err();
    assert!(error.to_string().contains("`config.json` in the archive: not there"), "{error}");
}

#[test]
fn what_grows_without_end_is_refused() {
    let Archive { config, weights } = Archive::of("lstm");
    let zeros = vec![0; 512 << 20];
    let [config_bomb, weights_bomb] = [
        zipped(&[("config.json", &zeros), ("model.weights.h5", &weights)]),
        zipped(&[("config.json", &config), ("model.weights.h5", &zeros)]),
    ];
    for (what, bytes) in [("config.json", config_bomb), ("model.weights.h5", weights_bomb)] {
        assert!(bytes.len() < 1 << 20, "a bomb of {} bytes", bytes.len());
        let error = keras::from_bytes(&bytes).map(drop).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("more than"), "{error}");
    }
}

/// Where bytes stand in a file, the only time or the first.
fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).expect("the bytes")
}

fn u64s(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A `.weights.h5` with some bytes replaced, first to last where they are there.
fn patched(file: &str, from: &[u8], to: &[u8]) -> Result<()> {
    let mut bytes = read(file);
    let at = find(&bytes, from);
    bytes[at..at + to.len()].copy_from_slice(to);
    without_panic(file, ask_weights, &bytes)
}

#[test]
fn shapes_and_dtypes_that_lie_are_found_out() {
    let kernel = u64s(&[5, 64]);
    let shapes = [
        // More than there is, and more than any file holds.
        u64s(&[50, 64]),
        u64s(&[1 << 40, 64]),
        u64s(&[u64::MAX, 64]),
        u64s(&[u64::MAX, u64::MAX]),
        u64s(&[0, 64]),
        // As many elements, but of another layer.
        u64s(&[64, 5]),
        u64s(&[10, 32]),
    ];
    for shape in shapes {
        let error = patched("lstm.weights.h5", &kernel, &shape).unwrap_err();
        let is_typed = matches!(
            error,
            Error::Shape { .. }
                | Error::Format { .. }
                | Error::Overflow { .. }
                | Error::Argument { .. }
        );
        assert!(is_typed, "{shape:?}: {error:?}");
    }
    // A datatype message: class and version, flags of the byte order and the sign, size, then the layout.
    let float = [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
    let mut other_bias = float;
    other_bias[16] = 126;
    let integer = [0x10, 0x08, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
    for (datatype, given) in [(other_bias, "a float of 4 bytes"), (integer, "I32")] {
        let error = patched("lstm.weights.h5", &float, &datatype).unwrap_err();
        assert!(
            matches!(&error, Error::TensorDtype { given: dtype, .. } if dtype == given),
            "{error:?}"
        );
    }
}

#[test]
fn groups_that_are_missing_are_named() {
    let error = patched("lstm.weights.h5", b"layers\0", b"lawyer\0").unwrap_err();
    assert!(error.to_string().contains("group `layers`"), "{error}");
    let error = patched("lstm.weights.h5", b"dense\0", b"tense\0").unwrap_err();
    assert!(error.to_string().contains("layers/tense"), "{error}");
    let error =
        patched("lstm.weights.h5", b"vars\0\0\0\0cell\0", b"vars\0\0\0\0sell\0").unwrap_err();
    assert!(
        matches!(&error, Error::MissingTensor { name, .. } if name == "layers/lstm/cell/vars/0"),
        "{error:?}"
    );
}
