//! ONNX graphs on a device: what a graph says becomes a chain of stages, and what it moves around before and behind them.

mod activations;
mod builder;
mod constants;
mod interpret;
mod movements;
mod names;
mod recurrent;
mod sizes;
mod support;
mod value;
mod wiring;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::any::AnyState;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, lock};
use crate::io::onnx::{Onnx, Tensor, ValueInfo};
use crate::layer::LayerConfig;
use crate::model::Model;
use crate::run::Recent;
use crate::weights::ModelWeights;
use interpret::{Given, Stop, interpret};
use value::Budget;
use wiring::Wiring;

/// An ONNX graph on a device. It is a [`Model`], a straight chain of stages, with what the graph moves around before and
/// behind it: transposed sequences, states and lengths that are inputs, several outputs.
///
/// ```no_run
/// use wgpu_rnn::io::onnx::Tensor;
/// use wgpu_rnn::ndarray::Array3;
/// use wgpu_rnn::{Gpu, LayerConfig, io};
///
/// // torch.onnx.export(model, (torch.zeros(3, 9, 6),), "model.onnx", input_names=["x"], dynamo=True)
/// let model = io::onnx::open("model.onnx")?.load(&Gpu::new()?, LayerConfig::default())?;
/// let x = Tensor::from(Array3::<f32>::zeros((3, 9, 6)));
/// for (name, tensor) in model.run(&[("x", x)])? {
///     println!("{name}: {:?}", tensor.shape());
/// }
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// The first run of inputs of certain shapes goes through the graph; later ones of these shapes only run. Weights may be
/// inputs of the graph: runs with the same ones share them on the device.
///
/// Cloning is cheap and shares everything. A model can run from several threads at once.
#[derive(Clone, Debug)]
pub struct OnnxModel {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    onnx: Onnx,
    gpu: Gpu,
    config: LayerConfig,
    /// The inputs whose values the graph has to know before it runs, as far as runs have shown.
    needs: Mutex<BTreeSet<usize>>,
    /// The model of the last run that made one.
    last: Mutex<Option<Loaded>>,
    runs: Recent<Key, Run>,
}

#[derive(Clone, Debug)]
struct Loaded {
    weights: Arc<ModelWeights>,
    model: Model,
}

/// What runs must have in common to share a chain.
#[derive(Debug, PartialEq)]
struct Key {
    shapes: Vec<Vec<usize>>,
    constants: Vec<(usize, Tensor)>,
}

#[derive(Debug)]
struct Run {
    wiring: Wiring,
    model: Model,
    batch_first: bool,
}

impl Onnx {
    /// Brings the graph to a device. `config` is that of its recurrent layers; the layout is what the graph says.
    ///
    /// # Errors
    /// [`Error::Argument`] where `config.batch_first` is set; [`Error::Limit`] where the device cannot hold the weights.
    /// [`Error::Unsupported`] naming the node whose operator is none of those that are run.
    /// A graph whose sizes are known, and whose weights are no inputs, is gone through now: [`Error::Unsupported`]
    /// naming the node where it is no straight chain of the stages of a [`Model`], [`Error::Format`] where it makes no
    /// sense.
    pub fn load(self, gpu: &Gpu, config: LayerConfig) -> Result<OnnxModel> {
        if config.batch_first {
            let expected = "false: the graph tells the layout";
            return Err(Error::argument("config.batch_first", expected, true));
        }
        let inner = Inner {
            gpu: gpu.clone(),
            config,
            needs: Mutex::default(),
            last: Mutex::default(),
            runs: Recent::new(),
            onnx: self,
        };
        support::check(&inner.onnx.graph)?;
        match sizes::weights(&inner.onnx.graph, |_| Ok(())) {
            Ok(weights) => drop(inner.loaded(weights)?),
            // What these are, the inputs of a run tell.
            Err(Stop::Needs(_)) => {}
            Err(Stop::Failed(error)) if sizes::is_left_to_runs(&inner.onnx.graph) => {
                log::debug!("the graph before a run: {error}");
            }
            Err(Stop::Failed(error)) => return Err(error),
        }
        Ok(OnnxModel { inner: Arc::new(inner) })
    }

    /// The stages that the graph is, on the host. Sizes that the file leaves open do not matter: a graph whose stages
    /// depend on them is refused.
    ///
    /// ```no_run
    /// use wgpu_rnn::io;
    ///
    /// let weights = io::onnx::open("model.onnx")?.weights()?;
    /// weights.save("model.safetensors")?; // for torch.load_state_dict
    /// # Ok::<(), wgpu_rnn::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the node where the graph is no straight chain of the stages of a [`Model`], or
    /// naming the input whose values or sizes it needs, or where it does more than its stages: reorders its input, or
    /// holds initial states or lengths; [`Error::Format`] where it makes no sense.
    pub fn weights(&self) -> Result<ModelWeights> {
        sizes::weights(&self.graph, Wiring::check_alone).map_err(|stop| match stop {
            Stop::Failed(error) => error,
            Stop::Needs(input) => {
                let name = self.inputs().get(input).map_or("", |input| &input.name);
                let what = format!("the graph without a value for input `{name}`");
                let reason = "weights are taken from it, or a shape is".into();
                Error::Unsupported { what, reason }
            }
        })
    }
}

