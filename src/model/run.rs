//! What a model's runs of one shape need on the device beside what its stages need.

use std::sync::{Arc, OnceLock};

use ndarray::{Array3, ArrayView1};

use super::{Model, ModelIo, RunShape, Stage, check_num_states};
use crate::chain::Last;
use crate::error::Result;
use crate::gpu::{DeviceArray, Gpu, Pending, Readback, lock};
use crate::problem::Problem;
use crate::run::{
    DeviceInput, HostInput, HostSide, LayerIo, Single, StageState, States, check_apart, check_ids,
    check_lengths, check_shape, to_array,
};

#[derive(Debug)]
pub(super) struct Run {
    /// Those of the recurrent stages.
    problems: Vec<Problem>,
    /// The dispatches of the stages without weights.
    singles: Vec<Option<Single>>,
    /// The outputs of all stages but the last.
    between: Vec<DeviceArray>,
    /// The final h of the stage whose states are picked.
    picked: Option<DeviceArray>,
    shape: RunShape,
    /// Of x; token ids have no last axis.
    x_shape: [usize; 3],
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
        let gpu = model.gpu();
        let problems: Vec<_> = model.plans(shape)?.iter().map(|plan| plan.problem).collect();
        let single =
            |(i, shape)| Ok(model.plain(i, &shape)?.map(|launch| Single::new(gpu, launch)));
        let singles = model.shapes(shape).enumerate().map(single).collect::<Result<_>>()?;
        let sides = |seq_len, features| match model.batch_first() {
            true => [shape.batch, seq_len, features],
            false => [seq_len, shape.batch, features],
        };
        // A stage behind a `Last` sees one time step, and so does who takes a `Last`'s output.
        let mut y_shapes = Vec::new();
        for ((stage, seen), width) in
            model.stages().iter().zip(model.shapes(shape)).zip(&model.inner.widths.outputs)
        {
            let is_last = matches!(stage, Stage::Last(_));
            y_shapes.push(sides(if is_last { 1 } else { seen.seq_len }, *width));
        }
        let y_shape = y_shapes.pop().unwrap_or_default();
        let between = y_shapes.iter().map(|shape| DeviceArray::zeroed(gpu, "between", shape));
        let picks_states = |stage: &Stage| matches!(stage, Stage::Last(Last::States));
        let picked = problems.last().filter(|_| model.stages().iter().any(picks_states));
        Ok(Run {
            singles,
            between: between.collect(),
            picked: picked.map(|problem| DeviceArray::zeroed(gpu, "h_n", &problem.h_shape())),
            shape: *shape,
            x_shape: sides(shape.seq_len, model.input_size()),
            y_shape,
            problems,
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
        self.check_host_input(model, input)?;
        let given = states.into_iter().flatten().zip(&self.problems);
        for (k, (states, problem)) in given.enumerate() {
            states.check(problem).map_err(|error| error.within(&format!("states[{k}]")))?;
        }
        let RunShape { seq_len, batch, .. } = self.shape;
        let lengths = lengths.map(|lengths| check_lengths(lengths, seq_len, batch)).transpose()?;

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

    fn check_host_input(&self, model: &Model, input: &HostInput<'_>) -> Result<()> {
        match (&model.stages()[0], self.problems.first(), input) {
            (Stage::Recurrent(_), Some(problem), input) => input.check(model.gpu(), problem),
            (Stage::Embedding(embedding), _, HostInput::Ids(ids)) => {
                check_shape("ids", ids.shape(), &self.x_shape[..2])?;
                check_ids(ids, embedding.num_embeddings())
            }
            (_, _, HostInput::Features(x)) => check_shape("x", x.shape(), &self.x_shape),
            (stage, _, input) => stage.check_input(input.kind()),
        }
    }

    fn check_input(&self, model: &Model, input: &DeviceInput<'_>) -> Result<()> {
        let gpu = model.gpu();
        match (&model.stages()[0], self.problems.first(), input) {
            (Stage::Recurrent(_), Some(problem), input) => input.check(gpu, problem),
            (Stage::Embedding(_), _, DeviceInput::Ids(ids)) => {
                ids.check("ids", gpu, &self.x_shape[..2])
            }
            (_, _, DeviceInput::Features(x)) => x.check("x", gpu, &self.x_shape),
            (stage, _, input) => stage.check_input(input.kind()),
        }
    }

    /// All that a caller can get wrong: what lies between the stages is right.
    fn check(&self, model: &Model, io: &ModelIo<'_>) -> Result<()> {
        let gpu = model.gpu();
        if !io.states.is_empty() {
            check_num_states(io.states.len(), self.problems.len())?;
        }
        for (k, (state, problem)) in io.states.iter().zip(&self.problems).enumerate() {
            let checked = state.check(gpu, problem);
            checked.map_err(|error| error.within(&format!("states[{k}]")))?;
        }
        self.check_input(model, &io.input)?;
        io.y.check("y", gpu, &self.y_shape)?;
        check_apart("y", io.y, io.input.buffer(), io.input.table())?;
        let Some(lengths) = io.lengths else { return Ok(()) };
        lengths.check("lengths", gpu, &[self.shape.batch])?;
        match self.problems.is_empty() {
            true => Ok(()),
            false => lengths.check_usage("lengths", wgpu::BufferUsages::COPY_SRC),
        }
    }

    /// Checks everything, then records all stages.
    pub fn record(
        &self,
        model: &Model,
        encoder: &mut wgpu::CommandEncoder,
        io: &ModelIo<'_>,
    ) -> Result<()> {
        self.check(model, io)?;
        let mut states = io.states.iter();
        let mut input = io.input;
        for (i, stage) in model.stages().iter().enumerate() {
            let y = self.between.get(i).unwrap_or(io.y);
            let (x, rows) = (input.buffer(), y.shape()[0] * y.shape()[1]);
            match stage {
                Stage::Recurrent(layer) => {
                    let state = states.next().copied().unwrap_or_default();
                    let next = model.stages().get(i + 1);
                    let picked = self.picked.as_ref();
                    let picked = picked.filter(|_| matches!(next, Some(Stage::Last(Last::States))));
                    let StageState { h0, c0, h_n, c_n } = state;
                    let h_n = picked.or(h_n);
                    let io = LayerIo { input, y, h0, c0, h_n, c_n, lengths: io.lengths };
                    layer.encode(encoder, &io)?;
                    if let (Some(picked), Some(h_n)) = (picked, state.h_n) {
                        let (from, to) = (picked.buffer(), h_n.buffer());
                        encoder.copy_buffer_to_buffer(from, 0, to, 0, picked.bytes());
                    }
                }
                Stage::Linear(linear) => linear.record(encoder, rows, x, y.buffer())?,
                Stage::Embedding(embedding) => embedding.record(encoder, rows, x, y.buffer())?,
                Stage::Function(_) => self.record_single(model, encoder, i, &[x, y.buffer()])?,
                Stage::Last(last) => {
                    let lengths = io.lengths.filter(|_| *last == Last::Step);
                    let picked = self.picked.as_ref().filter(|_| *last == Last::States);
                    let x = picked.map_or(x, DeviceArray::buffer);
                    let lengths = lengths.map(DeviceArray::buffer);
                    let buffers: Vec<_> = [x, y.buffer()].into_iter().chain(lengths).collect();
                    self.record_single(model, encoder, i, &buffers)?;
                }
            }
            input = DeviceInput::Features(y);
        }
        Ok(())
    }

    /// A stage without weights, on the buffers of its kernel's bindings.
    fn record_single(
        &self,
        model: &Model,
        encoder: &mut wgpu::CommandEncoder,
        stage: usize,
        buffers: &[&wgpu::Buffer],
    ) -> Result<()> {
        let single = self.singles[stage].as_ref();
        single.map_or(Ok(()), |single| single.record(model.gpu(), encoder, buffers))
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
