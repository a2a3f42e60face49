//! Bringing results back to the host: a mappable buffer, and a wait that ends also where the device is lost.

use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::{Gpu, lock};
use crate::error::Result;

/// A buffer on its way to the host. Copy into it, submit, then [`Readback::map`].
#[derive(Debug)]
pub(crate) struct Readback {
    pub buffer: wgpu::Buffer,
}

/// A map that has been asked for.
pub(crate) struct Pending {
    gpu: Gpu,
    readback: Readback,
    bytes: u64,
    arrival: Arc<Arrival>,
}

/// Where the map's callback puts its outcome.
#[derive(Default)]
struct Arrival {
    outcome: Mutex<Outcome>,
    arrived: Condvar,
}

#[derive(Default)]
struct Outcome {
    result: Option<Result<(), wgpu::BufferAsyncError>>,
    waker: Option<Waker>,
}

/// How long a callback may take to come after the GPU is done. It is a matter of microseconds, except where the device
/// is lost and the callback with it.
#[cfg(not(target_arch = "wasm32"))]
const PATIENCE: Duration = Duration::from_secs(10);

impl Readback {
    pub fn new(gpu: &Gpu, bytes: u64) -> Self {
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        Readback { buffer: gpu.create_buffer("readback", bytes, usage) }
    }

    /// Submits what is recorded, copies to the first `bytes` of a new buffer among it, and asks for those.
    pub fn submit(
        gpu: &Gpu,
        mut encoder: wgpu::CommandEncoder,
        bytes: u64,
        copy: impl FnOnce(&mut wgpu::CommandEncoder, &wgpu::Buffer),
    ) -> Result<Pending> {
        gpu.scoped(|| {
            let readback = Readback::new(gpu, bytes);
            copy(&mut encoder, &readback.buffer);
            gpu.queue().submit([encoder.finish()]);
            Ok(readback.map(gpu, bytes))
        })
    }

    /// Asks for the first `bytes`; call it after the copy has been submitted.
    pub fn map(self, gpu: &Gpu, bytes: u64) -> Pending {
        let arrival = Arc::<Arrival>::default();
        let writer = Arc::clone(&arrival);
        self.buffer.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
            let mut outcome = lock(&writer.outcome);
            outcome.result = Some(result);
            writer.arrived.notify_one();
            if let Some(waker) = outcome.waker.take() {
                waker.wake();
            }
        });
        Pending { gpu: gpu.clone(), readback: self, bytes, arrival }
    }
}

impl Pending {
    /// Blocks until the data is there, reads it, and gives the buffer back.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait<T>(self, read: impl FnOnce(&[f32]) -> T) -> Result<(T, Readback)> {
        if let Err(error) = self.gpu.device().poll(wgpu::PollType::wait_indefinitely()) {
            return Err(self.gpu.note_lost(error.to_string()));
        }
        // Another thread that polled meanwhile may have taken the callback along and not called it yet.
        let outcome = lock(&self.arrival.outcome);
        let waited = self
            .arrival
            .arrived
            .wait_timeout_while(outcome, PATIENCE, |outcome| outcome.result.is_none());
        let (mut outcome, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let result = outcome.result.take();
        drop(outcome);
        self.finish(result, read)
    }

    /// The async twin of [`Pending::wait`].
    pub async fn ready<T>(self, read: impl FnOnce(&[f32]) -> T) -> Result<(T, Readback)> {
        let result = poll_fn(|context| {
            // Native devices make progress only when polled; in a browser this does nothing.
            let polled = self.gpu.device().poll(wgpu::PollType::Poll);
            let mut outcome = lock(&self.arrival.outcome);
            if outcome.result.is_some() || polled.is_err() {
                return Poll::Ready(outcome.result.take());
            }
            outcome.waker = Some(context.waker().clone());
            if cfg!(not(target_arch = "wasm32")) {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
        self.finish(result, read)
    }

    fn finish<T>(
        self,
        result: Option<Result<(), wgpu::BufferAsyncError>>,
        read: impl FnOnce(&[f32]) -> T,
    ) -> Result<(T, Readback)> {
        self.gpu.check_alive()?;
        if !matches!(result, Some(Ok(()))) {
            return Err(self.gpu.note_lost("results cannot be read back".into()));
        }
        let view = self.readback.buffer.get_mapped_range(..self.bytes);
        // It is mapped: only the end of the device, just now, can have taken it away.
        let view = view.map_err(|error| self.gpu.note_lost(error.to_string()))?;
        let value = read(bytemuck::cast_slice(&view));
        drop(view);
        self.readback.buffer.unmap();
        Ok((value, self.readback))
    }
}
