//! The device: the only place that makes wgpu objects.

mod array;
mod builder;
#[cfg(not(target_arch = "wasm32"))]
mod ceilings;
mod errors;
mod readback;
mod timer;

pub use array::{DeviceArray, Element};
pub use builder::{AdapterReport, GpuBuilder};
pub(crate) use readback::{Pending, Readback};
pub use timer::GpuTimer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::caps::DeviceCaps;
use crate::error::{Error, Result};
use crate::kernels::{Access, Kernel, MAX_CHUNK};
use crate::pack::round_up;
#[cfg(not(target_arch = "wasm32"))]
use crate::tuning::Tuning;

/// A device with its queue and the pipelines made for it. Cheap to clone; all clones are the same device.
#[derive(Clone, Debug)]
pub struct Gpu {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    caps: DeviceCaps,
    lost: Arc<OnceLock<String>>,
    pipelines: Mutex<HashMap<Kernel, Pipeline>>,
    clock: OnceLock<Clock>,
    created: Counters,
    #[cfg(not(target_arch = "wasm32"))]
    tuning: Tuning,
}

/// A compiled kernel and the layout of its group 0.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// The step numbers 0, 1, 2, ..., one for each offset: how the time step reaches a shader with no buffer per step.
#[derive(Debug)]
struct Clock {
    layout: wgpu::BindGroupLayout,
    bind_group: wgpu::BindGroup,
    stride: u32,
}

#[derive(Debug, Default)]
struct Counters {
    buffers: AtomicU64,
    bind_groups: AtomicU64,
    pipelines: AtomicU64,
    tuned: AtomicU64,
}

/// How many GPU objects this crate has made on a [`Gpu`] so far, and how often it has measured plans. A repeated run
/// does neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuStats {
    /// Buffers.
    pub buffers: u64,
    /// Bind groups.
    pub bind_groups: u64,
    /// Compute pipelines.
    pub pipelines: u64,
    /// Choices of a plan by measurement, see [`Options::tune`](crate::Options::tune).
    pub tuned: u64,
}

impl Gpu {
    /// The adapter that the `WGPU_BACKEND`, `WGPU_ADAPTER_NAME` and `WGPU_POWER_PREF` environment variables name,
    /// else the fastest one there is.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] where none fits; the reason lists those found.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The async twin of [`Gpu::new`].
    pub async fn new_async() -> Result<Self> {
        Self::builder().build_async().await
    }

    /// Chooses backend, adapter and power preference in code.
    pub fn builder() -> GpuBuilder {
        GpuBuilder::from_env()
    }

