//! All layers at once, each a time step behind the layer above.

use super::super::program::Chunk;
use super::{BackwardRole, Builder};
use crate::kernels::{BackwardParams, Kernel, TransposeParams};
use crate::plan::keeps_h;
use crate::problem::Problem;

impl Builder<'_> {
    /// All steps of a layer.
    pub(super) fn whole(&self, layer: usize) -> Chunk {
        Chunk { layer, first_step: 0, num_steps: self.plan.problem.seq_len }
    }

    /// d_pre of all layers, and the gradient of x.
    pub(super) fn wavefront(&mut self, wants_d_x: bool) {
        let Problem { sizes, seq_len, .. } = self.plan.problem;
        let params = self.wave_params();
        for layer in 0..sizes.num_layers {
            self.transpose(layer, params.slices[layer].w_t);
            if layer > 0 {
                self.transpose_input(layer, params.slices[layer - 1].w_above);
            }
            self.pre_activations(self.whole(layer));
            if keeps_h(&sizes, self.plan.schedule) {
                self.reset_states(self.whole(layer));
            }
        }
        if sizes.cell.has_c() {
            self.cell_states(&params, sizes.num_layers);
        }
        // The bottom layer ends last: it begins after the others, and after its steps comes a product.
        let ticks = seq_len + sizes.num_layers;
        for first in (0..ticks).step_by(self.plan.range) {
            let params = BackwardParams { first_tick: first as u32, ..params };
            self.ticks(&params, self.plan.range.min(ticks - first) as u32);
        }
        if wants_d_x {
            self.input_gradients(self.whole(0));
        }
    }

    /// With layers as slices.
    fn wave_params(&self) -> BackwardParams {
        let mut params = self.params(self.whole(0), self.whole(0));
        for layer in 0..self.plan.problem.sizes.num_layers {
            params.slices[layer] = self.slice(self.whole(layer), 0);
        }
        params
    }

    /// w_ih of a layer that has one below: `[H, H]` words as w_hh, since what it multiplies is h.
    fn transpose_input(&mut self, layer: usize, out_start: u32) {
        let sizes = self.plan.problem.sizes;
        let source = &self.places.layout;
        let w_ih = TransposeParams {
            hidden_size: sizes.hidden_size as u32,
            recurrent_size: sizes.layer_input_size(layer) as u32,
            row_words: source.row_words() as u32,
            t_words: self.transposed.row_words as u32,
            // Behind the bias.
            w_hh: (source.bias(layer, 0) + source.row_words()) as u32,
            out_start,
            ..Default::default()
        };
        self.push_transpose(layer, w_ih);
    }

    /// Some dispatches of the wave.
    fn ticks(&mut self, params: &BackwardParams, repeat: u32) {
        let Problem { sizes, batch, .. } = self.plan.problem;
        let mut roles = vec![
            BackwardRole::WeightsT,
            BackwardRole::Gates,
            BackwardRole::Carry,
            BackwardRole::DY,
        ];
        roles.extend(self.lengths());
        let grid = match self.plan.kernel {
            Kernel::StepBackward(kernel) => {
                kernel.grid(&sizes, batch as u64, sizes.num_layers as u64)
            }
            // Not the kernel of a wavefront.
            _ => [0; 3],
        };
        let params = bytemuck::bytes_of(params);
        self.push(self.plan.kernel, grid, roles, params).repeat = repeat;
    }
}
