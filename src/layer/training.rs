//! Training on the caller's buffers: runs that keep what their backward pass needs, and that pass.

use super::{Kind, Layer};
use crate::error::Result;
use crate::plan::{BackwardPlan, Plan};
use crate::problem::{InputKind, Problem};
use crate::run::{BackwardIo, Buffers, LayerIo, Reserve, check_shape};
use crate::tensors::{WeightTensor, flat_len};
use crate::weights::Weights;

impl<K: Kind> Layer<K> {
    /// How a run of this shape that keeps what its backward pass needs would go, and why so. [`Layer::plan`] may say
    /// otherwise, of a run that keeps nothing.
    ///
    /// # Errors
    /// Those of [`Layer::plan`].
    pub fn plan_training(&self, seq_len: usize, batch: usize) -> Result<Plan> {
        let problem = self.engine.problem(seq_len, batch, InputKind::Features, false)?;
        self.engine.plan(&Problem { is_training: true, ..problem })
    }

    /// How the backward pass of a run of this shape would go, and why so.
    ///
    /// # Errors
    /// Those of [`Layer::plan`].
    pub fn plan_backward(&self, seq_len: usize, batch: usize) -> Result<BackwardPlan> {
        let problem = self.engine.problem(seq_len, batch, InputKind::Features, false)?;
        self.engine.plan_backward(&problem)
    }

    /// The tensors of the weights and their places in a flat array of all of them, in the order of PyTorch's
    /// `state_dict`: what [`BackwardIo::d_weights`] holds the gradients of.
    pub fn weight_tensors(&self) -> &[WeightTensor] {
        &self.engine.tensors
    }

    /// The elements of the flat array of all weights: the shape of [`BackwardIo::d_weights`] is `[weights_len()]`.
    pub fn weights_len(&self) -> usize {
        flat_len(&self.engine.tensors)
    }

    /// Weights of this layer's sizes and options, or gradients of them, from a flat array as
    /// [`Layer::weight_tensors`] describes it. Nothing of the layer changes: [`Layer::set_weights`] takes weights.
    ///
    /// ```
    /// use wgpu_rnn::{Cell, Gpu, LayerConfig, Lstm, Weights};
    /// # use wgpu_rnn::{Error, LayerWeights, ndarray::Array2};
    /// # let is_required = std::env::var_os("WGPU_RNN_REQUIRE_GPU").is_some();
    /// # if !is_required && matches!(Gpu::new(), Err(Error::NoAdapter { .. })) { return Ok(()); }
    /// # let layer = LayerWeights::new(Array2::zeros((8, 3)), Array2::zeros((8, 2)));
    /// # let weights = Weights::new(Cell::Lstm, vec![vec![layer]])?;
    ///
    /// let lstm = Lstm::new(&Gpu::new()?, &weights, LayerConfig::default())?;
    /// let values: Vec<f32> = (0..lstm.weights_len()).map(|at| at as f32).collect();
    /// let weights = lstm.weights_from_flat(&values)?;
    /// for tensor in lstm.weight_tensors().iter().filter(|tensor| tensor.name == "weight_hh_l0") {
    ///     let first = weights.layer(tensor.layer, tensor.direction).unwrap().w_hh[[0, 0]];
    ///     assert_eq!(first, values[tensor.offset]);
    /// }
    /// # let error = lstm.weights_from_flat(&values[1..]).unwrap_err();
    /// # assert!(matches!(error, Error::Shape { argument, .. } if argument == "values"));
    /// # Ok::<(), wgpu_rnn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where the values are not [`Layer::weights_len`].
    pub fn weights_from_flat(&self, values: &[f32]) -> Result<Weights> {
        check_shape("values", &[values.len()], &[self.weights_len()])?;
        self.engine.unflatten(values)
    }

    /// Room for what a training run of this shape keeps.
    ///
    /// # Errors
    /// Those of [`Layer::plan_backward`].
    pub fn reserve(&self, seq_len: usize, batch: usize) -> Result<Reserve> {
        self.engine.reserve(seq_len, batch)
    }

