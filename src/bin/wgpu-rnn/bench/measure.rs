//! One shape on one schedule: is the result right, and how long does it take.

use std::time::{Duration, Instant};

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayView3, Axis, s};
use wgpu_rnn::wgpu::{CommandEncoder, PollType};
use wgpu_rnn::{
    Error, Gpu, GpuTimer, Kind, Layer, LayerIo, LayerSizes, LayerWeights, Plan, Problem, Weights,
    reference,
};

use crate::compare::Deviation;

type Result<T> = wgpu_rnn::Result<T>;

/// The reference does about this much in a second or two.
const REFERENCE_FLOPS: u64 = 1 << 30;
/// Work of forward and backward pass, in forward passes: the pre-activations are made twice, then multiplied once for
/// the gradients of what goes in and once for those of the weights.
pub const FORWARD_PASSES: u64 = 4;
/// Steps that a stream is verified over, and that are encoded at once to time it on the GPU.
const STREAM_STEPS: usize = 100;
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FEWEST_RUNS: usize = 5;
const MOST_RUNS: usize = 10_000;

/// Weights and inputs of a shape, the same on every run.
pub struct Data {
    pub weights: Weights,
    /// `[T, B, I]`; of a stream as many steps as are verified.
    pub x: Array3<f32>,
}

/// A layer on a device, with the shape that it is measured on.
pub struct Subject<'a, K: Kind> {
    pub layer: &'a Layer<K>,
    pub data: &'a Data,
    pub plan: &'a Plan,
}

/// What the CPU reference was asked about.
pub struct Verified {
    pub deviation: Deviation,
    pub rows: usize,
    pub seq_len: usize,
}

/// How much of a run the CPU reference is asked about. It takes its time, so of a batch only the first and the last
/// row are looked at, and of a long sequence only its begin.
pub struct Extent {
    pub rows: Vec<usize>,
    /// The steps that are looked at.
    pub seq_len: usize,
    /// The steps that are run: what a layer that also runs backwards gives first depends on the last one.
    pub run: usize,
}

/// How long the GPU works on something: by its timestamps, or from recording to its end where it has none.
pub struct Stopwatch<'a> {
    pub gpu: &'a Gpu,
    pub timer: Option<&'a GpuTimer>,
}

/// The median of several runs, in seconds or, of a ratio, in one.
#[derive(Clone, Copy)]
pub struct Times {
    pub median: f64,
    /// A quarter of the runs took less than the first, a quarter more than the second.
    pub quartiles: (f64, f64),
    pub runs: usize,
}

impl Data {
    pub fn new(problem: &Problem) -> Result<Self> {
        let mut random = Random(SEED);
        let weights = random.weights(problem.sizes)?;
        let is_stream = is_stream(problem) && !problem.is_training;
        let seq_len = if is_stream { STREAM_STEPS } else { problem.seq_len };
        let shape = [seq_len, problem.batch, problem.sizes.input_size];
        Ok(Data { weights, x: Array3::from_shape_simple_fn(shape, || random.next()) })
    }

    /// A gradient of y.
    pub fn cotangent(&self) -> Array3<f32> {
        let (seq_len, batch, _) = self.x.dim();
        let mut random = Random(!SEED);
        let shape = (seq_len, batch, self.weights.sizes().output_size());
        Array3::from_shape_simple_fn(shape, || random.next())
    }
}

/// Single steps are what streams are for.
pub fn is_stream(problem: &Problem) -> bool {
    problem.seq_len == 1
}

impl Extent {
    /// Where the reference does `passes` times the work of a forward pass.
    pub fn new(
        sizes: LayerSizes,
        (seq_len, batch, _): (usize, usize, usize),
        passes: u64,
    ) -> Result<Self> {
        let rows = if batch == 1 { vec![0] } else { vec![0, batch - 1] };
        let step_flops = passes * Problem::new(sizes, 1, rows.len(), false)?.flops();
        let checked = (REFERENCE_FLOPS / step_flops).clamp(1, seq_len as u64) as usize;
        let run = if sizes.is_bidirectional() { checked } else { seq_len };
        Ok(Extent { rows, seq_len: checked, run })
    }

