//! Plans chosen by measurement, and the file that keeps them.

use std::path::PathBuf;

use wgpu_rnn::Gpu;

use crate::adapter::AdapterArgs;
use crate::failure::Result;

#[derive(clap::Args)]
pub struct TuneArgs {
    /// Measure the plans there are on this adapter and take the fastest
    #[arg(long, conflicts_with = "backward")]
    pub tune: bool,
    /// Where measured choices are kept, and found by later runs
    #[arg(long, value_name = "FILE", requires = "tune")]
    tuning_file: Option<PathBuf>,
}

impl TuneArgs {
    pub fn open(&self, adapter: &AdapterArgs) -> Result<Gpu> {
        let gpu = adapter.open()?;
        if let Some(path) = &self.tuning_file {
            gpu.set_tuning_file(path);
        }
        Ok(gpu)
    }
}
