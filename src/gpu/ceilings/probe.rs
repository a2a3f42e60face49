//! A kernel that is run for how long it takes.

use crate::error::Result;
use crate::gpu::{Gpu, GpuTimer};

/// The best of so many runs counts: what disturbs a run only makes it slower.
const RUNS: usize = 4;

/// A kernel on two buffers, ready to run.
pub(super) struct Probe {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    groups: u32,
    repeat: u32,
}

impl Probe {
    pub fn new(
        gpu: &Gpu,
        name: &str,
        source: &str,
        [first, second]: [&wgpu::Buffer; 2],
        groups: u32,
    ) -> Self {
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: first.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: second.as_entire_binding() },
            ],
        });
        Probe { pipeline, bind_group, groups, repeat: 1 }
    }

    /// The same with so many dispatches to a run.
    pub fn repeated(self, repeat: u32) -> Self {
        Probe { repeat, ..self }
    }

    /// The first run also compiles and fills buffers, so it does not count.
    pub fn best_seconds(&self, gpu: &Gpu, timer: Option<&GpuTimer>) -> Result<f64> {
        let runs = (0..=RUNS).map(|_| self.seconds(gpu, timer)).collect::<Result<Vec<_>>>()?;
        Ok(runs[1..].iter().copied().fold(f64::INFINITY, f64::min))
    }

    fn seconds(&self, gpu: &Gpu, timer: Option<&GpuTimer>) -> Result<f64> {
        GpuTimer::seconds(gpu, timer, |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.bind_group, &[]);
            for _ in 0..self.repeat {
                pass.dispatch_workgroups(self.groups, 1, 1);
            }
        })
    }
}
