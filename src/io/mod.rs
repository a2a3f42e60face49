//! Reading weights from files.

pub mod safetensors;
