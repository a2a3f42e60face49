//! The linear layer, as a head on a recurrent one.

use std::sync::Arc;

use ndarray::{Array, Array1, Array2, ArrayView, Axis, Dimension, concatenate};

use crate::error::{Error, Result};
use crate::format::WeightFormat;
use crate::gpu::{DeviceArray, Gpu, Pending, Readback, lock};
use crate::io::safetensors::{File, path};
use crate::kernels::{Kernel, Matmul, MatmulParams, Store, Tile};
use crate::pack::pack_linear;
use crate::run::{HostSide, Launch, Recent, Single};
use crate::weights::{Weights, check_linear};

/// `y = x W^T + b` over the last axis of x, as PyTorch's `nn.Linear`.
#[derive(Clone, Debug)]
pub struct Linear {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    gpu: Gpu,
    in_features: usize,
    out_features: usize,
    weights: wgpu::Buffer,
    runs: Recent<usize, Run>,
}

/// What runs over a certain number of rows need.
#[derive(Debug)]
struct Run {
    single: Single,
    host: std::sync::OnceLock<HostSide>,
}

impl Run {
    fn finish<D: Dimension>(
        &self,
        y_shape: Vec<usize>,
        values: Vec<f32>,
        readback: Readback,
    ) -> Result<Array<f32, D>> {
        if let Some(host) = self.host.get() {
            host.give_back(readback);
        }
        let error = |error: ndarray::ShapeError| Error::Gpu { reason: error.to_string() };
        Array::from_shape_vec(y_shape, values).map_err(error)?.into_dimensionality().map_err(error)
    }
}

impl Linear {
    /// `weight` `[out_features, in_features]`, `bias` `[out_features]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the bias does not fit or a side is 0, [`Error::Limit`] where the device cannot hold
    /// the weights.
    pub fn new(gpu: &Gpu, weight: &Array2<f32>, bias: Option<&Array1<f32>>) -> Result<Self> {
        let (out_features, in_features) = weight.dim();
        check_linear(weight, bias)?;
        let packed = pack_linear(weight.view(), bias.map(|bias| bias.view()));
        gpu.caps().check_binding("the weights", packed.len() as u64)?;
        for rows in [1, usize::MAX] {
            let iterations = kernel(gpu, rows).iterations(in_features as u64);
            gpu.caps().check_iterations("the loops of the product", iterations)?;
        }
        let weights = gpu.scoped(|| {
            Ok(gpu.create_buffer_with("weights", &packed, wgpu::BufferUsages::STORAGE))
        })?;
        let gpu = gpu.clone();
        let inner = Inner { gpu, in_features, out_features, weights, runs: Recent::new() };
        Ok(Linear { inner: Arc::new(inner) })
    }

    /// x to x · W_ihᵀ of a stack's first layer, `[.., I]` to `[.., D*G*H]`, without biases: what
    /// [`LayerInput::Projected`](crate::LayerInput::Projected) takes, and the table of an embedding for
    /// [`LayerInput::Tokens`](crate::LayerInput::Tokens).
    ///
    /// # Errors
    /// [`Error::Limit`] where the device cannot hold the weights.
    pub fn input_projection(gpu: &Gpu, weights: &Weights) -> Result<Self> {
        let first = weights.directions().filter(|(layer, ..)| *layer == 0);
        let rows: Vec<_> = first.map(|(.., layer)| layer.w_ih.view()).collect();
        let weight = concatenate(Axis(0), &rows);
        let weight = weight.map_err(|error| Error::Gpu { reason: error.to_string() })?;
        Self::new(gpu, &weight, None)
    }

    /// Loads `{prefix}.weight` and, where it is there, `{prefix}.bias`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorDtype`], those of [`Linear::new`].
    pub fn load(gpu: &Gpu, file: &File, prefix: &str) -> Result<Self> {
        let (weight, bias) = (path(prefix, "weight"), path(prefix, "bias"));
        let bias = file.shape(&bias).map(|_| file.array(&bias)).transpose()?;
        Self::new(gpu, &file.array(&weight)?, bias.as_ref())
    }

    /// The device that the layer is on.
    pub fn gpu(&self) -> &Gpu {
        &self.inner.gpu
    }

    /// Features of a row of x.
    pub fn in_features(&self) -> usize {
        self.inner.in_features
    }

    /// Features of a row of y.
    pub fn out_features(&self) -> usize {
        self.inner.out_features
    }

