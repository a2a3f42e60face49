//! GPU timestamps around a stretch of work.

use super::{Gpu, Readback};
use crate::error::{Error, Result};

/// Measures how long the GPU works on what is encoded between [`GpuTimer::start`] and [`GpuTimer::stop`].
#[derive(Debug)]
pub struct GpuTimer {
    gpu: Gpu,
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

const BYTES: u64 = 16;

impl GpuTimer {
    /// # Errors
    /// [`Error::Unsupported`] where the device was opened without `TIMESTAMP_QUERY`.
    pub fn new(gpu: &Gpu) -> Result<Self> {
        if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            let reason = "the device has no TIMESTAMP_QUERY".into();
            return Err(Error::Unsupported { what: "timing on the GPU".into(), reason });
        }
        gpu.scoped(|| {
            let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timer"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            });
            let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
            let resolved = gpu.create_buffer("timer", BYTES, usage);
            Ok(GpuTimer { gpu: gpu.clone(), queries, resolved })
        })
    }

    /// Notes the time at which the GPU gets here.
    pub fn start(&self, encoder: &mut wgpu::CommandEncoder) {
        self.write(encoder, Some(0), None);
    }

    /// Notes the time at which the GPU has done all since [`GpuTimer::start`].
    pub fn stop(&self, encoder: &mut wgpu::CommandEncoder) {
        self.write(encoder, None, Some(1));
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
    }

    /// Nanoseconds between the two, once the encoder has been submitted. Waits for the GPU.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn nanoseconds(&self) -> Result<f64> {
        let pending = self.gpu.scoped(|| {
            let readback = Readback::new(&self.gpu, BYTES);
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&self.resolved, 0, &readback.buffer, 0, BYTES);
            self.gpu.queue().submit([encoder.finish()]);
            Ok(readback.map(&self.gpu, BYTES))
        })?;
        let read = |words: &[f32]| bytemuck::pod_read_unaligned(bytemuck::cast_slice(words));
        let ([start, stop], _): ([u64; 2], _) = pending.wait(read)?;
        let period = f64::from(self.gpu.queue().get_timestamp_period());
        Ok(stop.wrapping_sub(start) as f64 * period)
    }

    /// Records, submits and waits: the seconds that the GPU worked on it by a timer, or without one, or where it stands
    /// still, those from the submission to its end.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn seconds(
        gpu: &Gpu,
        timer: Option<&GpuTimer>,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<f64> {
        gpu.scoped(|| {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            if let Some(timer) = timer {
                timer.start(&mut encoder);
            }
            record(&mut encoder);
            if let Some(timer) = timer {
                timer.stop(&mut encoder);
            }
            let begin = std::time::Instant::now();
            gpu.queue().submit([encoder.finish()]);
            if let Err(error) = gpu.device().poll(wgpu::PollType::wait_indefinitely()) {
                return Err(gpu.note_lost(error.to_string()));
            }
            let wall = begin.elapsed().as_secs_f64();
            let measured = timer.map(GpuTimer::nanoseconds).transpose()?;
            Ok(measured.filter(|ns| *ns > 0.0).map_or(wall, |ns| ns * 1e-9))
        })
    }

    fn write(&self, encoder: &mut wgpu::CommandEncoder, begin: Option<u32>, end: Option<u32>) {
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("timer"),
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: begin,
                end_of_pass_write_index: end,
            }),
        });
    }
}
