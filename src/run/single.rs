//! A program of one dispatch, for stages that need no more.

use bytemuck::Pod;

use super::executable::{Bound, Executable};
use super::program::{Dispatch, Program};
use super::recent::Recent;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernels::Kernel;

/// A kernel over a grid, within the limits of the device.
#[derive(Debug)]
pub(crate) struct Launch {
    kernel: Kernel,
    grid: [u64; 3],
    params: Vec<u8>,
    /// What each binding but the parameters shows of its buffer.
    bytes: Vec<u64>,
}

impl Launch {
    /// `buffers`: what the kernel binds beside its parameters, and how many bytes of it.
    pub fn new(
        gpu: &Gpu,
        kernel: Kernel,
        grid: [u64; 3],
        params: &impl Pod,
        buffers: &[(&str, u64)],
    ) -> Result<Self> {
        for (name, bytes) in buffers {
            gpu.caps().check_binding(name, *bytes)?;
        }
        gpu.caps().check_grid(grid)?;
        let bytes = buffers.iter().map(|(_, bytes)| *bytes).collect();
        Ok(Launch { kernel, grid, params: bytemuck::bytes_of(params).to_vec(), bytes })
    }
}

/// One dispatch, and what stands ready for the buffers that it was recorded with last.
#[derive(Debug)]
pub(crate) struct Single {
    /// Roles count the kernel's bindings.
    executable: Executable<usize>,
    bytes: Vec<u64>,
    bound: Recent<Vec<wgpu::Buffer>, Bound>,
}

impl Single {
    pub fn new(gpu: &Gpu, launch: Launch) -> Self {
        let Launch { kernel, grid, params, bytes } = launch;
        let dispatch = Dispatch {
            kernel,
            grid: grid.map(|side| side as u32),
            second: None,
            roles: (0..bytes.len()).collect(),
            params_offset: 0,
            repeat: 1,
        };
        let program = Program { dispatches: vec![dispatch], params, final_half: 0 };
        let executable = Executable::new(gpu, program);
        Single { executable, bytes, bound: Recent::new() }
    }

    /// Binds the buffers, in the order of the kernel's bindings.
    pub fn bind(&self, gpu: &Gpu, buffers: &[&wgpu::Buffer]) -> Bound {
        self.executable.bind(gpu, |at| wgpu::BufferBinding {
            buffer: buffers[at],
            offset: 0,
            size: wgpu::BufferSize::new(self.bytes[at]),
        })
    }

    /// Records the dispatch on some buffers, in the order of the kernel's bindings; call it in a scope.
    pub fn record(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        buffers: &[&wgpu::Buffer],
    ) -> Result<()> {
        let key = buffers.iter().map(|buffer| (*buffer).clone()).collect();
        let bound = self.bound.get_or_make(key, || Ok(self.bind(gpu, buffers)))?;
        self.record_bound(gpu, encoder, &bound);
        Ok(())
    }

    pub fn record_bound(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, bound: &Bound) {
        self.executable.record(gpu, encoder, bound);
    }
}
