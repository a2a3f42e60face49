//! Bytes as a safetensors file: an error, or a file that can be asked everything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wgpu_rnn::io::safetensors;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = safetensors::from_bytes(bytes.to_vec()) else { return };
    let _ = (file.layers(), file.metadata());
    for name in file.names() {
        let _ = (file.tensor(name), file.integers(name), file.shape(name), file.dtype(name));
    }
    for prefix in file.prefixes() {
        let _ = (file.cell(prefix), file.lstm(prefix), file.gru(prefix), file.rnn(prefix));
    }
});
