//! Training runs from host arrays: forward, then back.

use ndarray::{Array, ArrayD, ArrayView, Dimension};

use crate::error::Result;
use crate::gpu::{DeviceArray, Gpu, Pending, Readback};
use crate::layer::{Kind, Layer};
use crate::problem::Problem;
use crate::run::{
    BackwardIo, Batching, Buffers, LayerIo, Reserve, States, check_lengths, check_shape, features,
    to_array, typed,
};
use crate::tensors::flat_len;
use crate::weights::Weights;

/// A run that can be gone back: what its backward pass needs, on the device. See [`Layer::forward_tape`].
pub struct Tape<K: Kind> {
    layer: Layer<K>,
    batching: Batching,
    problem: Problem,
    x: DeviceArray,
    y: DeviceArray,
    state: Option<[Option<DeviceArray>; 2]>,
    lengths: Option<DeviceArray<u32>>,
    reserve: Reserve,
}

/// y with the rank of x, the final state, and the tape.
pub type Taped<K, D> = (Array<f32, D>, <K as Kind>::State, Tape<K>);

/// The gradients of what went into a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gradients<K: Kind> {
    /// Of x, shaped as x; zero beyond a row's length.
    pub d_x: ArrayD<f32>,
    /// Of the initial state, also where none was given.
    pub d_state: K::State,
    /// Of the weights: `d_weights.layer(l, d)` has the gradient of each tensor in its place.
    pub d_weights: Weights,
}

impl<K: Kind> Layer<K> {
    /// Runs a sequence as [`Layer::forward`] (each row with a length of its own where there are lengths) and keeps what
    /// the backward pass needs.
    ///
    /// For truncated back-propagation through time, run one part of a sequence after the other, each from the state
    /// that the one before ended in, and go back through each by itself.
    ///
    /// ```no_run
    /// use wgpu_rnn::ndarray::Array3;
    /// use wgpu_rnn::{Gpu, LayerConfig, Lstm, io};
    ///
    /// let gpu = Gpu::new()?;
    /// let weights = io::safetensors::open("model.safetensors")?.lstm("encoder.lstm")?;
    /// let lstm = Lstm::new(&gpu, &weights, LayerConfig::default())?;
    /// let x = Array3::zeros((100, 4, lstm.sizes().input_size)); // [seq_len, batch, input_size]
    /// let (y, state, tape) = lstm.forward_tape(x.view(), None, None)?;
    /// let d_y = y.mapv(|y| 2.0 * y); // the gradient of sum(y²)
    /// let gradients = tape.backward(d_y.view(), None)?;
    /// let layer = gradients.d_weights.layer(0, 0).unwrap();
    /// println!("{:?} {:?}", layer.w_ih.dim(), layer.w_hh.dim());
    /// # Ok::<(), wgpu_rnn::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Layer::forward_lengths`], and of [`Layer::encode_training`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn forward_tape<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<Taped<K, D>> {
        let (tape, pending) = self.submit_tape(x, lengths, state)?;
        let values = pending.wait(<[f32]>::to_vec)?.0;
        tape.outputs(&values)
    }

    /// The async twin of [`Layer::forward_tape`].
    pub async fn forward_tape_async<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<Taped<K, D>> {
        let (tape, pending) = self.submit_tape(x, lengths, state)?;
        let values = pending.ready(<[f32]>::to_vec).await?.0;
        tape.outputs(&values)
    }

    fn submit_tape<D: Dimension>(
        &self,
        x: ArrayView<'_, f32, D>,
        lengths: Option<&[usize]>,
        state: Option<&K::State>,
    ) -> Result<(Tape<K>, Pending)> {
        let (gpu, engine) = (self.gpu(), &self.engine);
        let (batching, input) = Batching::of(features(x), engine.config.batch_first)?;
        let problem = engine.problem_of(input.kind(), input.shape(), lengths.is_some())?;
        input.check(gpu, &problem)?;
        let states = state.map(|state| batching.states(K::parts(state))).transpose()?;
        states.as_ref().map_or(Ok(()), |states| states.check(&problem))?;
        let lengths = lengths
            .map(|lengths| check_lengths(lengths, problem.seq_len, problem.batch))
            .transpose()?;
        let reserve = engine.reserve(problem.seq_len, problem.batch)?;
        let x = gpu.zeros(&problem.x_shape())?;
        gpu.scoped(|| {
            input.write(gpu, x.buffer());
            Ok(())
        })?;
        let tape = Tape {
            layer: self.clone(),
            batching,
            problem,
            x,
            y: gpu.zeros(&problem.y_shape())?,
            state: states.map(|states| upload(gpu, &states)).transpose()?,
            lengths: lengths.map(|lengths| gpu.upload(ndarray::aview1(&lengths))).transpose()?,
            reserve,
        };
        let (h_n, c_n) = empty_state(gpu, &problem)?;
        let (h0, c0) = tape.initial();
        let io = LayerIo {
            h0,
            c0,
            h_n: Some(&h_n),
            c_n: c_n.as_ref(),
            lengths: tape.lengths.as_ref(),
            ..LayerIo::new(&tape.x, &tape.y)
        };
        let mut encoder = engine.encoder();
        engine.encode(&mut encoder, &io, Some(&tape.reserve), Buffers::Passing)?;
        let results: Vec<_> = [&tape.y, &h_n].into_iter().chain(c_n.as_ref()).collect();
        let pending = submit(gpu, encoder, &results)?;
        Ok((tape, pending))
    }
}

