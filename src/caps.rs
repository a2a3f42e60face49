//! What a device can do, as plain numbers, so that plans can be made and tested without one.

use crate::error::{Error, Result};

/// The limits of a device that bear on a plan, named as in `wgpu::Limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCaps {
    /// Bytes that one storage binding can show to a shader.
    pub max_storage_buffer_binding_size: u64,
    /// Bytes of one buffer.
    pub max_buffer_size: u64,
    /// Storage buffers that one kernel can use.
    pub max_storage_buffers_per_shader_stage: u32,
    /// Bytes of workgroup memory.
    pub max_compute_workgroup_storage_size: u32,
    /// Invocations of one workgroup.
    pub max_compute_invocations_per_workgroup: u32,
    /// Workgroups along each side of a grid.
    pub max_compute_workgroups_per_dimension: u32,
    /// What the offset of a storage binding must be a multiple of.
    pub min_storage_buffer_offset_alignment: u32,
    /// Loop iterations of one invocation, all its loops together. Only llvmpipe and lavapipe have such a limit: they
    /// silently leave every loop after 65,535.
    pub max_loop_iterations: u64,
    /// Whether the kernels run on a CPU, where a workgroup is not hundreds of lanes wide.
    pub is_software: bool,
}

impl DeviceCaps {
    /// The limits that every WebGPU implementation grants.
    pub fn webgpu_defaults() -> Self {
        DeviceCaps {
            max_storage_buffer_binding_size: 128 << 20,
            max_buffer_size: 256 << 20,
            max_storage_buffers_per_shader_stage: 8,
            max_compute_workgroup_storage_size: 16384,
            max_compute_invocations_per_workgroup: 256,
            max_compute_workgroups_per_dimension: 65535,
            min_storage_buffer_offset_alignment: 256,
            max_loop_iterations: u64::MAX,
            is_software: false,
        }
    }

    /// The limits of a wgpu device.
    pub fn new(limits: &wgpu::Limits, info: &wgpu::AdapterInfo) -> Self {
        let is_software = info.device_type == wgpu::DeviceType::Cpu;
        DeviceCaps {
            // Kernels count elements in 32 bits.
            max_storage_buffer_binding_size: limits
                .max_storage_buffer_binding_size
                .min(u32::MAX.into()),
            max_buffer_size: limits.max_buffer_size,
            max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage,
            max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
            max_compute_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            min_storage_buffer_offset_alignment: limits.min_storage_buffer_offset_alignment,
            max_loop_iterations: if is_software { 60_000 } else { u64::MAX },
            is_software,
        }
    }

    /// Fails where one binding cannot show a buffer of this size.
    pub(crate) fn check_binding(&self, what: &str, bytes: u64) -> Result<()> {
        let limit = self.max_storage_buffer_binding_size;
        check_limit(what, bytes, "max_storage_buffer_binding_size", limit)?;
        check_limit(what, bytes, "max_buffer_size", self.max_buffer_size)
    }

    /// Fails where an invocation would run more loop iterations than the adapter does.
    pub(crate) fn check_iterations(&self, what: &str, iterations: u64) -> Result<()> {
        check_limit(what, iterations, "max_loop_iterations", self.max_loop_iterations)
    }

    /// Fails where a grid has too many workgroups along a side.
    pub(crate) fn check_grid(&self, grid: [u64; 3]) -> Result<()> {
        let limit = self.max_compute_workgroups_per_dimension.into();
        grid.into_iter().try_for_each(|side| {
            check_limit("a side of the grid", side, "max_compute_workgroups_per_dimension", limit)
        })
    }
}

pub(crate) fn check_limit(
    what: &str,
    needed: u64,
    limit: &'static str,
    available: u64,
) -> Result<()> {
    if needed <= available {
        Ok(())
    } else {
        Err(Error::Limit { limit, what: what.into(), needed, available })
    }
}
