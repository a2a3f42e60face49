//! Who is compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use wgpu_rnn::wgpu::Backend;
use wgpu_rnn::{Gpu, Schedule};

use crate::failure::{Failure, Result};
use crate::{compare, gradients};

/// An implementation, on something that it computes on, in a precision.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// On the planner's choice, or on a forced schedule.
    WgpuRnn(Option<Schedule>),
    Burn,
    Unfused,
    /// In the script of Python, by the name that it has there.
    Python(&'static str, Precision),
    /// On WebGPU, in a browser.
    OnnxruntimeWeb,
}

/// What peers from outside need.
#[derive(clap::Args)]
pub struct Outside {
    /// The interpreter that has torch, or onnxruntime and onnx
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// The folder of the peer in a browser, with its npm packages; `node` runs it
    #[arg(long, value_name = "PATH", default_value = "peers/web")]
    web: PathBuf,
    /// The browser
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/chromium")]
    chromium: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    F32,
    /// Products of f32 rounded to the 11 bits that F16 has, summed in f32.
    Tf32,
    F16,
}

/// How far results may be from the reference, by the measure of [`compare::Deviation`].
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub outputs: f64,
    pub gradients: f64,
}

/// Those that are compared unless others are asked for.
const USUAL: [Peer; 9] = [
    Peer::WgpuRnn(None),
    Peer::Burn,
    Peer::Unfused,
    Peer::Python("torch-cpu", Precision::F32),
    Peer::Python("torch-cuda", Precision::F32),
    Peer::Python("torch-cuda-tf32", Precision::Tf32),
    Peer::Python("torch-cuda-f16", Precision::F16),
    Peer::Python("onnxruntime-cpu", Precision::F32),
    Peer::OnnxruntimeWeb,
];

impl Peer {
    pub fn usual() -> Vec<Peer> {
        USUAL.to_vec()
    }

    fn all() -> impl Iterator<Item = Peer> {
        USUAL.into_iter().chain(Schedule::ALL.map(|schedule| Peer::WgpuRnn(Some(schedule))))
    }

    pub fn names() -> String {
        Peer::all().map(|peer| peer.name()).collect::<Vec<_>>().join(", ")
    }

    /// # Errors
    /// Where nobody has the name.
    pub fn named(name: &str) -> Result<Peer, String> {
        let known = || format!("expected one of {}", Peer::names());
        Peer::all().find(|peer| peer.name() == name).ok_or_else(known)
    }

    pub fn name(self) -> String {
        match self {
            Peer::WgpuRnn(None) => "wgpu-rnn".into(),
            Peer::WgpuRnn(Some(schedule)) => format!("wgpu-rnn-{schedule}"),
            Peer::Burn => "burn".into(),
            Peer::Unfused => "unfused".into(),
            Peer::Python(name, _) => name.into(),
            Peer::OnnxruntimeWeb => "onnxruntime-web".into(),
        }
    }

    pub fn tolerance(self) -> Tolerance {
        let precision = match self {
            Peer::Python(_, precision) => precision,
            _ => Precision::F32,
        };
        match precision {
            Precision::F32 => {
                Tolerance { outputs: compare::TOLERANCE, gradients: gradients::TOLERANCE }
            }
            // Sums of n products of values around 1/sqrt(n), each rounded to 2^-11 = 5e-4, into a contraction.
            Precision::Tf32 | Precision::F16 => Tolerance { outputs: 5e-3, gradients: 2e-2 },
        }
    }

    /// The program that answers for it; GPU peers of Rust run on the adapter that `gpu` runs on.
    pub fn command(self, gpu: &Gpu, folder: &Path, outside: &Outside) -> Result<Command> {
        let mut command = match self {
            Peer::Python(..) => {
                let mut command = Command::new(&outside.python);
                command.arg("-c").arg(include_str!("../python/peers.py"));
                command
            }
            Peer::OnnxruntimeWeb => {
                let script = outside.web.join("peer.mjs");
                // Of a script that is missing node says no more than its own version in its last line.
                script.metadata().map_err(|error| Failure::file(&script, error))?;
                let mut command = Command::new("node");
                command.arg(script).arg(&outside.chromium).arg(&gpu.info().name);
                command
            }
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("work").env("WGPU_ADAPTER_NAME", &gpu.info().name);
                command.env("WGPU_BACKEND", backend(gpu.info().backend)?);
                command
            }
        };
        command.arg(self.name()).arg(folder);
        Ok(command)
    }
}

/// As `WGPU_BACKEND` has it.
fn backend(backend: Backend) -> Result<&'static str> {
    match backend {
        Backend::Vulkan => Ok("vulkan"),
        Backend::Metal => Ok("metal"),
        Backend::Dx12 => Ok("dx12"),
        Backend::Gl => Ok("gl"),
        other => Err(Failure::Request(format!("no peer runs on {other}"))),
    }
}
