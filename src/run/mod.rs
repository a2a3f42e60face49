//! From a plan to a command encoder.

mod backward;
mod batching;
mod engine;
mod executable;
mod forward;
mod host;
mod io;
mod pool;
mod program;
mod recent;
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
pub(crate) use executable::{Bound, Executable};
pub use forward::Role;
pub(crate) use host::HostSide;
pub use io::{DeviceInput, LayerInput, LayerIo, StageState};
pub(crate) use io::{
    HostInput, States, check_apart, check_ids, check_shape, check_states, check_table, run_sizes,
    to_array, tokens_of,
};
pub(crate) use pool::{Place, PoolWorkspace};
pub use program::{Dispatch, Program};
pub(crate) use recent::Recent;
pub(crate) use training::Buffers;
pub use training::{BackwardIo, Reserve};
pub(crate) use workspace::Workspace;