    /// From host array to host array, waiting for it; x is `[.., in_features]`, y `[.., out_features]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where x does not fit, [`Error::Limit`] where it is too large, [`Error::DeviceLost`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward<D: Dimension>(&self, x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
        let (y_shape, run, pending) = self.submit(x)?;
        let (values, readback) = pending.wait(<[f32]>::to_vec)?;
        run.finish(y_shape, values, readback)
    }

    /// The async twin of [`Linear::forward`].
    pub async fn forward_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
    ) -> Result<Array<f32, D>> {
        let (y_shape, run, pending) = self.submit(x)?;
        let (values, readback) = pending.ready(<[f32]>::to_vec).await?;
        run.finish(y_shape, values, readback)
    }

    /// Uploads x, runs and asks for y, of the shape returned.
    fn submit<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
    ) -> Result<(Vec<usize>, Arc<Run>, Pending)> {
        let (mut shape, rows) = self.rows(x.shape())?;
        shape[x.ndim() - 1] = self.inner.out_features;
        let Inner { gpu, .. } = &*self.inner;
        gpu.scoped(|| {
            let run = self.run(rows)?;
            let (x_bytes, y_bytes) = self.bytes(rows);
            let host = run.host.get_or_init(|| {
                let bind = |x: &_, y: &_| run.single.bind(gpu, &[&self.inner.weights, x, y]);
                HostSide::new(gpu, x_bytes, y_bytes, y_bytes, bind)
            });
            let readback = host.take_readback(gpu);
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            let upload = lock(&host.upload);
            gpu.write(&host.x, 0, x);
            run.single.record_bound(gpu, &mut encoder, &host.bound);
            encoder.copy_buffer_to_buffer(&host.y, 0, &readback.buffer, 0, y_bytes);
            gpu.queue().submit([encoder.finish()]);
            drop(upload);
            Ok((shape, Arc::clone(&run), readback.map(gpu, y_bytes)))
        })
    }

    /// Records the layer into the caller's encoder: x `[.., in_features]`, y `[.., out_features]`, both used in
    /// place.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::WrongDevice`] where an array does not fit, [`Error::Limit`]. Nothing has been
    /// recorded then.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        x: &DeviceArray,
        y: &DeviceArray,
    ) -> Result<()> {
        let rows = self.check(x, y)?;
        self.record(encoder, rows, x.buffer(), y.buffer())
    }

    /// Whether the arrays fit, and how many rows they have.
    fn check(&self, x: &DeviceArray, y: &DeviceArray) -> Result<usize> {
        let (mut y_shape, rows) = self.rows(x.shape())?;
        y_shape[x.shape().len() - 1] = self.inner.out_features;
        x.check("x", self.gpu(), x.shape())?;
        y.check("y", self.gpu(), &y_shape)?;
        if x.buffer() == y.buffer() {
            return Err(Error::argument("y", "another buffer than x", "the buffer of x"));
        }
        Ok(rows)
    }

    /// As [`Linear::encode`], between two buffers of the right sizes.
    pub(crate) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        rows: usize,
        x: &wgpu::Buffer,
        y: &wgpu::Buffer,
    ) -> Result<()> {
        let gpu = self.gpu();
        gpu.scoped(|| {
            let run = self.run(rows)?;
            run.single.record(gpu, encoder, &[&self.inner.weights, x, y])
        })
    }

    fn rows(&self, x_shape: &[usize]) -> Result<(Vec<usize>, usize)> {
        let features = self.inner.in_features;
        if x_shape.last() != Some(&features) || x_shape.contains(&0) {
            return Err(Error::shape(
                "x",
                format!("[.., {features}], no side of length 0"),
                x_shape,
            ));
        }
        Ok((x_shape.to_vec(), x_shape[..x_shape.len() - 1].iter().product()))
    }

    fn bytes(&self, rows: usize) -> (u64, u64) {
        let Inner { in_features, out_features, .. } = *self.inner;
        let bytes = |features: usize| (4 * features as u64).saturating_mul(rows as u64);
        (bytes(in_features), bytes(out_features))
    }

    /// The dispatch for so many rows, where the device can do it.
    pub(crate) fn launch(&self, rows: usize) -> Result<Launch> {
        let Inner { gpu, in_features, out_features, weights, .. } = &*self.inner;
        let (kernel, columns) = (kernel(gpu, rows), out_features.div_ceil(4));
        let params = MatmulParams {
            rows: rows as u32,
            inner: *in_features as u32,
            columns: columns as u32,
            features: *out_features as u32,
            batch: 1,
            first_step: 0,
            seq_len: rows as u32,
            a_first: 0,
            stride_t: *in_features as u32,
            stride_b: 0,
            stride_z: 0,
            bias: 0,
            weights: columns as u32,
            weights_stride: 0,
            reverse: 0,
            num_slices: 1,
            ..Default::default()
        };
        let (x_bytes, y_bytes) = self.bytes(rows);
        let buffers = [("the weights", weights.size()), ("x", x_bytes), ("y", y_bytes)];
        let grid = kernel.grid(rows as u64, columns as u64, 1);
        Launch::new(gpu, Kernel::Matmul(kernel), grid, &params, &buffers)
    }

    fn run(&self, rows: usize) -> Result<Arc<Run>> {
        let Inner { gpu, runs, .. } = &*self.inner;
        runs.get_or_make(rows, || {
            let single = Single::new(gpu, self.launch(rows)?);
            Ok(Run { single, host: Default::default() })
        })
    }
}

fn kernel(gpu: &Gpu, rows: usize) -> Matmul {
    Matmul {
        store: Store::Features,
        tile: Tile::of(gpu.caps(), rows as u64),
        weights: WeightFormat::F32,
        has_lengths: false,
    }
}
