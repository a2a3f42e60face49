//! Reading weights from files.

#[cfg(feature = "onnx")]
pub mod onnx;
pub mod safetensors;
