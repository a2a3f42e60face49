//! Bytes as a `.weights.h5`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wgpu_rnn::io::keras::{LayerArguments, weights_from_bytes};

fuzz_target!(|bytes: &[u8]| {
    let backwards = LayerArguments { go_backwards: Some(true), ..Default::default() };
    for arguments in [&[][..], &[("lstm", backwards)]] {
        let Ok(keras) = weights_from_bytes(bytes.to_vec(), arguments) else { continue };
        let _ = keras.weights();
    }
});
