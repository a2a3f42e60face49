//! The unfused baseline of the benches: a kernel for every product and every element-wise operation.

use wgpu_rnn::{Cell, Gpu, Weights};

use super::{Contestant, Inputs, submit, unsupported, wall};
use crate::adapter;
use crate::baseline::{Shape, Unfused};
use crate::case::Arrays;
use crate::failure::Result;
use crate::protocol::{About, Done, Seconds};

pub struct Baseline {
    gpu: Gpu,
    weights: Weights,
    run: Option<Unfused>,
}

impl Baseline {
    pub fn boxed(weights: Weights) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Baseline { gpu: Gpu::new()?, weights, run: None }))
    }
}

impl Contestant for Baseline {
    fn about(&self) -> About {
        About {
            version: format!("{} dispatches a step", Unfused::DISPATCHES),
            device: adapter::line(self.gpu.info()),
        }
    }

    fn prepare(&mut self, inputs: Inputs) -> Result<Done> {
        let sizes = self.weights.sizes();
        let is_one = sizes.num_layers == 1 && !sizes.is_bidirectional();
        let layer = self.weights.layer(0, 0).filter(|_| is_one && sizes.cell == Cell::Lstm);
        let layer = layer.ok_or_else(|| unsupported("all but one LSTM layer of one direction"))?;
        if inputs.d_y.is_some() {
            return Err(unsupported("backward"));
        }
        let (seq_len, batch, input_size) = inputs.x.dim();
        let hidden_size = sizes.hidden_size;
        // It binds each time step of x and y by itself.
        let alignment = self.gpu.device().limits().min_storage_buffer_offset_alignment as usize;
        if [input_size, hidden_size].iter().any(|size| 4 * batch * size % alignment != 0) {
            return Err(unsupported("time steps that do not begin where a binding may"));
        }
        let shape = Shape { seq_len, batch, input_size, hidden_size };
        self.run = Some(Unfused::new(&self.gpu, shape, layer, &inputs.x));
        Ok(Done { note: None })
    }

    fn run(&mut self) -> Result<Seconds> {
        let run = self.run.as_ref().ok_or_else(|| unsupported("a run before `prepare`"))?;
        let encode = |encoder: &mut _| {
            run.encode(encoder);
            Ok(())
        };
        Ok(Seconds { wall: wall(|| submit(&self.gpu, encode))?, device: None })
    }

    fn results(&self) -> Result<Arrays> {
        let run = self.run.as_ref().ok_or_else(|| unsupported("results before `run`"))?;
        Ok(vec![("y".into(), run.output(&self.gpu).download()?)])
    }
}
