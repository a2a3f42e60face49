//! From a plan to a command encoder.

mod engine;
mod executable;
mod host;
mod program;
mod recent;
mod workspace;

pub(crate) use engine::{Arguments, Encoded, Engine, Job, States, check_shape};
pub(crate) use executable::{Bound, Executable};
pub(crate) use host::HostSide;
pub use program::{Dispatch, Program, Role};
pub(crate) use recent::Recent;
pub(crate) use workspace::Workspace;
