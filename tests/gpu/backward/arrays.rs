//! The arrays of an encoded run and of its backward pass.

use wgpu_rnn::ndarray::{Array1, Array3, ArrayD};
use wgpu_rnn::{AnyLayer, BackwardIo, DeviceArray, LayerConfig, LayerIo, Reserve, Result, wgpu};

use crate::common::gradients::{Named, Run, exact, laid_out};

/// What results are to be written over.
pub const JUNK: f32 = f32::NAN;

#[derive(Clone)]
pub struct Arrays {
    pub x: DeviceArray,
    pub y: DeviceArray,
    pub h0: Option<DeviceArray>,
    pub c0: Option<DeviceArray>,
    pub lengths: Option<DeviceArray<u32>>,
    pub reserve: Reserve,
    pub d_y: DeviceArray,
    pub d_h_n: Option<DeviceArray>,
    pub d_c_n: Option<DeviceArray>,
    pub d_x: DeviceArray,
    pub d_h0: DeviceArray,
    pub d_c0: Option<DeviceArray>,
    pub d_weights: DeviceArray,
}

impl Arrays {
    /// What goes in is there, what comes out is junk.
    pub fn new(layer: &AnyLayer, run: &Run, config: LayerConfig) -> Result<Self> {
        let (gpu, sizes) = (layer.gpu(), layer.sizes());
        let (t, b, _) = run.x.dim();
        let put = |array: &Array3<f32>| gpu.upload(array.view());
        let maybe = |array: &Option<Array3<f32>>| array.as_ref().map(put).transpose();
        let junk = |shape: &[usize]| gpu.upload(ArrayD::from_elem(shape, JUNK).view());
        let (x, d_y) = (put(&laid_out(&run.x, config))?, put(&laid_out(&run.d_y, config))?);
        let [h, c] = [sizes.recurrent_size(), sizes.hidden_size]
            .map(|features| [sizes.num_states(), b, features]);
        let lengths = run.lengths.as_ref().map(|lengths| {
            let lengths: Array1<u32> = lengths.iter().map(|length| *length as u32).collect();
            gpu.upload(lengths.view())
        });
        Ok(Arrays {
            y: junk(d_y.shape())?,
            h0: maybe(&run.h0)?,
            c0: maybe(&run.c0)?,
            lengths: lengths.transpose()?,
            reserve: layer.reserve(t, b)?,
            d_h_n: maybe(&run.d_h_n)?,
            d_c_n: maybe(&run.d_c_n)?,
            d_x: junk(x.shape())?,
            d_h0: junk(&h)?,
            d_c0: sizes.cell.has_c().then(|| junk(&c)).transpose()?,
            d_weights: junk(&[weights_len(layer)])?,
            x,
            d_y,
        })
    }

    pub fn forward(&self, layer: &AnyLayer, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let mut io = LayerIo::new(&self.x, &self.y);
        (io.h0, io.c0, io.lengths) = (self.h0.as_ref(), self.c0.as_ref(), self.lengths.as_ref());
        layer.encode_training(encoder, &io, &self.reserve)
    }

    /// A backward pass that is to bring all gradients.
    pub fn io(&self) -> BackwardIo<'_> {
        let mut io = BackwardIo::new(&self.x, &self.y, &self.reserve, &self.d_y);
        (io.h0, io.c0, io.lengths) = (self.h0.as_ref(), self.c0.as_ref(), self.lengths.as_ref());
        (io.d_h_n, io.d_c_n) = (self.d_h_n.as_ref(), self.d_c_n.as_ref());
        (io.d_x, io.d_h0, io.d_c0) = (Some(&self.d_x), Some(&self.d_h0), self.d_c0.as_ref());
        io.d_weights = Some(&self.d_weights);
        io
    }

    /// Both passes in one submission.
    pub fn run(&self, layer: &AnyLayer) -> Result<()> {
        submit(layer, |encoder| {
            self.forward(layer, encoder)?;
            layer.encode_backward(encoder, &self.io())
        })
    }

    /// What the arrays hold; weights by the names and places that the layer tells.
    pub fn gradients(&self, layer: &AnyLayer, config: LayerConfig) -> Result<Named> {
        let mut d_x = self.d_x.download()?;
        if config.batch_first {
            d_x.swap_axes(0, 1);
        }
        let mut named = Named::from([
            ("d_input".to_string(), exact(&d_x)),
            ("d_h0".to_string(), exact(&self.d_h0.download()?)),
        ]);
        if let Some(d_c0) = &self.d_c0 {
            named.insert("d_c0".to_string(), exact(&d_c0.download()?));
        }
        let flat: Vec<f32> = self.d_weights.download()?.into_iter().collect();
        for tensor in layer.weight_tensors() {
            let values = flat[tensor.offset..][..tensor.num_elements()].to_vec();
            let values = ArrayD::from_shape_vec(tensor.shape.clone(), values);
            let values = values.expect("a tensor has as many elements as its shape says");
            named.insert(format!("grad.{}", tensor.name), exact(&values));
        }
        Ok(named)
    }
}

/// Elements of the flat array of all weights.
pub fn weights_len(layer: &AnyLayer) -> usize {
    layer.weight_tensors().iter().map(|tensor| tensor.num_elements()).sum()
}

/// Records into a new encoder and submits it, also after an error.
pub fn submit(
    layer: &AnyLayer,
    record: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<()>,
) -> Result<()> {
    let gpu = layer.gpu();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let result = record(&mut encoder);
    gpu.queue().submit([encoder.finish()]);
    result
}