    /// What is looked at of an array that may be longer.
    pub fn part(&self, array: ArrayView3<'_, f32>) -> Array3<f32> {
        array.slice(s![..self.seq_len, .., ..]).select(Axis(1), &self.rows)
    }

    /// The inverse of [`Extent::part`].
    pub fn put<T: Clone>(&self, part: &Array3<T>, array: &mut Array3<T>) {
        for (row, part) in self.rows.iter().zip(part.axis_iter(Axis(1))) {
            array.slice_mut(s![..self.seq_len, *row, ..]).assign(&part);
        }
    }
}

impl Stopwatch<'_> {
    pub fn seconds(&self, encode: impl FnOnce(&mut CommandEncoder) -> Result<()>) -> Result<f64> {
        let Some(timer) = self.timer else {
            let wait = || self.gpu.device().poll(PollType::wait_indefinitely());
            let lost = |error: wgpu_rnn::wgpu::PollError| Error::Gpu { reason: error.to_string() };
            return Ok(timed(|| {
                submit(self.gpu, encode)?;
                wait().map_err(lost)
            })?
            .0);
        };
        submit(self.gpu, |encoder| {
            timer.start(encoder);
            encode(encoder)?;
            timer.stop(encoder);
            Ok(())
        })?;
        Ok(timer.nanoseconds()? * 1e-9)
    }
}

impl<K: Kind> Subject<'_, K> {
    /// Compares what is timed with the CPU reference.
    pub fn verify(&self) -> Result<Verified> {
        let Data { weights, x } = self.data;
        let extent = Extent::new(weights.sizes(), x.dim(), 1)?;
        let inputs = extent.part(x.view());
        let rounded = weights.rounded(self.plan.problem.weight_format)?;
        let inputs = reference::Inputs::new(inputs.view());
        let truth = reference::forward(&rounded, &inputs).y.into_dyn();
        let run = x.slice(s![..extent.run, .., ..]);
        let paths = match is_stream(&self.plan.problem) {
            true => [("y of step", self.step(run)?), ("y of encode_step", self.encode_step(run)?)],
            false => [("y of forward", self.forward(run)?), ("y of encode", self.encode(run)?)],
        };
        let part = |y: Array3<f32>| extent.part(y.view()).mapv(f64::from).into_dyn();
        let deviations = paths.map(|(path, y)| Deviation::of(path, &part(y), &truth));
        let deviation = Deviation::worst(deviations);
        Ok(Verified { deviation, rows: extent.rows.len(), seq_len: extent.seq_len })
    }

    /// From call to return, host arrays to host arrays. Of a stream: one step.
    pub fn wall(&self, budget: Duration) -> Result<Times> {
        let x = &self.data.x;
        if is_stream(&self.plan.problem) {
            let mut stream = self.layer.stream(self.plan.problem.batch)?;
            let x_t = x.index_axis(Axis(0), 0);
            return Ok(sample(budget, || Ok([timed(|| stream.step(x_t))?.0]))?[0]);
        }
        let run = || Ok([timed(|| self.layer.forward(x.view(), None))?.0]);
        Ok(sample(budget, run)?[0])
    }

    /// From the first to the last thing that the GPU does, device arrays to device arrays. Of a stream: one step, as
    /// the mean of several.
    pub fn gpu_time(&self, timer: &GpuTimer, budget: Duration) -> Result<Times> {
        let mut run = self.runs(Stopwatch { gpu: self.layer.gpu(), timer: Some(timer) })?;
        Ok(sample(budget, || Ok([run()?]))?[0])
    }

    /// What runs once between device arrays and says how long that took.
    pub fn runs<'s>(
        &'s self,
        watch: Stopwatch<'s>,
    ) -> Result<Box<dyn FnMut() -> Result<f64> + 's>> {
        let Subject { layer, data, plan } = self;
        let gpu = layer.gpu();
        if is_stream(&plan.problem) {
            let mut stream = layer.stream(plan.problem.batch)?;
            let x_t = gpu.upload(data.x.index_axis(Axis(0), 0))?;
            let y_t = gpu.zeros(&[plan.problem.batch, plan.problem.sizes.output_size()])?;
            let mut steps = move |encoder: &mut CommandEncoder| {
                (0..STREAM_STEPS).try_for_each(|_| stream.encode_step(encoder, &x_t, &y_t))
            };
            return Ok(Box::new(move || Ok(watch.seconds(&mut steps)? / STREAM_STEPS as f64)));
        }
        let x = gpu.upload(data.x.view())?;
        let y = gpu.zeros(&plan.problem.y_shape())?;
        Ok(Box::new(move || watch.seconds(|encoder| layer.encode(encoder, &LayerIo::new(&x, &y)))))
    }

    fn forward(&self, x: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        Ok(self.layer.forward(x, None)?.0)
    }

    fn encode(&self, x: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        let mut y = Array3::zeros(self.y_shape(x));
        let (x, y_device) = (self.layer.gpu().upload(x)?, self.layer.gpu().zeros(y.shape())?);
        submit(self.layer.gpu(), |encoder| {
            self.layer.encode(encoder, &LayerIo::new(&x, &y_device))
        })?;
        y.assign(&y_device.download()?);
        Ok(y)
    }

    fn step(&self, x: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        let mut y = Array3::zeros(self.y_shape(x));
        let mut stream = self.layer.stream(self.plan.problem.batch)?;
        for (x_t, mut y_t) in x.outer_iter().zip(y.outer_iter_mut()) {
            y_t.assign(&stream.step(x_t)?);
        }
        Ok(y)
    }

    fn encode_step(&self, x: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        let mut y = Array3::zeros(self.y_shape(x));
        let mut stream = self.layer.stream(self.plan.problem.batch)?;
        for (x_t, mut y_t) in x.outer_iter().zip(y.outer_iter_mut()) {
            let (x_t, y_device) =
                (self.layer.gpu().upload(x_t)?, self.layer.gpu().zeros(y_t.shape())?);
            submit(self.layer.gpu(), |encoder| stream.encode_step(encoder, &x_t, &y_device))?;
            y_t.assign(&y_device.download()?);
        }
        Ok(y)
    }

    fn y_shape(&self, x: ArrayView3<'_, f32>) -> (usize, usize, usize) {
        let (seq_len, batch, _) = x.dim();
        (seq_len, batch, self.layer.sizes().output_size())
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let begin = Instant::now();
    let result = work()?;
    Ok((begin.elapsed().as_secs_f64(), result))
}

