//! What a model's runs of one shape need on the device beside what its stages need.

use std::sync::{Arc, OnceLock};

use ndarray::{Array3, ArrayView1};

use super::{Model, ModelIo, RunShape, Stage, check_num_states};
use crate::error::Result;
use crate::gpu::{DeviceArray, Gpu, Pending, Readback, lock};
use crate::problem::Problem;
use crate::run::{
    DeviceInput, HostInput, HostSide, LayerIo, StageState, States, check_apart, check_lengths,
    check_shape, to_array,
};

#[derive(Debug)]
pub(super) struct Run {
    /// Those of the recurrent stages.
    problems: Vec<Problem>,
    /// The outputs of all stages but the last.
    between: Vec<DeviceArray>,
    y_shape: [usize; 3],
    host: OnceLock<HostSide<HostArrays>>,
}

/// Arrays that the host reads and writes. Runs on the caller's arrays do not touch them, so that nobody's submission
/// comes between an upload and the run that it is for.
#[derive(Debug)]
struct HostArrays {
    y: DeviceArray,
    lengths: Option<DeviceArray<u32>>,
    /// h and c of each recurrent stage, initial before a run and final after it.
    states: Vec<(DeviceArray, Option<DeviceArray>)>,
}

impl HostArrays {
    /// What comes back after a run, one behind the other.
    fn results(&self) -> impl Iterator<Item = &DeviceArray> {
        let states = self.states.iter().flat_map(|(h, c)| std::iter::once(h).chain(c));
        std::iter::once(&self.y).chain(states)
    }

    fn upload(&self, gpu: &Gpu, lengths: Option<&[u32]>, states: Option<&[States]>) {
        if let (Some(array), Some(lengths)) = (&self.lengths, lengths) {
            gpu.write(array.buffer(), 0, ArrayView1::from(lengths));
        }
        for ((h, c), states) in self.states.iter().zip(states.into_iter().flatten()) {
            gpu.write(h.buffer(), 0, states.h.view());
            if let (Some(array), Some(c)) = (c, &states.c) {
                gpu.write(array.buffer(), 0, c.view());
            }
        }
    }
}

impl Run {
    pub fn new(model: &Model, shape: &RunShape) -> Result<Self> {
        let plans = model.plans(shape)?;
        let RunShape { seq_len, batch, .. } = *shape;
        let [first, second] =
            if model.inner.batch_first { [batch, seq_len] } else { [seq_len, batch] };
        let between = |stage: &Stage| {
            DeviceArray::zeroed(model.gpu(), "between", &[first, second, stage.output_size()])
        };
        Ok(Run {
            problems: plans.iter().map(|plan| plan.problem).collect(),
            between: model.all_but_last().iter().map(between).collect(),
            y_shape: [first, second, model.output_size()],
            host: OnceLock::new(),
        })
    }

    fn host(
        &self,
        gpu: &Gpu,
        input: &HostInput<'_>,
        lengths: Option<&[u32]>,
    ) -> &HostSide<HostArrays> {
        self.host.get_or_init(|| {
            let bytes = |shape: &[usize]| 4 * shape.iter().map(|n| *n as u64).product::<u64>();
            let states = self.problems.iter().map(|problem| {
                let c = problem.sizes.cell.has_c();
                let c = c.then(|| DeviceArray::zeroed(gpu, "c", &problem.c_shape()));
                (DeviceArray::zeroed(gpu, "h", &problem.h_shape()), c)
            });
            let state_bytes = self.problems.iter().map(|problem| bytes(&[States::len(problem)]));
            let y_bytes = bytes(&self.y_shape);
            let result_bytes = y_bytes + state_bytes.sum::<u64>();
            HostSide::new(gpu, bytes(input.shape()), y_bytes, result_bytes, |_, y| HostArrays {
                y: DeviceArray::new(gpu, y.clone(), &self.y_shape),
                lengths: lengths
                    .map(|lengths| DeviceArray::zeroed(gpu, "lengths", &[lengths.len()])),
                states: states.collect(),
            })
        })
    }

