//! Criterion bench: a tick of some of a pool's streams, from the host and back. Verified, then timed.

#[path = "../tests/common/mod.rs"]
mod common;
mod shared;

use common::Random;
use common::compare::{F32, compare};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shared::{group, id};
use wgpu_rnn::ndarray::Axis;
use wgpu_rnn::{Gpu, LayerConfig, Lstm, Slot, reference};

const CAPACITY: usize = 4096;
const INPUT_SIZE: usize = 64;
const HIDDEN_SIZE: usize = 64;

fn tick(c: &mut Criterion) {
    let gpu = Gpu::new().expect("an adapter");
    let mut group = group(c, "pool");
    let mut random = Random::new(7);
    let weights = random.weights(INPUT_SIZE, HIDDEN_SIZE, 1, false);
    let lstm = Lstm::new(&gpu, &weights, LayerConfig::default()).expect("a layer");
    let mut pool = lstm.stream_pool(CAPACITY).expect("a pool");
    let slots: Vec<Slot> = (0..CAPACITY).map(|_| pool.join().expect("room")).collect();
    for streams in [1, 64, 1024] {
        // Far apart.
        let those: Vec<Slot> = slots.iter().step_by(CAPACITY / streams).copied().collect();
        let x = random.array3([1, streams, INPUT_SIZE]);
        those.iter().for_each(|slot| pool.reset(*slot).expect("a stream"));
        let x_t = x.index_axis(Axis(0), 0);
        let y = pool.tick(&those, x_t).expect("a tick").insert_axis(Axis(0)).into_dyn();
        let expected = reference::forward(&weights, &reference::Inputs::new(x.view())).y;
        compare("y", &y, &expected.into_dyn(), F32).verdict().expect("the right result");
        group.throughput(Throughput::Elements(streams as u64));
        let name = format!("lstm I {INPUT_SIZE} H {HIDDEN_SIZE}/{streams} of {CAPACITY}");
        group.bench_function(id(&name, &gpu), |bencher| {
            bencher.iter(|| pool.tick(&those, x_t).expect("a tick"));
        });
    }
    group.finish();
}

criterion_group!(benches, tick);
criterion_main!(benches);
