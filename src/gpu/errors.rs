//! wgpu reports errors beside the calls that cause them; scopes bring them back to the caller as [`Error`]s.

use super::Gpu;
use crate::error::{Error, Result};

impl Gpu {
    /// Runs `work` and returns what it returns, or the first error that the device reports meanwhile.
    ///
    /// In a browser such errors come later than the calls; there they go to the log.
    pub(crate) fn scoped<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        self.check_alive()?;
        let [validation, out_of_memory, internal] = [Validation, OutOfMemory, Internal]
            .map(|filter| self.device().push_error_scope(filter));
        let result = work();
        // Scopes end in reverse order.
        let caught = [internal.pop(), out_of_memory.pop(), validation.pop()];
        self.check_alive()?;
        #[cfg(not(target_arch = "wasm32"))]
        for error in caught {
            if let Some(error) = pollster::block_on(error) {
                return Err(self.explain(error));
            }
        }
        #[cfg(target_arch = "wasm32")]
        drop(caught);
        result
    }
    /// What a lost device makes is invalid, and wgpu says so of each object, but not why: a probe tells.
    #[cfg(not(target_arch = "wasm32"))]
    fn explain(&self, error: wgpu::Error) -> Error {
        let reason = error.to_string();
        if matches!(error, wgpu::Error::OutOfMemory { .. }) {
            return Error::Gpu { reason };
        }
        let probe = self.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("probe"),
            size: wgpu::COPY_BUFFER_ALIGNMENT,
            usage: wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        match probe.get_mapped_range(..) {
            Ok(_) => Error::Gpu { reason },
            Err(_) => self.note_lost(reason),
        }
    }
}
