//! From a plan to a command encoder.

mod backward;
mod batching;
mod engine;
mod executable;
mod forward;
mod host;
mod input;
mod io;
mod pool;
mod program;
mod recent;
mod single;
mod state;
mod training;
#[cfg(not(target_arch = "wasm32"))]
mod tune;
mod workspace;

pub use crate::tensors::tensors_of;
pub use backward::{BackwardRole, Wanted};
pub(crate) use batching::{Batching, features, typed};
pub use engine::LayerConfig;
pub(crate) use engine::{Engine, Job, check_lengths};
pub use forward::Role;
pub(crate) use host::HostSide;
pub use input::{DeviceInput, LayerInput};
pub(crate) use input::{HostInput, check_ids, check_table, no_embedding, run_sizes, tokens_of};
pub use io::{LayerIo, StageState};
pub(crate) use io::{States, check_apart, check_shape, check_states, to_array};
pub(crate) use pool::{Place, PoolWorkspace};
pub use program::{Dispatch, Program};
pub(crate) use recent::Recent;
pub(crate) use single::{Launch, Single};
pub(crate) use training::Buffers;
pub use training::{BackwardIo, Reserve};
pub(crate) use workspace::Workspace;
