//! LSTM, GRU and RNN layers as fused GPU kernels on every graphics API that wgpu reaches.
//!
//! Begin with [`Gpu`] (a device), then [`Lstm`], [`Gru`] or [`Rnn`] (a stack of layers on it): [`Lstm::forward`] from host arrays,
//! [`Lstm::stream`] for single time steps, [`Lstm::stream_pool`] for many streams that come and go, [`Lstm::encode`] on the
//! caller's own buffers. A [`Model`] is a chain of such layers, and of the few around them. [`io`] reads weights, [`plan`] says how a problem will run without a device, and [`mod@reference`] is
//! the CPU truth that everything is checked against.
//!
//! ```no_run
//! use wgpu_rnn::ndarray::Array3;
//! use wgpu_rnn::{Gpu, Lstm, io};
//!
//! let gpu = Gpu::new()?;
//! let file = io::safetensors::open("model.safetensors")?;
//! let lstm = Lstm::load(&gpu, &file, "encoder.lstm")?;
//! let x = Array3::zeros((100, 4, lstm.sizes().input_size)); // [seq_len, batch, input_size]
//! let (y, state) = lstm.forward(x.view(), None)?;
//! # Ok::<(), wgpu_rnn::Error>(())
//! ```

#![warn(missing_docs)]

mod any;
mod caps;
mod ceilings;
mod cell;
mod chain;
mod embedding;
mod error;
mod format;
mod gpu;
mod gru;
pub mod io;
#[doc(hidden)]
#[allow(missing_docs, reason = "for this crate's tests")]
pub mod kernels;
mod layer;
mod linear;
mod lstm;
mod model;
#[cfg(feature = "onnx")]
mod onnx;
#[doc(hidden)]
#[allow(missing_docs, reason = "for this crate's tests")]
pub mod pack;
mod plan;
mod pool;
mod problem;
pub mod reference;
#[cfg(not(target_arch = "wasm32"))]
mod replace;
mod rnn;
#[doc(hidden)]
#[allow(missing_docs, reason = "for this crate's tests")]
pub mod run;
mod stream;
mod tape;
mod tensors;
#[cfg(not(target_arch = "wasm32"))]
mod tuning;
mod weights;

pub use any::{AnyKind, AnyLayer, AnyState, AnyStream};
pub use caps::DeviceCaps;
pub use ceilings::{Ceilings, WordSeconds};
pub use cell::{Activation, Activations, Cell, CellOptions, Flavour};
pub use chain::{Function, Last};
pub use embedding::Embedding;
pub use error::{Error, Result};
pub use format::WeightFormat;
pub use gpu::{AdapterReport, DeviceArray, Element, Gpu, GpuBuilder, GpuStats, GpuTimer};
pub use gru::{Gru, GruKind, GruStream};
pub use layer::{Kind, Layer, LayerConfig};
pub use linear::Linear;
pub use lstm::{Lstm, LstmKind, LstmState, LstmStream};
pub use model::{Model, ModelIo, ModelStream, Stage};
#[cfg(feature = "onnx")]
pub use onnx::OnnxModel;
pub use plan::{
    BackwardMemory, BackwardPlan, Estimate, Floor, Memory, Options, Plan, Schedule, candidates,
    plan, plan_backward,
};
pub use pool::{Slot, StreamPool};
pub use problem::{Direction, InputKind, LayerSizes, Problem};
pub use rnn::{Rnn, RnnKind, RnnStream};
pub use run::{BackwardIo, DeviceInput, LayerInput, LayerIo, Reserve, StageState};
pub use stream::Stream;
pub use tape::{Gradients, Tape, Taped};
pub use tensors::WeightTensor;
pub use weights::{LayerWeights, ModelWeights, StageWeights, Weights};

// The types of these crates are part of the interface.
pub use ndarray;
pub use wgpu;

/// The examples of the README, as doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
