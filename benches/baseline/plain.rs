//! The plainest fused step: one invocation per row and unit.

use wgpu_rnn::ndarray::Array3;
use wgpu_rnn::wgpu;
use wgpu_rnn::{DeviceArray, Gpu, LayerWeights};

use super::{Launch, Shape, kernel, record, storage, uniform};

pub struct Plain {
    launches: Vec<Launch>,
    h: wgpu::Buffer,
    c: wgpu::Buffer,
    y: wgpu::Buffer,
    shape: Shape,
}

impl Plain {
    pub fn new(gpu: &Gpu, shape: Shape, weights: &LayerWeights, x: &Array3<f32>) -> Self {
        let Shape { seq_len, batch, input_size, hidden_size } = shape;
        let step = kernel(gpu, include_str!("plain_step.wgsl"), "main");
        let rows = 1 + input_size + hidden_size;
        let mut words = vec![0.0; 4 * rows * hidden_size];
        for gate in 0..4 {
            for unit in 0..hidden_size {
                let row = gate * hidden_size + unit;
                let biases = [&weights.b_ih, &weights.b_hh].into_iter().flatten();
                words[4 * unit + gate] = biases.map(|bias| bias[row]).sum();
                let column = weights.w_ih.row(row);
                let column = column.iter().chain(weights.w_hh.row(row).to_slice().unwrap());
                for (k, value) in column.enumerate() {
                    words[4 * ((1 + k) * hidden_size + unit) + gate] = *value;
                }
            }
        }
        let w = storage(gpu, &words);
        let x = storage(gpu, x.as_standard_layout().as_slice().unwrap());
        let elements = batch * hidden_size;
        let h = storage(gpu, &vec![0.0; 2 * elements]);
        let c = storage(gpu, &vec![0.0; elements]);
        let y = storage(gpu, &vec![0.0; seq_len * elements]);
        let launches = (0..seq_len).map(|t| {
            let params = uniform(gpu, [batch, input_size, hidden_size, t].map(|n| n as u32));
            let parts = [
                (&params, 0, 4),
                (&x, 0, seq_len * batch * input_size),
                (&w, 0, words.len()),
                (&h, 0, 2 * elements),
                (&c, 0, elements),
                (&y, 0, seq_len * elements),
            ];
            step.launch(gpu, &parts, [hidden_size.div_ceil(64), batch, 1])
        });
        Plain { launches: launches.collect(), h, c, y, shape }
    }

    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(&self.h, 0, None);
        encoder.clear_buffer(&self.c, 0, None);
        record(encoder, &self.launches);
    }

    pub fn output(&self, gpu: &Gpu) -> DeviceArray {
        let Shape { seq_len, batch, hidden_size, .. } = self.shape;
        DeviceArray::from_buffer(gpu, self.y.clone(), &[seq_len, batch, hidden_size]).unwrap()
    }
}
