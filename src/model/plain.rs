//! Stages without weights on a device: which kernel runs over what.

use super::{Model, RunShape, Stage};
use crate::chain::{Function, Last};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernels::{Kernel, LastParams, Map, MapParams, PickLast, Softmax, SoftmaxParams};
use crate::problem::LayerSizes;
use crate::run::Launch;

impl Model {
    /// The dispatch of a stage without weights in a run of this shape; none of another stage.
    pub(super) fn plain(&self, stage: usize, shape: &RunShape) -> Result<Option<Launch>> {
        let (gpu, features) = (self.gpu(), self.inner.widths.before(stage));
        let before = stage.checked_sub(1).and_then(|before| self.stages()[before].as_recurrent());
        let launch = match (&self.stages()[stage], before) {
            (Stage::Function(function), _) => {
                let rows = (shape.seq_len as u64).saturating_mul(shape.batch as u64);
                function_of(gpu, *function, rows, features as u64)?
            }
            (Stage::Last(Last::States), Some(layer)) => {
                states_of(gpu, &layer.sizes(), shape.batch as u64)?
            }
            (Stage::Last(_), _) => step_of(gpu, shape, self.inner.batch_first, features as u64)?,
            (Stage::Recurrent(_) | Stage::Linear(_) | Stage::Embedding(_), _) => return Ok(None),
        };
        Ok(Some(launch))
    }
}

/// Binds x and y.
pub(super) fn function_of(
    gpu: &Gpu,
    function: Function,
    rows: u64,
    features: u64,
) -> Result<Launch> {
    let elements = rows.saturating_mul(features);
    let buffers = ["x", "y"].map(|name| (name, elements.saturating_mul(4)));
    let map = |map| {
        let grid = Map::grid(elements);
        let params = MapParams { elements: elements as u32, groups: grid[0] as u32 };
        Launch::new(gpu, Kernel::Map(map), grid, &params, &buffers)
    };
    let softmax = |is_log| {
        let kernel = Softmax::new(is_log, features);
        let iterations = kernel.iterations(features);
        gpu.caps().check_iterations("the loops of the softmax", iterations)?;
        let grid = kernel.grid(rows);
        let (rows, features, groups) = (rows as u32, features as u32, grid[0] as u32);
        let params = SoftmaxParams { rows, features, groups };
        Launch::new(gpu, Kernel::Softmax(kernel), grid, &params, &buffers)
    };
    match function {
        Function::Relu => map(Map::Relu),
        Function::Tanh => map(Map::Tanh),
        Function::Sigmoid => map(Map::Sigmoid),
        Function::Softmax => softmax(false),
        Function::LogSoftmax => softmax(true),
    }
}

/// The last time step of each row. Binds x and y, and the lengths where there are any.
fn step_of(gpu: &Gpu, shape: &RunShape, batch_first: bool, features: u64) -> Result<Launch> {
    let RunShape { seq_len, batch, has_lengths, .. } = *shape;
    let [steps, rows] = [seq_len, batch].map(|n| n as u64);
    let row = rows.saturating_mul(features);
    let (stride_t, stride_b) =
        if batch_first { (features, steps.saturating_mul(features)) } else { (row, features) };
    let params = LastParams {
        seq_len: seq_len as u32,
        stride_t: stride_t as u32,
        stride_b: stride_b as u32,
        part: features as u32,
        ..params_of(rows, features)
    };
    let bytes = |elements: u64| elements.saturating_mul(4);
    let x = ("x", bytes(row.saturating_mul(steps)));
    let buffers = [x, ("y", bytes(row)), ("lengths", bytes(rows))];
    let buffers = if has_lengths { &buffers[..] } else { &buffers[..2] };
    let kernel = Kernel::PickLast(PickLast { has_lengths });
    Launch::new(gpu, kernel, PickLast::grid(row), &params, buffers)
}

/// The directions of the last layer's h_n side by side. Binds h_n and y.
fn states_of(gpu: &Gpu, sizes: &LayerSizes, batch: u64) -> Result<Launch> {
    let state = sizes.recurrent_size() as u64;
    let (directions, row) = (sizes.num_directions() as u64, batch.saturating_mul(state));
    let elements = row.saturating_mul(directions);
    let params = LastParams {
        seq_len: 1,
        first: (sizes.num_layers as u64 - 1).saturating_mul(elements) as u32,
        stride_b: state as u32,
        part: state as u32,
        stride_part: row as u32,
        ..params_of(batch, directions * state)
    };
    let bytes = |elements: u64| elements.saturating_mul(4);
    let buffers =
        [("h_n", bytes(elements.saturating_mul(sizes.num_layers as u64))), ("y", bytes(elements))];
    let kernel = Kernel::PickLast(PickLast { has_lengths: false });
    Launch::new(gpu, kernel, PickLast::grid(elements), &params, &buffers)
}

/// Those of y.
fn params_of(batch: u64, features: u64) -> LastParams {
    LastParams {
        batch: batch as u32,
        features: features as u32,
        groups: PickLast::grid(batch.saturating_mul(features))[0] as u32,
        ..Default::default()
    }
}
