//! From a plan to a command encoder.

mod engine;
mod executable;
mod host;
mod io;
mod program;
mod recent;
mod workspace;

pub(crate) use engine::{Engine, Job};
pub(crate) use executable::{Bound, Executable};
pub(crate) use host::HostSide;
pub use io::{DeviceInput, LayerInput, LayerIo};
pub(crate) use io::{HostInput, States, check_ids, check_shape, check_table};
pub use program::{Dispatch, Program, Role};
pub(crate) use recent::Recent;
pub(crate) use workspace::Workspace;
