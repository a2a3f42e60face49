//! Fused recurrent-network kernels for every GPU that wgpu reaches.

mod caps;
mod error;
mod gpu;
pub mod io;
#[doc(hidden)]
pub mod kernels;
mod linear;
mod lstm;
#[doc(hidden)]
pub mod pack;
mod plan;
mod problem;
pub mod reference;
#[doc(hidden)]
pub mod run;
mod stream;
mod weights;

pub use caps::DeviceCaps;
pub use error::{Error, Result};
pub use gpu::{AdapterReport, DeviceArray, Gpu, GpuBuilder, GpuStats, GpuTimer};
pub use linear::Linear;
pub use lstm::{Lstm, LstmConfig, LstmIo, LstmState};
pub use plan::{Memory, Options, Plan, Schedule, plan};
pub use problem::{Cell, LayerSizes, Problem};
pub use stream::LstmStream;
pub use weights::{LayerWeights, Weights};

// The types of these crates are part of the interface.
pub use ndarray;
pub use wgpu;
