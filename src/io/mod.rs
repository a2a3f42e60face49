//! Reading weights from files, and writing them.

#[cfg(feature = "keras")]
pub mod keras;
pub mod safetensors;
