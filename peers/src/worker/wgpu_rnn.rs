//! wgpu-rnn itself.

use wgpu_rnn::ndarray::ArrayD;
use wgpu_rnn::wgpu::CommandEncoder;
use wgpu_rnn::{
    AnyLayer, BackwardIo, DeviceArray, Gpu, GpuTimer, LayerConfig, LayerIo, Options, Reserve,
    Schedule, Weights,
};

use super::{Contestant, Inputs, submit, unsupported, wall};
use crate::case::Arrays;
use crate::failure::Result;
use crate::protocol::{About, Done, Seconds};
use crate::{adapter, gradients, schedules};

pub struct WgpuRnn {
    gpu: Gpu,
    timer: Option<GpuTimer>,
    weights: Weights,
    forced: Option<Schedule>,
    run: Option<Run>,
}

/// A layer and the arrays of a run, on the device.
struct Run {
    layer: AnyLayer,
    x: DeviceArray,
    y: DeviceArray,
    training: Option<Training>,
}

struct Training {
    reserve: Reserve,
    d_y: DeviceArray,
    d_x: DeviceArray,
    d_weights: DeviceArray,
}

impl WgpuRnn {
    pub fn boxed(weights: Weights, forced: Option<Schedule>) -> Result<Box<dyn Contestant>> {
        let gpu = Gpu::new()?;
        let timer = GpuTimer::new(&gpu).ok();
        Ok(Box::new(WgpuRnn { gpu, timer, weights, forced, run: None }))
    }

    /// Which schedules run, forward and, of a training run, backward; a fallback is refused.
    fn note(&self, layer: &AnyLayer, inputs: &Inputs, forward: Options) -> Result<String> {
        let (seq_len, batch, _) = inputs.x.dim();
        let planned = match inputs.d_y {
            None => vec![(forward.schedule, layer.plan(seq_len, batch)?.schedule)],
            Some(_) => vec![
                (forward.schedule, layer.plan_training(seq_len, batch)?.schedule),
                (self.forced, layer.plan_backward(seq_len, batch)?.schedule),
            ],
        };
        if planned.iter().any(|(forced, planned)| forced.is_some_and(|forced| forced != *planned)) {
            return Err(unsupported("the plan is another schedule, and a fallback is not timed"));
        }
        let mut names: Vec<_> = planned.iter().map(|(_, planned)| planned.to_string()).collect();
        names.dedup();
        Ok(names.join(", backward "))
    }
}

impl Contestant for WgpuRnn {
    fn about(&self) -> About {
        About {
            version: format!("wgpu-rnn {}", crate::report::version_of("wgpu-rnn")),
            device: adapter::line(self.gpu.info()),
        }
    }

    fn prepare(&mut self, inputs: Inputs) -> Result<Done> {
        let backward = Options { schedule: self.forced, ..Default::default() };
        let options = match inputs.d_y {
            None => backward,
            Some(_) => schedules::of_training(self.forced),
        };
        let config = LayerConfig { options, backward, ..Default::default() };
        let layer = AnyLayer::new(&self.gpu, &self.weights, config)?;
        let note = self.note(&layer, &inputs, options)?;
        let (seq_len, batch, _) = inputs.x.dim();
        let training = inputs.d_y.as_ref().map(|d_y| {
            Ok::<_, wgpu_rnn::Error>(Training {
                reserve: layer.reserve(seq_len, batch)?,
                d_y: self.gpu.upload(d_y.view())?,
                d_x: self.gpu.zeros(inputs.x.shape())?,
                d_weights: self.gpu.zeros(&[layer.weights_len()])?,
            })
        });
        self.run = Some(Run {
            x: self.gpu.upload(inputs.x.view())?,
            y: self.gpu.zeros(&[seq_len, batch, layer.sizes().output_size()])?,
            training: training.transpose()?,
            layer,
        });
        Ok(Done { note: Some(note) })
    }

    fn run(&mut self) -> Result<Seconds> {
        let run = self.run.as_ref().ok_or_else(|| unsupported("a run before `prepare`"))?;
        let wall = wall(|| submit(&self.gpu, |encoder| run.encode(encoder)))?;
        // A run of its own, as the timestamps would be part of the other.
        let device = self.timer.as_ref().map(|timer| {
            submit(&self.gpu, |encoder| {
                timer.start(encoder);
                run.encode(encoder)?;
                timer.stop(encoder);
                Ok(())
            })?;
            Ok::<_, crate::failure::Failure>(timer.nanoseconds()? * 1e-9)
        });
        Ok(Seconds { wall, device: device.transpose()? })
    }

    fn results(&self) -> Result<Arrays> {
        let run = self.run.as_ref().ok_or_else(|| unsupported("results before `run`"))?;
        let mut results = vec![("y".to_string(), run.y.download()?)];
        if let Some(training) = &run.training {
            results.push(("d_input".into(), training.d_x.download()?));
            let d_weights = training.d_weights.download()?;
            let named = gradients::of_flat(run.layer.weight_tensors(), &d_weights);
            let narrow = |gradient: ArrayD<f64>| gradient.mapv(|value| value as f32);
            results.extend(named.into_iter().map(|(name, gradient)| (name, narrow(gradient))));
        }
        Ok(results)
    }
}

impl Run {
    fn encode(&self, encoder: &mut CommandEncoder) -> Result<()> {
        let io = LayerIo::new(&self.x, &self.y);
        let Some(Training { reserve, d_y, d_x, d_weights }) = &self.training else {
            return Ok(self.layer.encode(encoder, &io)?);
        };
        self.layer.encode_training(encoder, &io, reserve)?;
        let mut io = BackwardIo::new(&self.x, &self.y, reserve, d_y);
        (io.d_x, io.d_weights) = (Some(d_x), Some(d_weights));
        Ok(self.layer.encode_backward(encoder, &io)?)
    }
}
