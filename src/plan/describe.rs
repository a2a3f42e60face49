//! What a plan costs, and how it tells about itself.

use std::fmt;

use super::{Plan, Schedule, section_bytes};
use crate::format::WeightFormat;
use crate::kernels::{Input, Kernel, Phases};
use crate::pack::WeightLayout;
use crate::problem::{Direction, Problem};

/// Bytes of the buffers that a run needs beside x and y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The packed weights, shared by all runs of a model.
    pub weights_bytes: u64,
    /// The projected input of one chunk.
    pub x_proj_bytes: u64,
    /// The outputs of layers on their way to the next.
    pub between_bytes: u64,
    /// The h ring and c of all layers.
    pub state_bytes: u64,
}

pub(super) fn elements(shape: [usize; 3]) -> u64 {
    shape.iter().map(|n| *n as u64).product()
}

/// x_proj of one time step, all batch rows and directions: a word per unit.
pub(super) fn x_proj_step_bytes(problem: &Problem) -> u64 {
    let layout = WeightLayout::new(problem.sizes);
    let words = problem.batch as u64 * problem.sizes.num_directions() as u64 * layout.row_words();
    words * 4 * layout.lanes()
}

/// The h ring (two halves), c where the cell has it, and what a step's first phase leaves to the second.
pub(crate) fn state_bytes(problem: &Problem) -> u64 {
    let c = if problem.sizes.cell.has_c() { elements(problem.c_shape()) } else { 0 };
    4 * (2 * elements(problem.h_shape())
        + c
        + Phases::of(&problem.sizes).exchanged() * exchange_elements(problem))
}

/// One array of the exchange between phases: `[D, B, H]`.
pub(crate) fn exchange_elements(problem: &Problem) -> u64 {
    let sizes = &problem.sizes;
    [sizes.num_directions(), problem.batch, sizes.hidden_size].iter().map(|n| *n as u64).product()
}

impl Plan {
    /// Bytes of the buffers that the run needs beside x and y.
    pub fn memory(&self) -> Memory {
        let sizes = &self.problem.sizes;
        let chunk = if self.is_hoisted() { self.chunk as u64 } else { 0 };
        Memory {
            weights_bytes: WeightLayout::of(*sizes, self.problem.weight_format).bytes(),
            x_proj_bytes: x_proj_step_bytes(&self.problem) * chunk,
            between_bytes: self.num_between()
                * match 4 * elements(self.problem.y_shape()) {
                    bytes if self.problem.is_training => section_bytes(bytes),
                    bytes => bytes,
                },
            state_bytes: state_bytes(&self.problem),
        }
    }

    /// Sequences on their way between layers: two take turns, but for a backward pass all are kept.
    pub(crate) fn num_between(&self) -> u64 {
        match self.schedule {
            Schedule::Wavefront => 0,
            _ if self.problem.is_training => self.problem.sizes.num_layers as u64 - 1,
            _ => (self.problem.sizes.num_layers - 1).min(2) as u64,
        }
    }

    /// Bytes that the run has to read and write at least, once: weights, x, y, and x_proj where it is made.
    pub fn traffic(&self) -> u64 {
        let problem = &self.problem;
        let weights = self.memory().weights_bytes;
        let x_proj_passes = if self.is_hoisted() { 2 * problem.sizes.num_layers as u64 } else { 0 };
        let x_proj = x_proj_step_bytes(problem) * problem.seq_len as u64 * x_proj_passes;
        weights + x_proj + 4 * (elements(problem.x_shape()) + elements(problem.y_shape()))
    }

    /// The kernel of the recurrence.
    #[doc(hidden)]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub(crate) fn is_hoisted(&self) -> bool {
        match self.kernel {
            Kernel::Step(step) => step.input == Input::Hoisted,
            _ => true,
        }
    }
}

/// A number of bytes, written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes < 10 << 10 => write!(f, "{bytes} B"),
            bytes if bytes < 10 << 20 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{} MiB", bytes >> 20),
        }
    }
}

/// The problem, in one line.
pub(super) fn of(problem: &Problem) -> String {
    let Problem { sizes, seq_len, batch, .. } = problem;
    let directions = match sizes.direction {
        Direction::Forward => "",
        Direction::Reverse => ", reverse",
        Direction::Bidirectional => ", bidirectional",
    };
    let format = match problem.weight_format {
        WeightFormat::F32 => String::new(),
        narrow => format!(", weights in {narrow}"),
    };
    format!(
        "{} T={seq_len} B={batch} I={} H={} L={}{directions}{format}",
        sizes.cell, sizes.input_size, sizes.hidden_size, sizes.num_layers
    )
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq_len = self.problem.seq_len;
        writeln!(f, "{}", of(&self.problem))?;
        writeln!(f, "  schedule  {}: {}", self.schedule, self.reasons[0])?;
        writeln!(f, "  kernel    {}, {} dispatches", self.kernel.name(), self.dispatches)?;
        for reason in &self.reasons[1..] {
            writeln!(f, "            {reason}")?;
        }
        let Memory { weights_bytes, x_proj_bytes, between_bytes, state_bytes } = self.memory();
        writeln!(
            f,
            "  memory    weights {}, x_proj {}, between layers {}, state {}",
            Bytes(weights_bytes),
            Bytes(x_proj_bytes),
            Bytes(between_bytes),
            Bytes(state_bytes)
        )?;
        let flops = self.problem.flops();
        write!(
            f,
            "  work      {:.3} GFLOP in all, {:.1} KFLOP a step; at least {} of traffic",
            flops as f64 / 1e9,
            flops as f64 / 1e3 / seq_len as f64,
            Bytes(self.traffic()),
        )
    }
}
