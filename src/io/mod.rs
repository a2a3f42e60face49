//! Reading weights from files, and writing them.

#[cfg(feature = "onnx")]
pub mod onnx;
pub mod safetensors;