    /// Runs on the caller's device. The device needs no features; its limits bound what a plan can choose.
    ///
    /// Errors of the device outside of calls into this crate stay the caller's.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue, info: &wgpu::AdapterInfo) -> Self {
        Self::with_lost_flag(device, queue, info, Arc::default())
    }

    fn with_lost_flag(
        device: wgpu::Device,
        queue: wgpu::Queue,
        info: &wgpu::AdapterInfo,
        lost: Arc<OnceLock<String>>,
    ) -> Self {
        let caps = DeviceCaps::new(&device.limits(), info);
        let inner = Inner {
            device,
            queue,
            info: info.clone(),
            caps,
            lost,
            pipelines: Mutex::default(),
            clock: OnceLock::new(),
            created: Counters::default(),
            #[cfg(not(target_arch = "wasm32"))]
            tuning: Tuning::new(info),
        };
        Gpu { inner: Arc::new(inner) }
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The device's queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// Name, driver and backend of the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.inner.info
    }

    /// The device's limits that bear on plans.
    pub fn caps(&self) -> &DeviceCaps {
        &self.inner.caps
    }

    /// What this crate has made on the device so far.
    pub fn stats(&self) -> GpuStats {
        let Counters { buffers, bind_groups, pipelines, tuned } = &self.inner.created;
        let [buffers, bind_groups, pipelines, tuned] =
            [buffers, bind_groups, pipelines, tuned].map(|count| count.load(Ordering::Relaxed));
        GpuStats { buffers, bind_groups, pipelines, tuned }
    }

    /// Keeps what [`Options::tune`](crate::Options::tune) finds out in a file from now on, and takes from there what an
    /// earlier process found out about this adapter with this driver and this version of the crate. The file may serve
    /// several adapters and processes. It is made with its folder at the first measurement.
    ///
    /// The file is a cache: where it cannot be read or written, or is no tuning file of a version known, it is left
    /// as it is, a warning goes to the log, and choices are kept in memory.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn set_tuning_file(&self, path: impl Into<std::path::PathBuf>) {
        self.inner.tuning.set_file(path.into());
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn note_tuned(&self) {
        self.inner.created.tuned.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn tuning(&self) -> &Tuning {
        &self.inner.tuning
    }

    pub(crate) fn is(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Fails where the device has been lost.
    pub(crate) fn check_alive(&self) -> Result<()> {
        match self.inner.lost.get() {
            Some(reason) => Err(Error::DeviceLost { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Notes that the device was lost, so that later calls fail at once.
    pub(crate) fn note_lost(&self, reason: String) -> Error {
        let reason = self.inner.lost.get_or_init(|| reason).clone();
        Error::DeviceLost { reason }
    }

    pub(crate) fn create_buffer(
        &self,
        label: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> wgpu::Buffer {
        self.inner.created.buffers.fetch_add(1, Ordering::Relaxed);
        let size = round_up(bytes.max(4), wgpu::COPY_BUFFER_ALIGNMENT);
        let label = Some(label);
        self.device().create_buffer(&wgpu::BufferDescriptor {
            label,
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer filled from `data`.
    pub(crate) fn create_buffer_with(
        &self,
        label: &str,
        data: &[u8],
        usage: wgpu::BufferUsages,
    ) -> wgpu::Buffer {
        let usage = usage | wgpu::BufferUsages::COPY_DST;
        let buffer = self.create_buffer(label, data.len() as u64, usage);
        self.queue().write_buffer(&buffer, 0, data);
        buffer
    }

    /// Group 0 of a kernel: its parameters (with a dynamic offset), then its storage bindings in their order.
    pub(crate) fn create_bind_group(
        &self,
        kernel: Kernel,
        pipeline: &Pipeline,
        params: wgpu::BufferBinding<'_>,
        storage: &[wgpu::BufferBinding<'_>],
    ) -> wgpu::BindGroup {
        self.inner.created.bind_groups.fetch_add(1, Ordering::Relaxed);
        let numbers = std::iter::once(0).chain(kernel.bindings().into_iter().map(|(n, _)| n));
        let buffers = std::iter::once(&params).chain(storage);
        let entries: Vec<_> = numbers
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(buffer.clone()),
            })
            .collect();
        self.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        })
    }

    /// The kernel's pipeline, compiled at its first use.
    pub(crate) fn pipeline(&self, kernel: Kernel) -> Pipeline {
        let mut pipelines = lock(&self.inner.pipelines);
        pipelines.entry(kernel).or_insert_with(|| self.compile(kernel)).clone()
    }

    fn compile(&self, kernel: Kernel) -> Pipeline {
        self.inner.created.pipelines.fetch_add(1, Ordering::Relaxed);
        let device = self.device();
        let name = kernel.name();
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(&name),
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        };
        let module = device.create_shader_module(descriptor);
        let params = params_entry(kernel.params_bytes());
        let storage = kernel.bindings().into_iter().map(|(binding, access)| {
            let read_only = access == Access::Read;
            layout_entry(binding, wgpu::BufferBindingType::Storage { read_only }, false, None)
        });
        let entries: Vec<_> = std::iter::once(params).chain(storage).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(&name),
            entries: &entries,
        });
        let groups = [Some(&layout), Some(&self.made_clock().layout)];
        let groups = if kernel.has_clock() { &groups[..] } else { &groups[..1] };
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&name),
            bind_group_layouts: groups,
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes what it reads of workgroup memory.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }

    /// The clock's bind group, and the distance from one tick to the next.
    pub(crate) fn clock(&self) -> (&wgpu::BindGroup, u32) {
        let Clock { bind_group, stride, .. } = self.made_clock();
        (bind_group, *stride)
    }

    /// Made at its first use, in the scope of a call that can report what goes wrong.
    fn made_clock(&self) -> &Clock {
        self.inner.clock.get_or_init(|| Clock::new(self))
    }
}

impl Clock {
    fn new(gpu: &Gpu) -> Self {
        const TICK_BYTES: u32 = 16;
        let alignment = gpu.caps().min_storage_buffer_offset_alignment;
        let stride = round_up(TICK_BYTES.into(), alignment.into()) as u32;
        let mut ticks = vec![0u8; stride as usize * MAX_CHUNK];
        for (step, tick) in ticks.chunks_exact_mut(stride as usize).enumerate() {
            tick[..4].copy_from_slice(&(step as u32).to_le_bytes());
        }
        let device = gpu.device();
        let buffer = gpu.create_buffer_with("clock", &ticks, wgpu::BufferUsages::STORAGE);
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("clock"),
            entries: &[params_entry(TICK_BYTES)],
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("clock"),
            layout: &layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffer,
                    offset: 0,
                    size: wgpu::BufferSize::new(TICK_BYTES.into()),
                }),
            }],
        });
        Clock { layout, bind_group, stride }
    }
}

/// Binding 0 of a group: a struct at a dynamic offset. Not a uniform, see docs/adr/0002.
fn params_entry(bytes: u32) -> wgpu::BindGroupLayoutEntry {
    let ty = wgpu::BufferBindingType::Storage { read_only: true };
    layout_entry(0, ty, true, wgpu::BufferSize::new(bytes.into()))
}

fn layout_entry(
    binding: u32,
    ty: wgpu::BufferBindingType,
    has_dynamic_offset: bool,
    min_binding_size: Option<wgpu::BufferSize>,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size },
        count: None,
    }
}

/// A poisoned lock holds caches that are still whole: each entry is put in after it is made.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
