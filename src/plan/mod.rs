//! Which schedule runs a problem on a device, with which tiles, and why: a pure function of numbers.

mod backward;
mod candidates;
mod carry;
mod describe;
mod estimate;
mod planner;
mod tiles;

pub use backward::{BackwardMemory, BackwardPlan, plan_backward};
pub use candidates::candidates;
pub use describe::Memory;
pub use estimate::{Estimate, Floor};

use std::fmt;
use std::str::FromStr;

pub(crate) use backward::section_bytes;
pub(crate) use carry::{Carry, TransposedLayout, keeps_h};
pub(crate) use describe::exchange_elements;
use planner::Planner;
use serde::{Deserialize, Serialize};

use crate::caps::{DeviceCaps, check_limit};
use crate::error::{Error, Result};
use crate::format::WeightFormat;
use crate::kernels::recurrence::ROWS;
use crate::kernels::{Kernel, Matmul, Step};
use crate::pack::WeightLayout;
use crate::problem::{InputKind, LayerSizes, Problem};

/// How the time steps of a sequence become dispatches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// A dispatch is one time step of one layer, both directions and all batch rows.
    Stepwise,
    /// A dispatch is a chunk of time steps of one layer; a workgroup owns some batch rows and all their units.
    SequenceFused,
    /// A dispatch is one anti-diagonal of (layer, time): L layers take T+L-1 dispatches instead of T·L.
    Wavefront,
}

impl Schedule {
    /// Every schedule.
    pub const ALL: [Schedule; 3] =
        [Schedule::Stepwise, Schedule::SequenceFused, Schedule::Wavefront];
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Schedule::Stepwise => "stepwise",
            Schedule::SequenceFused => "sequence-fused",
            Schedule::Wavefront => "wavefront",
        })
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Schedule::ALL.into_iter().find(|schedule| schedule.to_string() == name).ok_or_else(|| {
            let names = Schedule::ALL.map(|schedule| schedule.to_string()).join(", ");
            Error::argument("schedule", format!("one of {names}"), name)
        })
    }
}

/// What to force instead of leaving it to the planner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Options {
    /// The schedule.
    pub schedule: Option<Schedule>,
    /// Batch rows that one load of weights serves: 1, 2, 4, 8 or 16.
    pub rows: Option<u32>,
    /// The most time steps of one chunk.
    pub chunk: Option<usize>,
    /// Stepwise and Wavefront: the invocations that share the sum of a unit, 1, 8 or 32. More keep a large device busy
    /// where the batch is small.
    pub split: Option<u32>,
    /// SequenceFused: whether w_hh stays in registers for a whole chunk, so that a step reads nothing but its input. For
    /// steps in one product, of up to 64 to 256 units, by the device and the format of the weights. On a software adapter
    /// the planner does so from 64 time steps on, since such kernels take seconds to compile there.
    pub resident: Option<bool>,
    /// Measure what is not forced: the first run of a layer whose problem nobody has measured on this device times the
    /// [`candidates`] and takes the fastest. That takes seconds, more on a software adapter, which `async` calls block
    /// for, too, and makes buffers and pipelines for all of them; later runs, of all layers of the same [`Gpu`](crate::Gpu), find the choice made.
    ///
    /// Problems share a choice that differ in nothing but `seq_len` and `batch`, where these round up to the same
    /// powers of two (and in the rows of a table of tokens). It lasts as long as the `Gpu`, or as a file that
    /// [`GpuBuilder::tuning_file`](crate::GpuBuilder::tuning_file) names. Another choice sums in another order: where
    /// results have to be the same bits in each process, keep the file.
    ///
    /// Forward runs only, and not in a browser, where nothing may wait; elsewhere it is refused.
    #[serde(skip)]
    pub tune: bool,
}

/// How a problem will run, and why so. `Display` tells it in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is to be computed.
    pub problem: Problem,
    /// How time steps become dispatches.
    pub schedule: Schedule,
    /// Batch rows that one load of weights serves.
    pub rows: u32,
    /// Time steps of one chunk: of a dispatch (SequenceFused), or of an input projection (Stepwise).
    pub chunk: usize,
    /// Dispatches of the recurrence, all layers.
    pub dispatches: u64,
    /// Why this schedule, these rows, this chunk.
    pub reasons: Vec<String>,
    pub(crate) kernel: Kernel,
    pub(crate) projection: Matmul,
}

impl Plan {
    /// The same with the kernel of another plan of its layers.
    pub(crate) fn with_kernel(&self, other: &Plan) -> Self {
        Plan { rows: other.rows, kernel: other.kernel, ..self.clone() }
    }
}

