//! Finding an adapter and opening a device on it.

use std::sync::{Arc, OnceLock};

use super::Gpu;
use crate::error::{Error, Result};

/// Chooses the adapter that a [`Gpu`] runs on.
#[derive(Clone, Debug, Default)]
pub struct GpuBuilder {
    backends: wgpu::Backends,
    adapter_name: Option<String>,
    power_preference: wgpu::PowerPreference,
    #[cfg(not(target_arch = "wasm32"))]
    tuning_file: Option<std::path::PathBuf>,
}

/// An adapter that was found: what it is and what it can do.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Name, driver, backend and type.
    pub info: wgpu::AdapterInfo,
    /// Its limits.
    pub limits: wgpu::Limits,
    /// Its features.
    pub features: wgpu::Features,
}

impl GpuBuilder {
    /// What `WGPU_BACKEND`, `WGPU_ADAPTER_NAME` and `WGPU_POWER_PREF` say.
    pub fn from_env() -> Self {
        GpuBuilder {
            backends: wgpu::Backends::from_env().unwrap_or(wgpu::Backends::all()),
            adapter_name: std::env::var("WGPU_ADAPTER_NAME").ok(),
            power_preference: wgpu::PowerPreference::from_env()
                .unwrap_or(wgpu::PowerPreference::HighPerformance),
            #[cfg(not(target_arch = "wasm32"))]
            tuning_file: None,
        }
    }

    /// Only these graphics APIs.
    pub fn backends(mut self, backends: wgpu::Backends) -> Self {
        self.backends = backends;
        self
    }

    /// Only an adapter whose name contains this, whatever the case.
    pub fn adapter_name(mut self, name: impl Into<String>) -> Self {
        self.adapter_name = Some(name.into());
        self
    }

    /// Whether to prefer the fastest adapter (the default) or the thriftiest.
    pub fn power_preference(mut self, preference: wgpu::PowerPreference) -> Self {
        self.power_preference = preference;
        self
    }

    /// Where what [`Options::tune`](crate::Options::tune) finds out is kept, see [`Gpu::set_tuning_file`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tuning_file(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.tuning_file = Some(path.into());
        self
    }

    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] where no adapter fits, or none of those that fit opens.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn build(self) -> Result<Gpu> {
        pollster::block_on(self.build_async())
    }

    /// The async twin of [`GpuBuilder::build`].
    pub async fn build_async(self) -> Result<Gpu> {
        let adapter = self.choose().await?;
        self.open(&adapter).await
    }

    /// A device on every adapter that fits, for tests and comparisons.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn build_all(self) -> Result<Vec<Gpu>> {
        let adapters = pollster::block_on(self.matching(self.backends));
        adapters.iter().map(|adapter| pollster::block_on(self.open(adapter))).collect()
    }

    /// Every adapter that fits.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn adapters(&self) -> Vec<AdapterReport> {
        let report = |adapter: &wgpu::Adapter| AdapterReport {
            info: adapter.get_info(),
            limits: adapter.limits(),
            features: adapter.features(),
        };
        pollster::block_on(self.matching(self.backends)).iter().map(report).collect()
    }

    async fn open(&self, adapter: &wgpu::Adapter) -> Result<Gpu> {
        let gpu = open(adapter).await?;
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(path) = &self.tuning_file {
            gpu.set_tuning_file(path);
        }
        Ok(gpu)
    }

    async fn choose(&self) -> Result<wgpu::Adapter> {
        if cfg!(target_arch = "wasm32") {
            let options = wgpu::RequestAdapterOptions {
                power_preference: self.power_preference,
                ..Default::default()
            };
            let adapter = self.instance(self.backends).request_adapter(&options).await;
            return adapter.map_err(|error| Error::NoAdapter { reason: error.to_string() });
        }
        // OpenGL is asked only where nothing else answers: its drivers are slow to start, and not silent.
        for backends in [wgpu::Backends::PRIMARY, wgpu::Backends::SECONDARY] {
            let mut adapters = self.matching(self.backends & backends).await;
            adapters.sort_by_key(|adapter| self.rank(&adapter.get_info()));
            if let Some(adapter) = adapters.into_iter().next() {
                return Ok(adapter);
            }
        }
        Err(Error::NoAdapter { reason: self.why_none().await })
    }

    /// Smaller is better: real GPUs before software, then the better API for compute.
    fn rank(&self, info: &wgpu::AdapterInfo) -> (u8, u8) {
        use wgpu::{Backend, DeviceType, PowerPreference};
        let thrifty = self.power_preference == PowerPreference::LowPower;
        let device = match info.device_type {
            DeviceType::DiscreteGpu => 1 - u8::from(!thrifty),
            DeviceType::IntegratedGpu => 1 - u8::from(thrifty),
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        };
        let backend = match info.backend {
            Backend::Vulkan | Backend::Metal | Backend::BrowserWebGpu => 0,
            Backend::Dx12 => 1,
            _ => 2,
        };
        (device, backend)
    }

    async fn matching(&self, backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
        if backends.is_empty() {
            return Vec::new();
        }
        let mut adapters = self.instance(backends).enumerate_adapters(backends).await;
        adapters.retain(|adapter| {
            let is_compute = adapter
                .get_downlevel_capabilities()
                .flags
                .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS);
            let name = adapter.get_info().name.to_lowercase();
            let wanted = self.adapter_name.as_ref().map(|wanted| wanted.to_lowercase());
            is_compute && wanted.is_none_or(|wanted| name.contains(&wanted))
        });
        adapters
    }

    fn instance(&self, backends: wgpu::Backends) -> wgpu::Instance {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle_from_env()
        })
    }

    async fn why_none(&self) -> String {
        let found: Vec<String> = GpuBuilder::default()
            .matching(wgpu::Backends::all())
            .await
            .iter()
            .map(|adapter| adapter.get_info())
            .map(|info| format!("{} ({})", info.name, info.backend))
            .collect();
        let found = if found.is_empty() { "none".into() } else { found.join(", ") };
        let backends = self.backends;
        match &self.adapter_name {
            Some(name) => {
                format!("wanted one named like \"{name}\" on {backends:?}; found {found}")
            }
            None => format!("wanted one on {backends:?}; found {found}"),
        }
    }
}

/// Opens a device with all the adapter's limits, and timestamps where it has them.
async fn open(adapter: &wgpu::Adapter) -> Result<Gpu> {
    let info = adapter.get_info();
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("wgpu-rnn"),
        required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
        required_limits: adapter.limits(),
        ..Default::default()
    };
    let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| {
        Error::NoAdapter { reason: format!("{} does not open: {error}", info.name) }
    })?;
    let lost = Arc::<OnceLock<String>>::default();
    let flag = Arc::clone(&lost);
    device.set_device_lost_callback(move |reason, message| {
        let _ = flag.set(format!("{reason:?}: {message}"));
    });
    // Calls of this crate catch their errors in scopes; what is left comes from the driver later.
    device.on_uncaptured_error(Arc::new(|error: wgpu::Error| log::error!("wgpu: {error}")));
    Ok(Gpu::with_lost_flag(device, queue, &info, lost))
}