    /// Uploads, runs, and asks for the results.
    pub fn forward(
        self: &Arc<Self>,
        model: &Model,
        input: &HostInput<'_>,
        lengths: Option<&[usize]>,
        states: Option<&[States]>,
    ) -> Result<Job> {
        let gpu = model.gpu();
        match (&model.stages()[0], self.problems.first()) {
            (Stage::Recurrent(_), Some(problem)) => input.check(gpu, problem)?,
            _ => {
                let [first, second, _] = self.y_shape;
                check_shape("x", input.shape(), &[first, second, model.input_size()])?;
            }
        }
        let given = states.into_iter().flatten().zip(&self.problems);
        for (k, (states, problem)) in given.enumerate() {
            states.check(problem).map_err(|error| error.within(&format!("states[{k}]")))?;
        }
        let lengths = lengths.zip(self.problems.first());
        let lengths = lengths.map(|(lengths, problem)| check_lengths(lengths, problem));
        let lengths = lengths.transpose()?;

        let host = self.host(gpu, input, lengths.as_deref());
        let arrays = &host.bound;
        let readback = host.take_readback(gpu);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let x = DeviceArray::new(gpu, host.x.clone(), input.shape());
        let ids = DeviceArray::new(gpu, host.x.clone(), input.shape());
        let stage_states = arrays.states.iter().map(|(h, c)| {
            let (h, c) = (Some(h), c.as_ref());
            let initial = |array| states.and(array);
            StageState { h0: initial(h), c0: initial(c), h_n: h, c_n: c }
        });
        let io = ModelIo {
            input: input.on_device(&x, &ids),
            y: &arrays.y,
            lengths: arrays.lengths.as_ref(),
            states: &stage_states.collect::<Vec<_>>(),
        };
        let upload = lock(&host.upload);
        input.write(gpu, &host.x);
        arrays.upload(gpu, lengths.as_deref(), states);
        self.record(model, &mut encoder, &io)?;
        let mut bytes = 0;
        for array in arrays.results() {
            let (from, to) = (array.buffer(), &readback.buffer);
            encoder.copy_buffer_to_buffer(from, 0, to, bytes, array.bytes());
            bytes += array.bytes();
        }
        gpu.queue().submit([encoder.finish()]);
        drop(upload);
        Ok(Job { run: Arc::clone(self), pending: readback.map(gpu, bytes) })
    }

    /// Checks everything, then records all stages.
    pub fn record(
        &self,
        model: &Model,
        encoder: &mut wgpu::CommandEncoder,
        io: &ModelIo<'_>,
    ) -> Result<()> {
        if !io.states.is_empty() {
            check_num_states(io.states.len(), self.problems.len())?;
        }
        for (k, (state, problem)) in io.states.iter().zip(&self.problems).enumerate() {
            let checked = state.check(model.gpu(), problem);
            checked.map_err(|error| error.within(&format!("states[{k}]")))?;
        }
        check_apart("y", io.y, io.input.buffer(), io.input.table())?;
        let mut states = io.states.iter();
        let arrays = |(i, stage): (usize, &Stage)| {
            let before = i.checked_sub(1).map(|before| &self.between[before]);
            let input = before.map_or(io.input, DeviceInput::Features);
            let y = self.between.get(i).unwrap_or(io.y);
            let state = stage.as_recurrent().and_then(|_| states.next());
            let StageState { h0, c0, h_n, c_n } = state.copied().unwrap_or_default();
            LayerIo { input, y, h0, c0, h_n, c_n, lengths: io.lengths }
        };
        let arrays: Vec<_> = model.stages().iter().enumerate().map(arrays).collect();
        let mut stages = model.stages().iter().zip(&arrays);
        stages.clone().try_for_each(|(stage, io)| stage.check(io))?;
        stages.try_for_each(|(stage, io)| stage.encode(encoder, io))
    }

    fn split(&self, values: &[f32]) -> Result<(Array3<f32>, Vec<States>)> {
        let (y, mut rest) = values.split_at(self.y_shape.iter().product());
        let states = self.problems.iter().map(|problem| {
            let (state, others) = rest.split_at(States::len(problem));
            rest = others;
            States::split(problem, state)
        });
        Ok((to_array(self.y_shape, y)?, states.collect::<Result<_>>()?))
    }

    fn give_back(&self, readback: Readback) {
        if let Some(host) = self.host.get() {
            host.give_back(readback);
        }
    }
}

/// A run that has been submitted.
pub(super) struct Job {
    run: Arc<Run>,
    pending: Pending,
}

impl Job {
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<(Array3<f32>, Vec<States>)> {
        let (results, readback) = self.pending.wait(|values| self.run.split(values))?;
        self.run.give_back(readback);
        results
    }

    pub async fn ready(self) -> Result<(Array3<f32>, Vec<States>)> {
        let (results, readback) = self.pending.ready(|values| self.run.split(values)).await?;
        self.run.give_back(readback);
        results
    }
}