impl<K: Kind> Tape<K> {
    /// The gradients of what went in, from those of what came out: `d_y` shaped as y, `d_state` as the final state; none
    /// is zero. It can be called again, and gives the same bits for the same arguments; but not after
    /// [`Layer::set_weights`], since the gates are made again with the weights.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where a gradient does not fit, those of [`Layer::encode_backward`], [`Error::DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn backward<D: Dimension>(
        &self,
        d_y: ArrayView<'_, f32, D>,
        d_state: Option<&K::State>,
    ) -> Result<Gradients<K>> {
        let values = self.submit(d_y, d_state)?.wait(<[f32]>::to_vec)?.0;
        self.gradients(&values)
    }

    /// The async twin of [`Tape::backward`].
    pub async fn backward_async<D: Dimension>(
        &self,
        d_y: ArrayView<'_, f32, D>,
        d_state: Option<&K::State>,
    ) -> Result<Gradients<K>> {
        let values = self.submit(d_y, d_state)?.ready(<[f32]>::to_vec).await?.0;
        self.gradients(&values)
    }

    fn submit<D: Dimension>(
        &self,
        d_y: ArrayView<'_, f32, D>,
        d_state: Option<&K::State>,
    ) -> Result<Pending> {
        let (gpu, engine, problem) = (self.layer.gpu(), &self.layer.engine, &self.problem);
        let d_y = self.batching.sequence("d_y", d_y.into_dyn())?;
        check_shape("d_y", d_y.shape(), &problem.y_shape())?;
        let d_y = gpu.upload(d_y)?;
        let names = ["d_h_n", "d_c_n"];
        let d_states =
            d_state.map(|state| self.batching.named_states(names, K::parts(state))).transpose()?;
        let d_state = d_states
            .map(|states| {
                states.check_named(names, problem)?;
                upload(gpu, &states)
            })
            .transpose()?;
        let [d_h_n, d_c_n] = d_state.unwrap_or_default();
        let d_x = gpu.zeros(&problem.x_shape())?;
        let (d_h0, d_c0) = empty_state(gpu, problem)?;
        let d_weights = gpu.zeros(&[flat_len(&engine.tensors)])?;
        let (h0, c0) = self.initial();
        let io = BackwardIo {
            h0,
            c0,
            lengths: self.lengths.as_ref(),
            d_h_n: d_h_n.as_ref(),
            d_c_n: d_c_n.as_ref(),
            d_x: Some(&d_x),
            d_h0: Some(&d_h0),
            d_c0: d_c0.as_ref(),
            d_weights: Some(&d_weights),
            ..BackwardIo::new(&self.x, &self.y, &self.reserve, &d_y)
        };
        let mut encoder = engine.encoder();
        engine.encode_backward(&mut encoder, &io, Buffers::Passing)?;
        let results: Vec<_> =
            [&d_x, &d_h0].into_iter().chain(d_c0.as_ref()).chain([&d_weights]).collect();
        submit(gpu, encoder, &results)
    }

    fn initial(&self) -> (Option<&DeviceArray>, Option<&DeviceArray>) {
        let part = |at: usize| self.state.as_ref().and_then(|state| state[at].as_ref());
        (part(0), part(1))
    }

    /// y, the final state and the tape.
    fn outputs<D: Dimension>(self, values: &[f32]) -> Result<Taped<K, D>> {
        let shape = self.problem.y_shape();
        let (y, states) = values.split_at(shape.iter().product());
        let (h, c) = self.batching.parts(States::split(&self.problem, states)?);
        let y = self.batching.output(to_array(shape, y)?);
        let (y, state) = typed((y, K::state(h, c)?))?;
        Ok((y, state, self))
    }

    fn gradients(&self, values: &[f32]) -> Result<Gradients<K>> {
        let shape = self.problem.x_shape();
        let (d_x, rest) = values.split_at(shape.iter().product());
        let (states, d_weights) = rest.split_at(States::len(&self.problem));
        let (d_h0, d_c0) = self.batching.parts(States::split(&self.problem, states)?);
        Ok(Gradients {
            d_x: self.batching.output(to_array(shape, d_x)?),
            d_state: K::state(d_h0, d_c0)?,
            d_weights: self.layer.engine.unflatten(d_weights)?,
        })
    }
}

impl<K: Kind> std::fmt::Debug for Tape<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("problem", &self.problem).finish_non_exhaustive()
    }
}

fn upload(gpu: &Gpu, states: &States) -> Result<[Option<DeviceArray>; 2]> {
    let c = states.c.as_ref().map(|c| gpu.upload(c.view())).transpose()?;
    Ok([Some(gpu.upload(states.h.view())?), c])
}

/// Room for h, and for c where the cell has one.
fn empty_state(gpu: &Gpu, problem: &Problem) -> Result<(DeviceArray, Option<DeviceArray>)> {
    let has_c = problem.sizes.cell.has_c();
    let c = has_c.then(|| gpu.zeros(&problem.c_shape())).transpose()?;
    Ok((gpu.zeros(&problem.h_shape())?, c))
}

/// Submits, and asks for some arrays one behind the other.
fn submit(gpu: &Gpu, encoder: wgpu::CommandEncoder, arrays: &[&DeviceArray]) -> Result<Pending> {
    let bytes = arrays.iter().map(|array| array.bytes()).sum();
    Readback::submit(gpu, encoder, bytes, |encoder, target| {
        let mut offset = 0;
        for array in arrays {
            encoder.copy_buffer_to_buffer(array.buffer(), 0, target, offset, array.bytes());
            offset += array.bytes();
        }
    })
}
