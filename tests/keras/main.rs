//! Reading what Keras 3 saved: each model against Keras' own outputs by the CPU reference, and files that are not what
//! they say. The same models on GPUs are in `tests/gpu/keras.rs`.

#[path = "../common/mod.rs"]
mod common;

mod bad_files;
mod configs;
mod models;
mod reference;
mod weights_files;