pub fn submit(gpu: &Gpu, record: impl FnOnce(&mut CommandEncoder) -> Result<()>) -> Result<()> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder)?;
    gpu.queue().submit([encoder.finish()]);
    Ok(())
}

/// Takes several measurements at once for as long as the budget lasts, after one that makes what the others find ready.
pub fn sample<const N: usize>(
    budget: Duration,
    mut run: impl FnMut() -> Result<[f64; N]>,
) -> Result<[Times; N]> {
    run()?;
    let begin = Instant::now();
    let mut runs = Vec::new();
    while runs.len() < FEWEST_RUNS || (runs.len() < MOST_RUNS && begin.elapsed() < budget) {
        runs.push(run()?);
    }
    Ok(std::array::from_fn(|which| Times::of(runs.iter().map(|run| run[which]).collect())))
}

impl Times {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
        Times { median: at(2), quartiles: (at(1), at(3)), runs: values.len() }
    }
}

/// Numbers in [-1, 1) (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        bits as f32 / (1 << 23) as f32 - 1.0
    }

    /// Uniform in ±1/sqrt(H), as PyTorch draws them.
    fn weights(&mut self, sizes: LayerSizes) -> Result<Weights> {
        let h = sizes.hidden_size;
        let scale = 1.0 / (h as f32).sqrt();
        let mut value = || scale * self.next();
        let rows = sizes.cell.num_gates() * h;
        let mut direction = |i: usize| {
            let w_ih = Array2::from_shape_simple_fn((rows, i), &mut value);
            let w_hh = Array2::from_shape_simple_fn((rows, h), &mut value);
            let [b_ih, b_hh] = [(); 2].map(|()| Array1::from_shape_simple_fn(rows, &mut value));
            LayerWeights::new(w_ih, w_hh).with_bias(Some(b_ih), Some(b_hh))
        };
        let mut layer = |l| {
            let i = sizes.layer_input_size(l);
            (0..sizes.num_directions()).map(|_| direction(i)).collect()
        };
        Weights::new(sizes.cell, (0..sizes.num_layers).map(&mut layer).collect())
    }
}
