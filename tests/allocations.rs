//! Nothing is allocated on the host per time step: what wgpu itself allocates to record a pass is measured on a pass
//! of our own making, and the library may add only what does not grow with the sequence.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::case::{Case, Shape};
use common::trials::{self, GpuTest, Outcome};
use wgpu_rnn::ndarray::{Array2, s};
use wgpu_rnn::{
    BackwardIo, DeviceInput, Embedding, Function, Gpu, Last, LayerConfig, LayerIo, Linear, Lstm,
    Model, ModelIo, Options, Schedule, wgpu,
};

/// Counts the allocations of each thread apart: drivers and other trials have threads of their own.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: the system's allocator does the work; the count is a plain cell that allocates nothing and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The allocations of this thread during `work`.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = COUNT.get();
    let result = work();
    (COUNT.get() - before, result)
}

fn main() {
    trials::main(vec![
        GpuTest::new("allocations::are_counted", |_| are_counted()),
        GpuTest::new("allocations::encode", encode),
        GpuTest::new("allocations::encode_backward", encode_backward),
        GpuTest::new("allocations::model", model),
        GpuTest::new("allocations::step", step),
        GpuTest::new("allocations::tick", tick),
    ])
}

fn are_counted() -> Outcome {
    assert_eq!(allocations(|| ()).0, 0);
    assert_eq!(allocations(|| vec![0u8; 100]).0, 1);
    assert_eq!(allocations(|| (0..1000).map(|n| vec![n; 3]).collect::<Vec<_>>()).0, 1001);
    Ok(())
}

const SHORT: usize = 100;
const LONG: usize = 1000;
/// A recorded list grows a few times more on its way to ten times the length.
const GROWTH: u64 = 10;

fn encode(gpu: &Gpu) -> Outcome {
    let bare = Bare::new(gpu);
    for schedule in Schedule::ALL {
        let of = |t| encoded(gpu, schedule, t);
        let (short, long) = (of(SHORT)?, of(LONG)?);
        let dispatches = |t| if schedule == Schedule::SequenceFused { 1 } else { t as u32 };
        let (bare_short, bare_long) =
            (bare.record(gpu, dispatches(SHORT)), bare.record(gpu, dispatches(LONG)));
        assert!(
            long - short <= bare_long.saturating_sub(bare_short) + GROWTH,
            "{schedule}: {short} for {SHORT} steps, {long} for {LONG}; wgpu alone {bare_short} and {bare_long}"
        );
    }
    Ok(())
}

/// The allocations of recording a run whose shape is ready.
fn encoded(gpu: &Gpu, schedule: Schedule, t: usize) -> Result<u64, Box<dyn std::error::Error>> {
    let l = if schedule == Schedule::Wavefront { 2 } else { 1 };
    let case = Case::new(1, Shape { t, l, ..Default::default() });
    let layer = case.lstm(gpu, Options { schedule: Some(schedule), ..Default::default() })?;
    let (x, y) = (gpu.upload(case.x.view())?, gpu.zeros(&[t, 3, 6])?);
    let record = || {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let (count, result) = allocations(|| layer.encode(&mut encoder, &LayerIo::new(&x, &y)));
        gpu.queue().submit([encoder.finish()]);
        result.map(|()| count)
    };
    record()?;
    let count = record()?;
    y.download()?;
    Ok(count)
}

/// A backward pass whose chunks are all of the sequence, so that only its steps grow in number.
fn encode_backward(gpu: &Gpu) -> Outcome {
    let bare = Bare::new(gpu);
    for schedule in [Schedule::Stepwise, Schedule::SequenceFused] {
        let of = |t| encoded_backward(gpu, schedule, t);
        let (short, long) = (of(SHORT)?, of(LONG)?);
        let dispatches = |t| if schedule == Schedule::SequenceFused { 1 } else { t as u32 };
        let (bare_short, bare_long) =
            (bare.record(gpu, dispatches(SHORT)), bare.record(gpu, dispatches(LONG)));
        assert!(
            long - short <= bare_long.saturating_sub(bare_short) + GROWTH,
            "{schedule}: {short} for {SHORT} steps, {long} for {LONG}; wgpu alone {bare_short} and {bare_long}"
        );
    }
    Ok(())
}

/// The allocations of recording a backward pass whose shape is ready.
fn encoded_backward(
    gpu: &Gpu,
    schedule: Schedule,
    t: usize,
) -> Result<u64, Box<dyn std::error::Error>> {
    let case = Case::new(1, Shape { t, ..Default::default() });
    let backward = Options { schedule: Some(schedule), ..Default::default() };
    let config = LayerConfig { backward, ..Default::default() };
    let layer = Lstm::new(gpu, &case.weights, config)?;
    let (x, y, d_y) = (gpu.upload(case.x.view())?, gpu.zeros(&[t, 3, 6])?, gpu.zeros(&[t, 3, 6])?);
    let (d_x, d_weights) = (gpu.zeros(&[t, 3, 4])?, gpu.zeros(&[24 * 12])?);
    let reserve = layer.reserve(t, 3)?;
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    layer.encode_training(&mut encoder, &LayerIo::new(&x, &y), &reserve)?;
    gpu.queue().submit([encoder.finish()]);
    let mut io = BackwardIo::new(&x, &y, &reserve, &d_y);
    (io.d_x, io.d_weights) = (Some(&d_x), Some(&d_weights));
    let record = || {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let (count, result) = allocations(|| layer.encode_backward(&mut encoder, &io));
        gpu.queue().submit([encoder.finish()]);
        result.map(|()| count)
    };
    record()?;
    let count = record()?;
    d_x.download()?;
    Ok(count)
}

