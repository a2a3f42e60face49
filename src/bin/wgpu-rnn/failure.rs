//! Why a command cannot do its work.

use std::fmt::Display;
use std::path::Path;

pub type Result<T, E = Failure> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Library(#[from] wgpu_rnn::Error),
    /// A file that cannot be used, and why.
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    /// What was asked for makes no sense together.
    #[error("{0}")]
    Request(String),
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    pub fn file(path: &Path, reason: impl Display) -> Self {
        Failure::File { path: path.display().to_string(), reason: reason.to_string() }
    }
}
