//! Beside `shaders/ceilings/*.wgsl`: how fast the device moves bytes and does arithmetic at best.

use super::{Gpu, GpuTimer};
use crate::error::Result;

/// What a device reaches at best, as [`Gpu::measure_ceilings`] found it: nothing runs in less time than
/// `max(bytes / bytes_per_second, flops / flops_per_second)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Bytes read and written by a copy between buffers that no cache holds.
    pub bytes_per_second: f64,
    /// f32 operations, two per multiply-add.
    pub flops_per_second: f64,
}

/// Bytes of each of the two buffers of a copy: the binding that WebGPU grants, and with both larger than most caches.
const COPY_BYTES: u64 = 128 << 20;
/// Software adapters take long to fill buffers, and their caches are smaller.
const COPY_BYTES_SOFTWARE: u64 = 64 << 20;
/// `SIZE * EACH` vec4s.
const COPY_GROUP_BYTES: u64 = 256 * 4 * 16;
/// `SIZE`, and the flops of one round of an invocation.
const FMA_INVOCATIONS: u32 = 64;
const FMA_FLOPS: u64 = 256;
/// Enough to fill the largest device; a software adapter has a few threads to fill.
const FMA_GROUPS: u32 = 1 << 14;
const FMA_GROUPS_SOFTWARE: u32 = 256;
/// Some drivers leave a loop after 65,535 rounds without a word.
const MOST_ROUNDS: u32 = 1 << 15;
/// Arithmetic that takes this long is long against the launch.
const LONG_ENOUGH: f64 = 0.01;
/// The best of so many runs counts: what disturbs a run only makes it slower.
const RUNS: usize = 4;

impl Gpu {
    /// Measures the device's memory bandwidth and arithmetic peak, in about a second or less. GPU timestamps are used
    /// where there are any, else the time from submit to completion.
    ///
    /// # Errors
    /// [`Error::Gpu`](crate::Error::Gpu) where memory runs out, [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn measure_ceilings(&self) -> Result<Ceilings> {
        let timer = GpuTimer::new(self).ok();
        let bytes_per_second = self.measure_copy(timer.as_ref())?;
        let flops_per_second = self.measure_fma(timer.as_ref())?;
        Ok(Ceilings { bytes_per_second, flops_per_second })
    }

    fn measure_copy(&self, timer: Option<&GpuTimer>) -> Result<f64> {
        let caps = self.caps();
        let wanted = if caps.is_software { COPY_BYTES_SOFTWARE } else { COPY_BYTES };
        let bytes = wanted.min(caps.max_storage_buffer_binding_size).min(caps.max_buffer_size);
        let groups = bytes / COPY_GROUP_BYTES;
        let bytes = groups * COPY_GROUP_BYTES;
        let run = self.scoped(|| {
            let usage = wgpu::BufferUsages::STORAGE;
            let [source, copied] = [(); 2].map(|()| self.create_buffer("copy", bytes, usage));
            let source_text = include_str!("../../shaders/ceilings/copy.wgsl");
            Ok(Probe::new(self, "copy", source_text, &source, &copied, groups as u32))
        })?;
        Ok(2.0 * bytes as f64 / run.best_seconds(self, timer)?)
    }

    fn measure_fma(&self, timer: Option<&GpuTimer>) -> Result<f64> {
        let groups = if self.caps().is_software { FMA_GROUPS_SOFTWARE } else { FMA_GROUPS };
        let invocations = u64::from(groups) * u64::from(FMA_INVOCATIONS);
        let (params, run) = self.scoped(|| {
            use wgpu::BufferUsages as Usage;
            let params = self.create_buffer("params", 16, Usage::UNIFORM | Usage::COPY_DST);
            let sums = self.create_buffer("sums", 4 * invocations, Usage::STORAGE);
            let source_text = include_str!("../../shaders/ceilings/fma.wgsl");
            let run = Probe::new(self, "fma", source_text, &params, &sums, groups);
            Ok((params, run))
        })?;
        let mut rounds = 16;
        loop {
            // Converges to 1, far from what is not normal.
            let words = [rounds, 0.5f32.to_bits(), 0.5f32.to_bits(), 0];
            self.scoped(|| {
                self.queue().write_buffer(&params, 0, bytemuck::cast_slice(&words));
                Ok(())
            })?;
            let seconds = run.best_seconds(self, timer)?;
            if seconds >= LONG_ENOUGH || rounds == MOST_ROUNDS {
                let flops = u64::from(rounds) * FMA_FLOPS * invocations;
                return Ok(flops as f64 / seconds);
            }
            rounds = (rounds * 4).min(MOST_ROUNDS);
        }
    }
}

/// A kernel on two buffers, ready to run.
struct Probe {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    groups: u32,
}

impl Probe {
    fn new(
        gpu: &Gpu,
        name: &str,
        source: &str,
        first: &wgpu::Buffer,
        second: &wgpu::Buffer,
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
        Probe { pipeline, bind_group, groups }
    }

    /// The first run also compiles and fills buffers, so it does not count.
    fn best_seconds(&self, gpu: &Gpu, timer: Option<&GpuTimer>) -> Result<f64> {
        let runs = (0..=RUNS).map(|_| self.seconds(gpu, timer)).collect::<Result<Vec<_>>>()?;
        Ok(runs[1..].iter().copied().fold(f64::INFINITY, f64::min))
    }

    fn seconds(&self, gpu: &Gpu, timer: Option<&GpuTimer>) -> Result<f64> {
        gpu.scoped(|| {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            if let Some(timer) = timer {
                timer.start(&mut encoder);
            }
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.bind_group, &[]);
            pass.dispatch_workgroups(self.groups, 1, 1);
            drop(pass);
            if let Some(timer) = timer {
                timer.stop(&mut encoder);
            }
            let begin = std::time::Instant::now();
            gpu.queue().submit([encoder.finish()]);
            if let Err(error) = gpu.device().poll(wgpu::PollType::wait_indefinitely()) {
                return Err(gpu.note_lost(error.to_string()));
            }
            let wall = begin.elapsed().as_secs_f64();
            // A timer that stands still has measured nothing.
            let measured = timer.map(GpuTimer::nanoseconds).transpose()?;
            Ok(measured.filter(|ns| *ns > 0.0).map_or(wall, |ns| ns * 1e-9))
        })
    }
}
