//! From a plan to a command encoder.

mod batching;
mod engine;
mod executable;
mod host;
mod io;
mod program;
mod recent;
mod workspace;

pub(crate) use batching::{Batching, features, typed};
pub(crate) use engine::{Engine, Job, check_lengths};
pub(crate) use executable::{Bound, Executable};
pub(crate) use host::HostSide;
pub use io::{DeviceInput, LayerInput, LayerIo, StageState};
pub(crate) use io::{
    HostInput, States, check_apart, check_ids, check_shape, check_states, check_table, run_sizes,
    to_array, tokens_of,
};
pub use program::{Dispatch, Program, Role};
pub(crate) use recent::Recent;
pub(crate) use workspace::Workspace;
