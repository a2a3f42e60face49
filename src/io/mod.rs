//! Reading weights from files, and writing them.

pub mod safetensors;
