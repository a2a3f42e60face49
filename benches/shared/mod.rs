//! What benches have in common: how long criterion looks, what it calls things, and runs from encoder to end.

#![allow(dead_code, reason = "each bench uses a part")]

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use wgpu_rnn::{Gpu, wgpu};

pub fn group<'a>(c: &'a mut Criterion, what: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(what);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

/// Criterion cuts long ids at their end, which is the driver.
pub fn id(what: &str, gpu: &Gpu) -> BenchmarkId {
    let info = gpu.info();
    BenchmarkId::new(what, format!("{} {} {}", info.name, info.backend, info.driver_info))
}

/// Encodes, submits and waits.
pub fn run(gpu: &Gpu, encode: impl FnOnce(&mut wgpu::CommandEncoder)) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encode(&mut encoder);
    finish(gpu, encoder.finish());
}

/// Submits and waits.
pub fn finish(gpu: &Gpu, commands: wgpu::CommandBuffer) {
    gpu.queue().submit([commands]);
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("the device");
}
