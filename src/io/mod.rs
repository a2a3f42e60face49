//! Reading weights from files.

#[cfg(feature = "keras")]
pub mod keras;
pub mod safetensors;
