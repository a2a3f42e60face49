//! A training run of one shape on one schedule: are its gradients right, and how long do its two passes take.

use wgpu_rnn::ndarray::{Array3, ArrayView3, s};
use wgpu_rnn::wgpu::CommandEncoder;
use wgpu_rnn::{
    BackwardIo, DeviceArray, Kind, Layer, LayerConfig, LayerIo, Options, Problem, Reserve,
    Schedule, reference,
};

use super::measure::{Data, Extent, FORWARD_PASSES, Stopwatch, Times, Verified, sample, submit};
use super::{Bench, Outcome, no_fallback};

use crate::failure::Result;
use crate::gradients::{self, Named};
use crate::layout::Layout;
use crate::schedules;

/// Both passes, taken in turns, so that a busy machine is busy for both.
pub struct Trained {
    pub verified: Verified,
    pub forward_schedule: Schedule,
    pub forward: Times,
    pub backward: Times,
    /// The backward pass in forward passes, of each turn.
    pub ratio: Times,
    /// Whether the GPU took the times.
    pub by_gpu: bool,
}

/// A training run between arrays on the device.
struct Run<'a, K: Kind> {
    layer: &'a Layer<K>,
    x: DeviceArray,
    y: DeviceArray,
    reserve: Reserve,
    d_y: DeviceArray,
    d_x: DeviceArray,
    d_weights: DeviceArray,
}

/// Verifies and times a problem on a schedule, or on those that the planner chooses.
pub fn verify_and_time_training<K: Kind>(
    bench: &Bench<'_>,
    problem: &Problem,
    data: &Data,
    forced: Option<Schedule>,
) -> Result<(Schedule, Outcome)> {
    let options = schedules::of_training(forced);
    let backward = Options { schedule: forced, ..Default::default() };
    let config = LayerConfig { options, backward, ..Default::default() };
    let layer = Layer::<K>::new(bench.gpu, &data.weights, config)?;
    let forward_schedule = layer.plan_training(problem.seq_len, problem.batch)?.schedule;
    let schedule = layer.plan_backward(problem.seq_len, problem.batch)?.schedule;
    no_fallback(options.schedule, forward_schedule)?;
    no_fallback(forced, schedule)?;

    let d_y = data.cotangent();
    let verified = verify(&layer, data, &d_y)?;
    if !verified.deviation.is_within(gradients::TOLERANCE) {
        return Ok((schedule, Outcome::Wrong(verified)));
    }
    let run = Run::new(&layer, data.x.view(), d_y.view())?;
    let watch = Stopwatch { gpu: bench.gpu, timer: bench.timer.as_ref() };
    let [forward, backward, ratio] = sample(bench.budget, || {
        let forward = watch.seconds(|encoder| run.forward(encoder))?;
        let backward = watch.seconds(|encoder| run.backward(encoder))?;
        Ok([forward, backward, backward / forward])
    })?;
    let by_gpu = bench.timer.is_some();
    let trained = Trained { verified, forward_schedule, forward, backward, ratio, by_gpu };
    Ok((schedule, Outcome::Trained(trained)))
}

/// Compares what is timed with the CPU reference. Gradients are sums over all rows and steps: where the reference is
/// asked about some of them only, the others get a zero gradient of y, so that they add nothing.
fn verify<K: Kind>(layer: &Layer<K>, data: &Data, d_y: &Array3<f32>) -> Result<Verified> {
    let Data { weights, x } = data;
    let extent = Extent::new(weights.sizes(), x.dim(), FORWARD_PASSES)?;
    let x = x.slice(s![..extent.run, .., ..]);
    let shape = |features| (extent.run, x.dim().1, features);
    let mut masked_d_y = Array3::zeros(shape(d_y.dim().2));
    let mut d_x = Array3::zeros(shape(x.dim().2));
    let (x_part, d_y_part) = (extent.part(x), extent.part(d_y.view()));
    let inputs = reference::Inputs::new(x_part.view());
    let cotangents = reference::Cotangents { d_y: d_y_part.view(), d_h_n: None, d_c_n: None };
    let truth = reference::backward(weights, &inputs, &cotangents);
    extent.put(&d_y_part, &mut masked_d_y);
    extent.put(&truth.d_x, &mut d_x);

    let layout = Layout { batched: true, batch_first: false };
    let mut expected = gradients::of_reference(truth, layout, false);
    expected.remove("d_h0");
    expected.insert("d_input".into(), d_x.into_dyn());
    let run = Run::new(layer, x, masked_d_y.view())?;
    submit(layer.gpu(), |encoder| {
        run.forward(encoder)?;
        run.backward(encoder)
    })?;
    let deviation = gradients::deviation(&run.gradients()?, &expected);
    Ok(Verified { deviation, rows: extent.rows.len(), seq_len: extent.seq_len })
}

impl<'a, K: Kind> Run<'a, K> {
    fn new(
        layer: &'a Layer<K>,
        x: ArrayView3<'_, f32>,
        d_y: ArrayView3<'_, f32>,
    ) -> wgpu_rnn::Result<Self> {
        let (gpu, (seq_len, batch, _)) = (layer.gpu(), x.dim());
        Ok(Run {
            layer,
            x: gpu.upload(x)?,
            y: gpu.zeros(d_y.shape())?,
            reserve: layer.reserve(seq_len, batch)?,
            d_y: gpu.upload(d_y)?,
            d_x: gpu.zeros(x.shape())?,
            d_weights: gpu.zeros(&[layer.weights_len()])?,
        })
    }

    fn forward(&self, encoder: &mut CommandEncoder) -> wgpu_rnn::Result<()> {
        self.layer.encode_training(encoder, &LayerIo::new(&self.x, &self.y), &self.reserve)
    }

    fn backward(&self, encoder: &mut CommandEncoder) -> wgpu_rnn::Result<()> {
        let mut io = BackwardIo::new(&self.x, &self.y, &self.reserve, &self.d_y);
        (io.d_x, io.d_weights) = (Some(&self.d_x), Some(&self.d_weights));
        self.layer.encode_backward(encoder, &io)
    }

    fn gradients(&self) -> wgpu_rnn::Result<Named> {
        let d_weights = self.d_weights.download()?;
        let mut named = gradients::of_flat(self.layer.weight_tensors(), &d_weights);
        named.insert("d_input".into(), self.d_x.download()?.mapv(f64::from));
        Ok(named)
    }
}
