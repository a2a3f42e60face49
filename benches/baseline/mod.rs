//! What fusion is measured against. Only benches know these.

#![allow(dead_code, unused_imports, reason = "each bench uses a part")]

mod plain;
mod unfused;

pub use plain::Plain;
pub use unfused::Unfused;

use wgpu_rnn::Gpu;
use wgpu_rnn::wgpu;

/// Sizes of one layer, forward only.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub seq_len: usize,
    pub batch: usize,
    pub input_size: usize,
    pub hidden_size: usize,
}

pub struct Kernel {
    pipeline: wgpu::ComputePipeline,
}

/// A kernel with its bindings and grid, ready to be recorded.
pub struct Launch {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    grid: [u32; 3],
}

pub fn kernel(gpu: &Gpu, source: &str, entry_point: &str) -> Kernel {
    let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(entry_point),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let pipeline = gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(entry_point),
        layout: None,
        module: &module,
        entry_point: Some(entry_point),
        compilation_options: Default::default(),
        cache: None,
    });
    Kernel { pipeline }
}

/// A buffer, or a part of one from an offset in elements.
pub type Part<'a> = (&'a wgpu::Buffer, usize, usize);

impl Kernel {
    pub fn launch(&self, gpu: &Gpu, parts: &[Part<'_>], grid: [usize; 3]) -> Launch {
        let entries: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(binding, (buffer, offset, length))| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset: 4 * *offset as u64,
                    size: wgpu::BufferSize::new(4 * *length as u64),
                }),
            })
            .collect();
        let group = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Launch { pipeline: self.pipeline.clone(), group, grid: grid.map(|side| side as u32) }
    }
}

pub fn record(encoder: &mut wgpu::CommandEncoder, launches: &[Launch]) {
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for Launch { pipeline, group, grid: [x, y, z] } in launches {
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(*x, *y, *z);
    }
}

pub fn buffer(gpu: &Gpu, contents: &[f32], usage: wgpu::BufferUsages) -> wgpu::Buffer {
    use wgpu::util::DeviceExt;
    gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: None,
        contents: bytemuck::cast_slice(contents),
        usage,
    })
}

pub fn storage(gpu: &Gpu, contents: &[f32]) -> wgpu::Buffer {
    let usage =
        wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    buffer(gpu, contents, usage)
}

pub fn uniform(gpu: &Gpu, words: [u32; 4]) -> wgpu::Buffer {
    buffer(gpu, &words.map(f32::from_bits), wgpu::BufferUsages::UNIFORM)
}
