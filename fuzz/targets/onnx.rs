//! Bytes as an ONNX file, without a folder for external data.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wgpu_rnn::io::onnx;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = onnx::from_bytes(bytes, None) else { return };
    let _ = (file.opset(), file.producer(), file.inputs(), file.outputs(), file.operators().count());
    let _ = file.weights();
});
