//! The way frameworks do it: for each gate a product with x and one with h, then a kernel per element-wise operation.

use wgpu_rnn::ndarray::{Array2, Array3, s};
use wgpu_rnn::wgpu;
use wgpu_rnn::{DeviceArray, Gpu, LayerWeights};

use super::{Kernel, Launch, Part, Shape, kernel, record, storage, uniform};

pub struct Unfused {
    launches: Vec<Launch>,
    h: wgpu::Buffer,
    c: wgpu::Buffer,
    y: wgpu::Buffer,
    shape: Shape,
}

impl Unfused {
    /// Dispatches of one time step.
    pub const DISPATCHES: usize = 26;

    pub fn new(gpu: &Gpu, shape: Shape, weights: &LayerWeights, x: &Array3<f32>) -> Self {
        let Shape { seq_len, batch, input_size, hidden_size } = shape;
        let entry = |name| kernel(gpu, include_str!("unfused.wgsl"), name);
        let (product, rows_per_group, columns_per_group) =
            if batch < 8 { (entry("matmul_row"), 1, 64) } else { (entry("matmul"), 16, 16) };
        let [add, add_bias, multiply, sigmoid, tanh, copy] =
            ["add", "add_bias", "multiply", "sigmoid", "hyperbolic_tangent", "copy"].map(entry);
        let params = |inner: usize| uniform(gpu, [batch, inner, hidden_size, 0].map(|n| n as u32));
        let (x_params, h_params) = (params(input_size), params(hidden_size));
        let elements = batch * hidden_size;
        let temporary = || storage(gpu, &vec![0.0; elements]);
        let gate = |w: &Array2<f32>, gate: usize| {
            let rows = w.slice(s![gate * hidden_size..(gate + 1) * hidden_size, ..]);
            let transposed: Vec<f32> = rows.t().iter().copied().collect();
            storage(gpu, &transposed)
        };
        let bias = |gate: usize| {
            let rows = gate * hidden_size..(gate + 1) * hidden_size;
            let sum = |row: usize| {
                [&weights.b_ih, &weights.b_hh].into_iter().flatten().map(|b| b[row]).sum()
            };
            storage(gpu, &rows.map(sum).collect::<Vec<f32>>())
        };
        let w_x = [0, 1, 2, 3].map(|g| gate(&weights.w_ih, g));
        let w_h = [0, 1, 2, 3].map(|g| gate(&weights.w_hh, g));
        let biases = [0, 1, 2, 3].map(bias);
        let x = storage(gpu, x.as_standard_layout().as_slice().unwrap());
        let y = storage(gpu, &vec![0.0; seq_len * elements]);
        let (h, c) = (temporary(), temporary());
        let gates = [(); 4].map(|()| temporary());
        let [from_x, from_h, sum, biased, kept, new, tanh_c] = [(); 7].map(|()| temporary());

        let whole = |buffer| -> Part<'_> { (buffer, 0, elements) };
        let element_wise = |kernel: &Kernel, a: Part<'_>, b: Part<'_>, out: Part<'_>| {
            let params = (&h_params, 0, 4);
            kernel.launch(gpu, &[params, a, b, out], [elements.div_ceil(64), 1, 1])
        };
        let grid = [hidden_size.div_ceil(columns_per_group), batch.div_ceil(rows_per_group), 1];
        let mut launches = Vec::with_capacity(seq_len * Self::DISPATCHES);
        for t in 0..seq_len {
            let x_t = (&x, t * batch * input_size, batch * input_size);
            let y_t = (&y, t * elements, elements);
            for g in 0..4 {
                let w_x = (&w_x[g], 0, input_size * hidden_size);
                let w_h = (&w_h[g], 0, hidden_size * hidden_size);
                let bias = (&biases[g], 0, hidden_size);
                let activation = if g == 2 { &tanh } else { &sigmoid };
                let x_parts = [(&x_params, 0, 4), x_t, w_x, whole(&from_x)];
                let h_parts = [(&h_params, 0, 4), whole(&h), w_h, whole(&from_h)];
                launches.extend([
                    product.launch(gpu, &x_parts, grid),
                    product.launch(gpu, &h_parts, grid),
                    element_wise(&add, whole(&from_x), whole(&from_h), whole(&sum)),
                    element_wise(&add_bias, whole(&sum), bias, whole(&biased)),
                    element_wise(activation, whole(&biased), bias, whole(&gates[g])),
                ]);
            }
            let [i, f, g, o] = &gates;
            launches.extend([
                element_wise(&multiply, whole(f), whole(&c), whole(&kept)),
                element_wise(&multiply, whole(i), whole(g), whole(&new)),
                element_wise(&add, whole(&kept), whole(&new), whole(&c)),
                element_wise(&tanh, whole(&c), whole(o), whole(&tanh_c)),
                element_wise(&multiply, whole(o), whole(&tanh_c), whole(&h)),
                element_wise(&copy, whole(&h), whole(o), y_t),
            ]);
        }
        assert_eq!(launches.len(), seq_len * Self::DISPATCHES);
        Unfused { launches, h, c, y, shape }
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