/// The stages around a recurrent one allocate as much for a long sequence as for a short one.
fn model(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape::default());
    let options = Options { schedule: Some(Schedule::SequenceFused), ..Default::default() };
    let (table, weight) = (Array2::ones((5, 4)), Array2::ones((2, 6)));
    let model = Model::new(vec![
        Embedding::new(gpu, &table)?.into(),
        Function::Tanh.into(),
        case.lstm(gpu, options)?.into(),
        Linear::new(gpu, &weight, None)?.into(),
        Last::Step.into(),
        Function::Softmax.into(),
    ])?;
    let recorded = |t: usize| -> wgpu_rnn::Result<u64> {
        let ids = gpu.upload(Array2::<u32>::zeros((t, 3)).view())?;
        let (y, mut last) = (gpu.zeros(&[1, 3, 2])?, 0);
        for _ in 0..2 {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            let io = ModelIo::from_input(DeviceInput::Ids(&ids), &y);
            let (count, result) = allocations(|| model.encode(&mut encoder, &io));
            gpu.queue().submit([encoder.finish()]);
            (last, _) = (count, result?);
        }
        y.download()?;
        Ok(last)
    };
    let (short, long) = (recorded(SHORT)?, recorded(LONG)?);
    assert!(long <= short + GROWTH, "{short} for {SHORT} steps, {long} for {LONG}");
    Ok(())
}

/// A stream's step allocates as much after a thousand steps as after ten.
fn step(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape::default());
    let mut stream = case.lstm(gpu, Options::default())?.stream(3)?;
    let x_t = case.x.index_axis(wgpu_rnn::ndarray::Axis(0), 0);
    let mut most = |steps: usize| -> wgpu_rnn::Result<u64> {
        let counts = (0..steps).map(|_| {
            let (count, result) = allocations(|| stream.step(x_t));
            result.map(|_| count)
        });
        counts
            .collect::<wgpu_rnn::Result<Vec<_>>>()
            .map(|counts| counts.into_iter().max().unwrap_or(0))
    };
    most(10)?;
    let (early, _, late) = (most(10)?, most(500)?, most(10)?);
    assert!(late <= early + GROWTH, "{early} at first, {late} later");
    Ok(())
}

/// And so does a pool's tick, however many streams take part.
fn tick(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape::default());
    let mut pool = case.lstm(gpu, Options::default())?.stream_pool(500)?;
    let slots = (0..400).map(|_| pool.join()).collect::<wgpu_rnn::Result<Vec<_>>>()?;
    let x = Array2::ones((400, 4));
    let mut most = |ticks: usize, streams: usize| -> wgpu_rnn::Result<u64> {
        let counts = (0..ticks).map(|_| {
            let x = x.slice(s![..streams, ..]);
            let (count, result) = allocations(|| pool.tick(&slots[..streams], x));
            result.map(|_| count)
        });
        counts
            .collect::<wgpu_rnn::Result<Vec<_>>>()
            .map(|counts| counts.into_iter().max().unwrap_or(0))
    };
    most(10, 400)?;
    let (early, _, late) = (most(10, 3)?, most(300, 50)?, most(10, 400)?);
    assert!(late <= early + GROWTH, "{early} for 3 at first, {late} for 400 later");
    Ok(())
}

/// A pass of as many dispatches with a dynamic offset each, recorded by hand.
struct Bare {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    stride: u32,
}

impl Bare {
    fn new(gpu: &Gpu) -> Self {
        let device = gpu.device();
        let source = "@group(0) @binding(0) var<storage, read> clock: vec4<u32>;
            var<private> seen: u32;
            @compute @workgroup_size(1) fn main() { seen = clock.x; }";
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: true },
                    has_dynamic_offset: true,
                    min_binding_size: wgpu::BufferSize::new(16),
                },
                count: None,
            }],
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let stride = gpu.caps().min_storage_buffer_offset_alignment.max(16);
        let clock = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(stride) * LONG as u64,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        });
        let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &clock,
            offset: 0,
            size: wgpu::BufferSize::new(16),
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource }],
        });
        Bare { pipeline, bind_group, stride }
    }

    /// The allocations of recording `dispatches`.
    fn record(&self, gpu: &Gpu, dispatches: u32) -> u64 {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let (count, ()) = allocations(|| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            for step in 0..dispatches {
                pass.set_bind_group(0, &self.bind_group, &[step * self.stride]);
                pass.dispatch_workgroups(1, 1, 1);
            }
        });
        gpu.queue().submit([encoder.finish()]);
        count
    }
}
