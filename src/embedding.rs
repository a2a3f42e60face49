//! The embedding, as what a model of token ids begins with.

use std::sync::Arc;

use ndarray::Array2;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::io::safetensors::{File, path};
use crate::kernels::{Gather, GatherParams, Kernel};
use crate::run::{Launch, Recent, Single};
use crate::weights::check_table;

/// A table whose rows token ids pick, as PyTorch's `nn.Embedding`: the first [`Stage`](crate::Stage) of a
/// [`Model`](crate::Model), which then takes [`LayerInput::Ids`](crate::LayerInput::Ids).
///
/// A recurrent layer can take token ids on its own, without the product with W_ih, from a table that is projected:
/// [`LayerInput::Tokens`](crate::LayerInput::Tokens).
#[derive(Clone, Debug)]
pub struct Embedding {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    gpu: Gpu,
    num_embeddings: usize,
    embedding_dim: usize,
    /// `[num_embeddings + 1, embedding_dim]`: behind the table a row of zeros, the biases that gather.wgsl adds.
    table: wgpu::Buffer,
    runs: Recent<usize, Single>,
}

impl Embedding {
    /// `weight` `[num_embeddings, embedding_dim]`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where a side is 0, [`Error::Limit`](crate::Error::Limit) where the device
    /// cannot hold the table.
    pub fn new(gpu: &Gpu, weight: &Array2<f32>) -> Result<Self> {
        check_table(weight)?;
        let (num_embeddings, embedding_dim) = weight.dim();
        let bytes = (4 * embedding_dim as u64).saturating_mul(num_embeddings as u64 + 1);
        gpu.caps().check_binding("the table", bytes)?;
        let table = gpu.scoped(|| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            // A buffer begins as zeros.
            let table = gpu.create_buffer("table", bytes, usage);
            gpu.write(&table, 0, weight.view());
            Ok(table)
        })?;
        let (gpu, runs) = (gpu.clone(), Recent::new());
        Ok(Embedding { inner: Arc::new(Inner { gpu, num_embeddings, embedding_dim, table, runs }) })
    }

    /// Loads `{prefix}.weight`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`](crate::Error::MissingTensor), [`Error::TensorDtype`](crate::Error::TensorDtype), those of
    /// [`Embedding::new`].
    pub fn load(gpu: &Gpu, file: &File, prefix: &str) -> Result<Self> {
        Self::new(gpu, &file.array(&path(prefix, "weight"))?)
    }

    /// The device that the table is on.
    pub fn gpu(&self) -> &Gpu {
        &self.inner.gpu
    }

    /// Rows of the table: token ids are less than this.
    pub fn num_embeddings(&self) -> usize {
        self.inner.num_embeddings
    }

    /// Features of a row.
    pub fn embedding_dim(&self) -> usize {
        self.inner.embedding_dim
    }

    /// The dispatch for so many ids, where the device can do it.
    pub(crate) fn launch(&self, ids: usize) -> Result<Launch> {
        let Inner { gpu, num_embeddings, embedding_dim, table, .. } = &*self.inner;
        // Each row is the one gate of so many units: nothing moves but whole rows.
        let params = GatherParams {
            rows: ids as u32,
            batch: ids as u32,
            first_step: 0,
            seq_len: 1,
            stride_t: 0,
            stride_b: 1,
            table_rows: *num_embeddings as u32,
            hidden_size: *embedding_dim as u32,
            gates: 1,
            lanes: 1,
            row_size: *embedding_dim as u32,
            bias: (num_embeddings * embedding_dim) as u32,
            bias_stride: 0,
            reverse: 0,
            num_slices: 1,
        };
        let [id_bytes, y_bytes] =
            [1, *embedding_dim as u64].map(|n| (4 * n).saturating_mul(ids as u64));
        let table = ("the table", table.size());
        let buffers = [table, table, ("y", y_bytes), ("ids", id_bytes)];
        let kernel = Kernel::Gather(Gather { is_by_token: true, has_lengths: false });
        let grid = Gather::grid(ids as u64, *embedding_dim as u64, 1);
        Launch::new(gpu, kernel, grid, &params, &buffers)
    }

    /// Records the rows of `ids` into `y`, two buffers of the right sizes. An id beyond the table picks its last row.
    pub(crate) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        num_ids: usize,
        ids: &wgpu::Buffer,
        y: &wgpu::Buffer,
    ) -> Result<()> {
        let Inner { gpu, table, runs, .. } = &*self.inner;
        gpu.scoped(|| {
            let make = || Ok(Single::new(gpu, self.launch(num_ids)?));
            runs.get_or_make(num_ids, make)?.record(gpu, encoder, &[table, table, y, ids])
        })
    }
}