/// Makes the plan for a problem on a device.
///
/// ```
/// use wgpu_rnn::{Cell, DeviceCaps, LayerSizes, Options, Problem, Schedule, plan};
///
/// let sizes = LayerSizes::new(Cell::Lstm, 64, 64);
/// let problem = Problem::new(sizes, 1000, 1, false)?;
/// let plan = plan(&problem, &DeviceCaps::webgpu_defaults(), &Options::default())?;
/// assert_eq!(plan.schedule, Schedule::SequenceFused);
/// println!("{plan}");
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// # Errors
/// [`Error::Limit`] where no schedule can run the problem, [`Error::Schedule`] where the forced one cannot,
/// [`Error::Argument`] where an option makes no sense, [`Error::Unsupported`] where it says `tune`: a plan of numbers
/// alone measures nothing.
pub fn plan(problem: &Problem, caps: &DeviceCaps, options: &Options) -> Result<Plan> {
    check_request(problem, options)?;
    check_pool(problem, options)?;
    let planner = Planner { problem, caps, options, sizes: &problem.sizes };
    planner.check_buffers()?;
    let make = |schedule, reason| planner.make(schedule, reason);
    choose(forced_schedule(options), || planner.preferred(!problem.is_training), make)
}

/// The schedule that is forced, by its name or by what only it has.
fn forced_schedule(options: &Options) -> Option<Schedule> {
    let resident = options.resident.filter(|resident| *resident);
    options.schedule.or(resident.map(|_| Schedule::SequenceFused))
}

/// What `make` makes of the forced schedule; else of the preferred one, or where that is impossible, of Stepwise.
fn choose<P>(
    forced: Option<Schedule>,
    preferred: impl FnOnce() -> (Schedule, String),
    make: impl Fn(Schedule, String) -> Result<P>,
) -> Result<P> {
    match forced {
        Some(schedule) => make(schedule, "forced".into()).map_err(|error| match error {
            Error::Limit { .. } => Error::Schedule { schedule, reason: error.to_string() },
            other => other,
        }),
        None => {
            let (schedule, reason) = preferred();
            make(schedule, reason).or_else(|error| match schedule {
                Schedule::Stepwise => Err(error),
                _ => make(Schedule::Stepwise, error.to_string()),
            })
        }
    }
}

/// Fails where plans should be measured and cannot.
pub(crate) fn check_untuned(options: &Options) -> Result<()> {
    if options.tune {
        let reason = "only the forward runs of a layer are measured, and not in a browser";
        return Err(Error::Unsupported { what: "`tune` here".into(), reason: reason.into() });
    }
    Ok(())
}

/// Checks what has nothing to do with the device.
fn check_request(problem: &Problem, options: &Options) -> Result<()> {
    check_untuned(options)?;
    if let Some(rows) = options.rows.filter(|rows| !ROWS.contains(rows)) {
        return Err(Error::argument("rows", "1, 2, 4, 8 or 16", rows));
    }
    if let Some(split) = options.split.filter(|split| !Step::SPLITS.contains(split)) {
        return Err(Error::argument("split", "1, 8 or 32", split));
    }
    if options.chunk == Some(0) {
        return Err(Error::argument("chunk", "at least 1", 0));
    }
    Problem::new(problem.sizes, problem.seq_len, problem.batch, problem.batch_first)?;
    if problem.is_training && problem.weight_format != WeightFormat::F32 {
        let reason = "gradients are of weights in f32".into();
        let what = format!("training with weights in {}", problem.weight_format);
        return Err(Error::Unsupported { what, reason });
    }
    if problem.input == (InputKind::Tokens { vocabulary: 0 }) {
        return Err(Error::argument("vocabulary", "at least 1", 0));
    }
    Ok(())
}

/// Checks that a tick of a pool is what one can be.
fn check_pool(problem: &Problem, options: &Options) -> Result<()> {
    if !problem.is_pooled {
        return Ok(());
    }
    let is_tick = problem.seq_len == 1
        && problem.input == InputKind::Features
        && !problem.has_lengths
        && !problem.is_training;
    if !is_tick {
        return Err(Error::Unsupported {
            what: "a pool of anything but single time steps from x".into(),
            reason: "its kernel takes one step of the streams that take part".into(),
        });
    }
    match forced_schedule(options).filter(|schedule| *schedule != Schedule::Stepwise) {
        None => Ok(()),
        Some(schedule) => {
            let reason = "a tick of a pool is one time step of any of its streams".into();
            Err(Error::Schedule { schedule, reason })
        }
    }
}

/// Checks that a device can hold the packed weights of a stack.
pub(crate) fn check_weights(
    sizes: &LayerSizes,
    format: WeightFormat,
    caps: &DeviceCaps,
) -> Result<()> {
    let layout = WeightLayout::of(*sizes, format);
    // All layers above the first are of one size.
    for layer in 0..sizes.num_layers.min(2) {
        let bytes = layout.section(layer).1 * layout.word_bytes();
        caps.check_binding(&format!("the weights of layer {layer}"), bytes)?;
    }
    let limit = caps.max_buffer_size;
    check_limit("the buffer of all weights", layout.bytes(), "max_buffer_size", limit)
}
