//! What a peer is asked, and what it answers: one line each, requests in words, answers in JSON.
//!
//! | request | answer |
//! |---|---|
//! | (none: it has started) | [`About`] |
//! | `prepare NAME` | [`Done`]: the arrays of `NAME.safetensors` are where the peer computes |
//! | `run` | [`Seconds`]: of one run, from arrays where the peer computes to the end of its work |
//! | `results NAME` | [`Done`]: what the last run gave is in `NAME.safetensors` |
//!
//! Any of them may be answered by [`Refusal`] instead. All files are in the folder that the peer is started with.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Of the implementation, and of what it stands on.
    pub version: String,
    /// What it computes on.
    pub device: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// What a reader may want to know of how it will run.
    pub note: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    /// On the host's clock, from the call to the end of the work.
    pub wall: f64,
    /// By the GPU's own clock, where there is one.
    pub device: Option<f64>,
}

/// Why a peer does not do what it is asked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub refused: String,
}
