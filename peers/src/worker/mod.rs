//! A peer from inside: answers the requests of [`crate::protocol`].

mod burn;
mod unfused;
mod wgpu_rnn;

use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;
use std::time::Instant;

use ::wgpu_rnn::Gpu;
use ::wgpu_rnn::ndarray::{Array3, Ix3};
use ::wgpu_rnn::wgpu::{CommandEncoder, PollError, PollType};
use serde::Serialize;

use crate::case::{self, Arrays};
use crate::failure::{Failure, Result};
use crate::peer::Peer;
use crate::protocol::{About, Done, Refusal, Seconds};

/// An implementation with the weights of a case.
trait Contestant {
    fn about(&self) -> About;

    /// Puts what a run needs where it computes, and makes what can be made once.
    ///
    /// # Errors
    /// Where it does not do such a run.
    fn prepare(&mut self, inputs: Inputs) -> Result<Done>;

    /// From the call to the end of the work: y, or of a training run y and the gradients of x and of all weights. It
    /// stays on the device.
    fn run(&mut self) -> Result<Seconds>;

    /// What the last run gave: `y` and, of a training run, the gradients by their names in [`crate::gradients`].
    fn results(&self) -> Result<Arrays>;
}

struct Inputs {
    /// `[T, B, I]`.
    x: Array3<f32>,
    /// The gradient of y, of a training run.
    d_y: Option<Array3<f32>>,
}

pub fn run(peer: &str, folder: &Path) -> Result<()> {
    let weights = case::read_weights(folder)?;
    let contestant: Result<Box<dyn Contestant>> = match Peer::named(peer) {
        Ok(Peer::WgpuRnn(schedule)) => wgpu_rnn::WgpuRnn::boxed(weights, schedule),
        Ok(Peer::Burn) => burn::Burn::boxed(weights),
        Ok(Peer::Unfused) => unfused::Baseline::boxed(weights),
        Ok(Peer::Python(..) | Peer::OnnxruntimeWeb) => {
            Err(Failure::Request(format!("{peer} is a peer from outside")))
        }
        Err(reason) => Err(Failure::Request(reason)),
    };
    let mut contestant = match contestant {
        Ok(contestant) => contestant,
        Err(failure) => return answer::<Done>(Err(failure)),
    };
    answer(Ok(contestant.about()))?;
    for request in stdin().lock().lines() {
        let request = request?;
        match request.split_once(' ').unwrap_or((&request, "")) {
            ("prepare", name) => {
                answer(inputs(folder, name).and_then(|inputs| contestant.prepare(inputs)))?;
            }
            ("run", "") => answer(contestant.run())?,
            ("results", name) => answer(contestant.results().and_then(|results| {
                case::save(folder, name, results, None)?;
                Ok(Done { note: None })
            }))?,
            _ => answer::<Done>(Err(Failure::Request(format!("asked to {request:?}"))))?,
        }
    }
    Ok(())
}

fn inputs(folder: &Path, name: &str) -> Result<Inputs> {
    let model = case::read(folder, name)?;
    let has_d_y = model.names().any(|name| name == "d_y");
    let d_y = has_d_y.then(|| model.array::<Ix3>("d_y")).transpose()?;
    Ok(Inputs { x: model.array::<Ix3>("x")?, d_y })
}

fn answer<T: Serialize>(result: Result<T>) -> Result<()> {
    let line = match result {
        Ok(answer) => serde_json::to_string(&answer),
        Err(failure) => serde_json::to_string(&Refusal { refused: failure.to_string() }),
    };
    let line = line.map_err(std::io::Error::from)?;
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Seconds on the host's clock.
fn wall(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Encodes, submits and waits.
fn submit(gpu: &Gpu, encode: impl FnOnce(&mut CommandEncoder) -> Result<()>) -> Result<()> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encode(&mut encoder)?;
    gpu.queue().submit([encoder.finish()]);
    let lost = |error: PollError| Failure::Request(error.to_string());
    gpu.device().poll(PollType::wait_indefinitely()).map(drop).map_err(lost)
}

fn unsupported(what: &str) -> Failure {
    Failure::Request(format!("unsupported: {what}"))
}
