//! Arrays that live on the device: a buffer with a shape.

use std::marker::PhantomData;

use ndarray::{ArrayD, ArrayView, Dimension, IxDyn};

use super::{Gpu, Pending, Readback};
use crate::error::{Error, Result};

/// What a [`DeviceArray`] can hold: `f32`, and `u32` for lengths and token ids.
pub trait Element: bytemuck::Pod + sealed::Sealed {}

impl Element for f32 {}
impl Element for u32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u32 {}
}

/// An array on the device, row-major and dense.
#[derive(Clone, Debug)]
pub struct DeviceArray<T: Element = f32> {
    gpu: Gpu,
    buffer: wgpu::Buffer,
    shape: Vec<usize>,
    element: PhantomData<fn() -> T>,
}

impl<T: Element> DeviceArray<T> {
    /// Lends a caller's buffer, which stays the caller's; the array begins at its first byte.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], or [`Error::BufferUsage`] where `STORAGE` is missing.
    pub fn from_buffer(gpu: &Gpu, buffer: wgpu::Buffer, shape: &[usize]) -> Result<Self> {
        check_size("buffer", &buffer, shape)?;
        check_usage("buffer", &buffer, wgpu::BufferUsages::STORAGE)?;
        Ok(Self::new(gpu, buffer, shape))
    }

    pub(crate) fn new(gpu: &Gpu, buffer: wgpu::Buffer, shape: &[usize]) -> Self {
        DeviceArray { gpu: gpu.clone(), buffer, shape: shape.to_vec(), element: PhantomData }
    }

    /// Zeros, for a shape that is known to fit the device; call it in a scope.
    pub(crate) fn zeroed(gpu: &Gpu, label: &str, shape: &[usize]) -> Self {
        use wgpu::BufferUsages as Usage;
        let bytes = 4 * shape.iter().map(|n| *n as u64).product::<u64>();
        let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        Self::new(gpu, gpu.create_buffer(label, bytes, usage), shape)
    }

    /// The buffer, which may be longer than the array.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// The array's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The array's length in bytes.
    pub fn bytes(&self) -> u64 {
        4 * self.shape.iter().map(|n| *n as u64).product::<u64>()
    }

    /// Copies the array to the host and waits for it. The buffer needs `COPY_SRC`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn download(&self) -> Result<ArrayD<T>> {
        let values = self.request()?.wait(Self::elements)?.0;
        self.to_host(values)
    }

    /// The async twin of [`DeviceArray::download`].
    pub async fn download_async(&self) -> Result<ArrayD<T>> {
        let values = self.request()?.ready(Self::elements).await?.0;
        self.to_host(values)
    }

    fn request(&self) -> Result<Pending> {
        self.check_usage("array", wgpu::BufferUsages::COPY_SRC)?;
        let encoder = self.gpu.device().create_command_encoder(&Default::default());
        Readback::submit(&self.gpu, encoder, self.bytes(), |encoder, target| {
            encoder.copy_buffer_to_buffer(&self.buffer, 0, target, 0, self.bytes());
        })
    }

    fn elements(words: &[f32]) -> Vec<T> {
        bytemuck::cast_slice(words).to_vec()
    }

    fn to_host(&self, values: Vec<T>) -> Result<ArrayD<T>> {
        ArrayD::from_shape_vec(IxDyn(&self.shape), values)
            .map_err(|error| Error::Gpu { reason: error.to_string() })
    }

    pub(crate) fn check(&self, argument: &str, gpu: &Gpu, shape: &[usize]) -> Result<()> {
        if !self.gpu.is(gpu) {
            return Err(Error::WrongDevice { argument: argument.into() });
        }
        if self.shape != shape {
            return Err(Error::shape(argument, format!("{shape:?}"), &self.shape));
        }
        Ok(())
    }

    pub(crate) fn check_usage(&self, argument: &str, needed: wgpu::BufferUsages) -> Result<()> {
        check_usage(argument, &self.buffer, needed)
    }
}

fn check_usage(argument: &str, buffer: &wgpu::Buffer, needed: wgpu::BufferUsages) -> Result<()> {
    let given = buffer.usage();
    if given.contains(needed) {
        return Ok(());
    }
    Err(Error::BufferUsage {
        argument: argument.into(),
        expected: format!("{needed:?}"),
        given: format!("{given:?}"),
    })
}

fn check_size(argument: &str, buffer: &wgpu::Buffer, shape: &[usize]) -> Result<()> {
    let (expected_bytes, given_bytes) = (bytes_of(shape)?, buffer.size());
    if given_bytes >= expected_bytes {
        return Ok(());
    }
    Err(Error::BufferTooSmall { argument: argument.into(), expected_bytes, given_bytes })
}

fn bytes_of(shape: &[usize]) -> Result<u64> {
    if shape.contains(&0) {
        return Err(Error::shape("shape", "no side of length 0", shape));
    }
    shape
        .iter()
        .try_fold(4u64, |bytes, n| bytes.checked_mul(*n as u64))
        .ok_or_else(|| Error::Overflow { what: format!("an array of shape {shape:?}") })
}

impl Gpu {
    /// A zero-filled array for results and inputs (`STORAGE`, `COPY_SRC` and `COPY_DST`).
    ///
    /// # Errors
    /// [`Error::Limit`] where a binding cannot show it whole, [`Error::Gpu`] where memory runs out.
    pub fn zeros(&self, shape: &[usize]) -> Result<DeviceArray> {
        let bytes = bytes_of(shape)?;
        self.caps().check_binding(&format!("an array of shape {shape:?}"), bytes)?;
        self.scoped(|| Ok(DeviceArray::zeroed(self, "array", shape)))
    }

    /// Copies an array to the device.
    ///
    /// # Errors
    /// As [`Gpu::zeros`].
    pub fn upload<T: Element, D: Dimension>(
        &self,
        array: ArrayView<'_, T, D>,
    ) -> Result<DeviceArray<T>> {
        let DeviceArray { buffer, shape, .. } = self.zeros(array.shape())?;
        self.scoped(|| {
            self.write(&buffer, 0, array);
            Ok(())
        })?;
        Ok(DeviceArray::new(self, buffer, &shape))
    }

    /// Queues a copy of a host array to byte `offset` of a buffer; call it in a scope.
    pub(crate) fn write<T: bytemuck::Pod, D: Dimension>(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        array: ArrayView<'_, T, D>,
    ) {
        let dense = array.as_standard_layout();
        if let Some(values) = dense.as_slice() {
            self.queue().write_buffer(buffer, offset, bytemuck::cast_slice(values));
        }
    }
}