    /// As [`Layer::encode`], keeping in `reserve` what the backward pass needs.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) where the reserve is for another shape,
    /// [`Error::Schedule`](crate::Error::Schedule) where a schedule is forced that cannot keep it, those of
    /// [`Layer::encode`].
    pub fn encode_training(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        io: &LayerIo<'_>,
        reserve: &Reserve,
    ) -> Result<()> {
        self.engine.encode(encoder, io, Some(reserve), Buffers::Kept)
    }

    /// Records the backward pass of a run that [`Layer::encode_training`] recorded. It submits nothing and waits for
    /// nothing. The same arrays give the same bits.
    ///
    /// | array | shape | buffer usages |
    /// |---|---|---|
    /// | x, d_x | as x of the run | `STORAGE` |
    /// | y, d_y | as y of the run | `STORAGE` |
    /// | lengths | `[B]` | `STORAGE`, and `COPY_SRC` for the run |
    /// | h0, d_h_n (and c0, d_c_n) | as h0 of the run | `STORAGE`, `COPY_SRC` |
    /// | d_h0 (and d_c0) | as h0 of the run | `STORAGE`, `COPY_DST` |
    /// | d_weights | `[weights_len()]` | `STORAGE` |
    ///
    /// What is written has a buffer of its own, but d_h0 may have that of d_h_n, and d_c0 that of d_c_n: a state's
    /// gradient goes back in place. d_weights has to fit one storage binding of the device.
    ///
    /// ```no_run
    /// use wgpu_rnn::ndarray::Array3;
    /// use wgpu_rnn::{BackwardIo, Gpu, LayerConfig, LayerIo, Lstm, io};
    ///
    /// let gpu = Gpu::new()?;
    /// let weights = io::safetensors::open("model.safetensors")?.lstm("encoder.lstm")?;
    /// let lstm = Lstm::new(&gpu, &weights, LayerConfig::default())?;
    /// let (seq_len, batch, sizes) = (100, 4, lstm.sizes());
    ///
    /// let x = gpu.upload(Array3::ones((seq_len, batch, sizes.input_size)).view())?;
    /// let y = gpu.zeros(&[seq_len, batch, sizes.output_size()])?;
    /// let reserve = lstm.reserve(seq_len, batch)?;
    /// let mut encoder = gpu.device().create_command_encoder(&Default::default());
    /// lstm.encode_training(&mut encoder, &LayerIo::new(&x, &y), &reserve)?;
    ///
    /// // Of sum(y); your loss is a dispatch here that makes d_y of y.
    /// let d_y = gpu.upload(Array3::ones((seq_len, batch, sizes.output_size())).view())?;
    /// let d_x = gpu.zeros(x.shape())?;
    /// let d_weights = gpu.zeros(&[lstm.weights_len()])?;
    /// let mut back = BackwardIo::new(&x, &y, &reserve, &d_y);
    /// back.d_x = Some(&d_x);
    /// back.d_weights = Some(&d_weights);
    /// lstm.encode_backward(&mut encoder, &back)?;
    /// gpu.queue().submit([encoder.finish()]);
    ///
    /// let d_weights: Vec<f32> = d_weights.download()?.into_iter().collect();
    /// let d_layer = lstm.weights_from_flat(&d_weights)?.layer(0, 0).cloned().unwrap();
    /// println!("{} {} {}", d_x.download()?, d_layer.w_ih, d_layer.w_hh);
    /// # Ok::<(), wgpu_rnn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Layer::encode_training`]; [`Error::Argument`](crate::Error::Argument) where a gradient has the buffer of
    /// another array or the weights are not those of the run, see [`Layer::set_weights`];
    /// [`Error::Limit`](crate::Error::Limit) where d_weights does not fit a binding. Nothing has been recorded then.
    pub fn encode_backward(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        io: &BackwardIo<'_>,
    ) -> Result<()> {
        self.engine.encode_backward(encoder, io, Buffers::Kept)
    }
}
