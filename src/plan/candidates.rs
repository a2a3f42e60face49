//! The plans worth measuring: a pure function of numbers, like the planner.

use super::{Options, Plan, Schedule, plan};
use crate::caps::DeviceCaps;
use crate::error::{Error, Result};
use crate::kernels::Step;
use crate::kernels::recurrence::ROWS;
use crate::problem::Problem;

/// Time steps of a chunk, beside those that memory allows: an x_proj that a cache may hold.
const CHUNKS: [usize; 2] = [16, 128];

/// What to force, one after the other, to have each plan of a problem that differs from the others in more than its
/// reasons. What `options` force they all do; the first one leaves the rest to the planner.
///
/// ```
/// use wgpu_rnn::{Cell, DeviceCaps, LayerSizes, Options, Problem, candidates, plan};
///
/// let problem = Problem::new(LayerSizes::new(Cell::Lstm, 64, 64), 1000, 8, false)?;
/// let caps = DeviceCaps::webgpu_defaults();
/// for forced in candidates(&problem, &caps, &Options::default())? {
///     println!("{}", plan(&problem, &caps, &forced)?);
/// }
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
///
/// # Errors
/// Those of [`plan`] with the same options; whether they say `tune` makes no difference.
pub fn candidates(problem: &Problem, caps: &DeviceCaps, options: &Options) -> Result<Vec<Options>> {
    let options = Options { tune: false, ..*options };
    let planned = plan(problem, caps, &options)?;
    let mut chosen = vec![options];
    let mut seen = vec![effect(planned)];
    for forced in variations(&options, problem.batch, caps) {
        let effect = match plan(problem, caps, &forced) {
            Ok(plan) => effect(plan),
            Err(Error::Schedule { .. } | Error::Limit { .. }) => continue,
            Err(error) => return Err(error),
        };
        if !seen.contains(&effect) {
            chosen.push(forced);
            seen.push(effect);
        }
    }
    Ok(chosen)
}

/// All that can be forced, in all combinations, where it is not forced already.
fn variations(options: &Options, batch: usize, caps: &DeviceCaps) -> Vec<Options> {
    // On a CPU several invocations of one sum take turns.
    let splits: &[_] = if caps.is_software { &[] } else { &Step::SPLITS };
    let all = vec![*options];
    let all = vary(all, options.split, splits, |o, split| o.split = split);
    let all = vary(all, options.resident, &[false, true], |o, resident| o.resident = resident);
    let all = vary(all, options.schedule, &Schedule::ALL, |o, schedule| o.schedule = schedule);
    let rows: Vec<u32> = ROWS.into_iter().filter(|rows| (*rows as usize) < 2 * batch).collect();
    let all = vary(all, options.rows, &rows, |o, rows| o.rows = rows);
    vary(all, options.chunk, &CHUNKS, |o, chunk| o.chunk = chunk)
}

/// Each of `all` as it is and with each value of an option, unless the user forces that option.
fn vary<T: Copy>(
    all: Vec<Options>,
    forced: Option<T>,
    values: &[T],
    set: fn(&mut Options, Option<T>),
) -> Vec<Options> {
    if forced.is_some() {
        return all;
    }
    let with = |options: Options| {
        let values = std::iter::once(None).chain(values.iter().copied().map(Some));
        values.map(move |value| {
            let mut options = options;
            set(&mut options, value);
            options
        })
    };
    all.into_iter().flat_map(with).collect()
}

/// A plan without what makes no difference to a run.
fn effect(plan: Plan) -> Plan {
    let chunk = match plan.schedule {
        // A chunk is how far it counts before it begins anew; no x_proj is made.
        Schedule::Wavefront => 0,
        _ => plan.chunk,
    };
    Plan { chunk, reasons: Vec::new(), ..plan }
}
