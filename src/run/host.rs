//! The host's end of a run: buffers for x and y, and the way back of the results.

use std::sync::Mutex;

use super::executable::Bound;
use crate::gpu::{Gpu, Readback, lock};

/// What a run from host arrays needs beside what a run on the caller's buffers needs.
#[derive(Debug)]
pub(crate) struct HostSide<B = Bound> {
    pub x: wgpu::Buffer,
    pub y: wgpu::Buffer,
    /// What stands ready for these buffers.
    pub bound: B,
    /// Held from the first upload to the submit, so that two threads do not mix their inputs.
    pub upload: Mutex<()>,
    result_bytes: u64,
    readbacks: Mutex<Vec<Readback>>,
}

impl<B> HostSide<B> {
    /// `bind` binds x and y; `result_bytes` come back after a run.
    pub fn new(
        gpu: &Gpu,
        x_bytes: u64,
        y_bytes: u64,
        result_bytes: u64,
        bind: impl FnOnce(&wgpu::Buffer, &wgpu::Buffer) -> B,
    ) -> Self {
        use wgpu::BufferUsages as Usage;
        let x = gpu.create_buffer("x", x_bytes, Usage::STORAGE | Usage::COPY_DST);
        let y = gpu.create_buffer("y", y_bytes, Usage::STORAGE | Usage::COPY_SRC);
        let bound = bind(&x, &y);
        let readbacks = Mutex::new(vec![Readback::new(gpu, result_bytes)]);
        HostSide { x, y, bound, upload: Mutex::new(()), result_bytes, readbacks }
    }

    /// A readback that is free, or a new one where other threads have them all.
    pub fn take_readback(&self, gpu: &Gpu) -> Readback {
        let free = lock(&self.readbacks).pop();
        free.unwrap_or_else(|| Readback::new(gpu, self.result_bytes))
    }

    pub fn give_back(&self, readback: Readback) {
        lock(&self.readbacks).push(readback);
    }
}
