//! Reading weights from files, and writing them.

#[cfg(feature = "keras")]
pub mod keras;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod safetensors;