impl Inner {
    /// The model with these weights: that of the run before, if it has them.
    fn loaded(&self, weights: ModelWeights) -> Result<Loaded> {
        let mut last = lock(&self.last);
        if let Some(loaded) = last.as_ref().filter(|l| l.weights.stages() == weights.stages()) {
            return Ok(loaded.clone());
        }
        let model = weights.load(&self.gpu, self.config)?;
        let loaded = Loaded { weights: Arc::new(weights), model };
        *last = Some(loaded.clone());
        Ok(loaded)
    }

    /// The chain for inputs of these shapes.
    fn prepare(&self, inputs: &[&Tensor]) -> Result<Arc<Run>> {
        let graph = &self.onnx.graph;
        loop {
            let needs = lock(&self.needs).clone();
            let constants = needs.iter().filter_map(|i| Some((*i, (*inputs.get(*i)?).clone())));
            let key = Key {
                shapes: inputs.iter().map(|input| input.shape().to_vec()).collect(),
                constants: constants.collect(),
            };
            let run = self.runs.get_or_make(key, || {
                let given = inputs.iter().enumerate().map(|(i, input)| match needs.contains(&i) {
                    true => Given::Constant((*input).clone()),
                    false => Given::Shape(input.shape().to_vec()),
                });
                let given: Vec<_> = given.collect();
                let (built, outputs) = interpret(graph, &given, Budget::of_run())?;
                let wiring = Wiring::new(&built, graph, outputs);
                let batch_first = wiring.is_batch_first();
                let Loaded { weights, model } = self.loaded(built.weights(batch_first)?)?;
                Ok(Run { wiring, model, batch_first: weights.batch_first() })
            });
            match run {
                Ok(run) => return Ok(run),
                Err(Stop::Failed(error)) => return Err(error),
                // It is none of `needs`: these were constants.
                Err(Stop::Needs(input)) => drop(lock(&self.needs).insert(input)),
            }
        }
    }
}

impl OnnxModel {
    /// What the graph takes, in its order.
    pub fn inputs(&self) -> &[ValueInfo] {
        self.inner.onnx.inputs()
    }

    /// What the graph puts out, in its order.
    pub fn outputs(&self) -> &[ValueInfo] {
        self.inner.onnx.outputs()
    }

    /// The device that the graph is on.
    pub fn gpu(&self) -> &Gpu {
        &self.inner.gpu
    }

    /// The chain of stages alone, for [`Model::stream`] and [`Model::plan`]: x is `[T, B, F]`, `[B, T, F]` where the graph
    /// transposes it. Initial states and lengths that the graph holds, and what else it does to its input, are not in it.
    /// None before the first run of a graph whose weights are inputs; the one of the last run, then.
    pub fn model(&self) -> Option<Model> {
        lock(&self.inner.last).as_ref().map(|loaded| loaded.model.clone())
    }

    /// Runs the graph on inputs by their names, in any order, and waits for its outputs, in its order.
    ///
    /// # Errors
    /// [`Error::Argument`] where an input is missing, superfluous or of another kind, or an id or a length is out of its
    /// range; [`Error::Shape`] where one does not fit; [`Error::Unsupported`] naming the node where the graph is no
    /// straight chain of the stages of a [`Model`], [`Error::Format`] where it makes no sense; those of
    /// [`Model::forward_input`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let inputs = sizes::ordered(&self.inner.onnx.graph, inputs)?;
        let run = self.inner.prepare(&inputs)?;
        let feed = run.wiring.feed(&inputs, run.batch_first)?;
        let (y, states) = run.model.forward_input(feed.input(), feed.lengths(), feed.states())?;
        run.finish(&inputs, y, states)
    }

    /// The async twin of [`OnnxModel::run`].
    pub async fn run_async(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let inputs = sizes::ordered(&self.inner.onnx.graph, inputs)?;
        let run = self.inner.prepare(&inputs)?;
        let feed = run.wiring.feed(&inputs, run.batch_first)?;
        let result = run.model.forward_input_async(feed.input(), feed.lengths(), feed.states());
        let (y, states) = result.await?;
        run.finish(&inputs, y, states)
    }
}

impl Run {
    fn finish(
        &self,
        inputs: &[&Tensor],
        mut y: ndarray::ArrayD<f32>,
        states: Vec<AnyState>,
    ) -> Result<Vec<(String, Tensor)>> {
        if self.batch_first && y.ndim() == 3 {
            y.swap_axes(0, 1);
        }
        self.wiring.outputs(inputs, &y, &states)
    }
}
