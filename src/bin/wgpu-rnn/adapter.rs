//! Which adapter a command runs on, and how it is told.

use clap::ValueEnum;
use serde_json::{Value, json};
use wgpu_rnn::wgpu::{AdapterInfo, Backends, DeviceType};
use wgpu_rnn::{Gpu, GpuBuilder};

use crate::failure::Result;

#[derive(clap::Args)]
#[command(next_help_heading = "Adapter")]
pub struct AdapterArgs {
    /// Only an adapter whose name contains this [env: WGPU_ADAPTER_NAME]
    #[arg(long, global = true, value_name = "NAME")]
    adapter: Option<String>,
    /// Only adapters of this graphics API [env: WGPU_BACKEND]
    #[arg(long, global = true, value_name = "NAME")]
    backend: Option<Backend>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    Vulkan,
    Metal,
    Dx12,
    Gl,
}

impl AdapterArgs {
    pub fn builder(&self) -> GpuBuilder {
        let mut builder = Gpu::builder();
        if let Some(name) = &self.adapter {
            builder = builder.adapter_name(name);
        }
        if let Some(backend) = self.backend {
            builder = builder.backends(match backend {
                Backend::Vulkan => Backends::VULKAN,
                Backend::Metal => Backends::METAL,
                Backend::Dx12 => Backends::DX12,
                Backend::Gl => Backends::GL,
            });
        }
        builder
    }

    pub fn open(&self) -> Result<Gpu> {
        Ok(self.builder().build()?)
    }
}

/// Name and graphics API.
pub fn name(info: &AdapterInfo) -> String {
    format!("{}, {}", info.name, info.backend)
}

/// Name, graphics API and driver.
pub fn line(info: &AdapterInfo) -> String {
    match driver(info) {
        driver if driver.is_empty() => name(info),
        driver => format!("{}, {driver}", name(info)),
    }
}

pub fn driver(info: &AdapterInfo) -> String {
    format!("{} {}", info.driver, info.driver_info).trim().to_string()
}

pub fn kind(info: &AdapterInfo) -> &'static str {
    match info.device_type {
        DeviceType::DiscreteGpu => "discrete GPU",
        DeviceType::IntegratedGpu => "integrated GPU",
        DeviceType::VirtualGpu => "virtual GPU",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    }
}

pub fn json(info: &AdapterInfo) -> Value {
    json!({
        "name": info.name,
        "backend": info.backend.to_string(),
        "type": kind(info),
        "driver": info.driver,
        "driver_info": info.driver_info,
    })
}
