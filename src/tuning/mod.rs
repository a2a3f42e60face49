//! The fastest of the plans measured on a device, for each bucket of problems; kept in memory, and in a file where
//! there is one.

mod bucket;
mod file;

pub(crate) use bucket::Bucket;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::plan::Options;

/// By bucket.
type Winners = BTreeMap<String, Winner>;

/// What to force for the fastest plan, and how many times as fast it was as the planner's own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Winner {
    #[serde(flatten)]
    pub forced: Options,
    pub speedup: f64,
}

impl Winner {
    /// The planner's own choice.
    pub fn planned(forced: Options) -> Self {
        Winner { forced, speedup: 1.0 }
    }
}

impl fmt::Display for Winner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.speedup == 1.0 {
            return write!(f, "tuned: nothing measured was faster than the planner's choice");
        }
        write!(f, "tuned: measured {:.2} times as fast as the planner's choice", self.speedup)
    }
}

/// The winners of one device.
#[derive(Debug)]
pub(crate) struct Tuning {
    /// What they hold for: the adapter, its driver and the kernels.
    device: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    path: Option<PathBuf>,
    winners: Winners,
}

impl Tuning {
    pub fn new(info: &wgpu::AdapterInfo) -> Self {
        let wgpu::AdapterInfo { name, backend, driver, driver_info, .. } = info;
        let version = env!("CARGO_PKG_VERSION");
        let device = format!("{name}, {backend}, {driver} {driver_info}, wgpu-rnn {version}");
        Tuning { device, state: Mutex::default() }
    }

    /// Takes winners from a file from now on, and puts new ones there. A file that cannot be used is left alone.
    pub fn set_file(&self, path: PathBuf) {
        let mut state = self.lock();
        match file::read(&path, &self.device) {
            // What this device has measured meanwhile counts.
            Ok(mut winners) => {
                winners.append(&mut state.winners);
                state.winners = winners;
                state.path = Some(path);
            }
            Err(error) => {
                log::warn!("plans are tuned without {}: {error}", path.display());
                state.path = None;
            }
        }
    }

    /// The winner of a bucket, measured now if nobody has before. Whoever else asks meanwhile waits: two that measure
    /// at once would measure each other.
    pub fn winner(
        &self,
        bucket: &Bucket,
        measure: impl FnOnce() -> Result<Winner>,
    ) -> Result<Winner> {
        let mut state = self.lock();
        if let Some(winner) = state.winners.get(bucket.name()) {
            return Ok(*winner);
        }
        let winner = measure()?;
        state.winners.insert(bucket.name().into(), winner);
        if let Some(path) = &state.path
            && let Err(error) = file::add(path, &self.device, bucket.name(), winner)
        {
            log::warn!("the tuned plan is not kept in {}: {error}", path.display());
        }
        Ok(winner)
    }

    /// A poisoned lock holds winners that are still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
