//! A program on a device: its pipelines and parameters, ready to be bound to buffers and recorded.

use std::collections::HashMap;
use std::hash::Hash;

use super::forward::Role;
use super::program::Program;
use crate::gpu::{Gpu, Pipeline};
use crate::kernels::Kernel;

#[derive(Debug)]
pub(crate) struct Executable<R = Role> {
    program: Program<R>,
    params: wgpu::Buffer,
    /// Of each dispatch, and of its second phase where it has one.
    pipelines: Vec<(Pipeline, Option<Pipeline>)>,
}

/// The bind group of each dispatch, for certain buffers.
#[derive(Debug)]
pub(crate) struct Bound {
    groups: Vec<wgpu::BindGroup>,
}

impl<R: Copy + Eq + Hash> Executable<R> {
    pub fn new(gpu: &Gpu, program: Program<R>) -> Self {
        let params = gpu.create_buffer_with("params", &program.params, wgpu::BufferUsages::STORAGE);
        let pipelines = program.dispatches.iter().map(|dispatch| {
            let second = dispatch.second.map(|(kernel, _)| gpu.pipeline(kernel));
            (gpu.pipeline(dispatch.kernel), second)
        });
        let pipelines = pipelines.collect();
        Executable { program, params, pipelines }
    }

    pub fn program(&self) -> &Program<R> {
        &self.program
    }

    /// Binds each role to what `binding_of` says.
    pub fn bind<'a>(&self, gpu: &Gpu, binding_of: impl Fn(R) -> wgpu::BufferBinding<'a>) -> Bound {
        let mut made = HashMap::new();
        let groups =
            self.program.dispatches.iter().zip(&self.pipelines).map(|(dispatch, (pipeline, _))| {
                let make = || {
                    let params = wgpu::BufferBinding {
                        buffer: &self.params,
                        offset: 0,
                        size: wgpu::BufferSize::new(dispatch.kernel.params_bytes().into()),
                    };
                    let storage: Vec<_> =
                        dispatch.roles.iter().map(|role| binding_of(*role)).collect();
                    gpu.create_bind_group(dispatch.kernel, pipeline, params, &storage)
                };
                made.entry((dispatch.kernel, &dispatch.roles)).or_insert_with(make).clone()
            });
        Bound { groups: groups.collect() }
    }

    /// Records all dispatches in one compute pass. Allocates nothing.
    pub fn record(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, bound: &Bound) {
        self.record_grids(gpu, encoder, bound, |_, grid| grid);
    }

    /// As [`Executable::record`], where all dispatches are single steps, over the first `rows` batch rows.
    pub fn record_rows(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        bound: &Bound,
        rows: u32,
    ) {
        self.record_grids(gpu, encoder, bound, |kernel, [x, _, z]| {
            [x, rows.div_ceil(kernel.rows()), z]
        });
    }

    fn record_grids(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        bound: &Bound,
        grid: impl Fn(Kernel, [u32; 3]) -> [u32; 3],
    ) {
        let (clock, tick) = gpu.clock();
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let dispatches = self.program.dispatches.iter().zip(&self.pipelines).zip(&bound.groups);
        for ((dispatch, (first, second)), group) in dispatches {
            let [x, y, z] = grid(dispatch.kernel, dispatch.grid);
            pass.set_pipeline(&first.pipeline);
            pass.set_bind_group(0, group, &[dispatch.params_offset]);
            for step in 0..dispatch.repeat {
                if dispatch.kernel.has_clock() {
                    pass.set_bind_group(1, clock, &[step * tick]);
                }
                pass.dispatch_workgroups(x, y, z);
                if let (Some(second), Some((kernel, own))) = (second, dispatch.second) {
                    let [x, y, z] = grid(kernel, own);
                    pass.set_pipeline(&second.pipeline);
                    pass.dispatch_workgroups(x, y, z);
                    pass.set_pipeline(&first.pipeline);
                }
            }
        }
    }
}
