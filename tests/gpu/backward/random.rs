//! Gradients of random configurations over all options at once, every schedule against the CPU reference.

use std::cell::Cell;

use wgpu_rnn::{AnyLayer, Error, Gpu, LayerConfig, Options, Schedule};

use super::schedules_of;
use crate::common::compare::{F32_CHOSEN, F32_GRADIENTS};
use crate::common::gradients::{Named, Run, verdict};
use crate::common::trials::GpuTest;
use crate::random::{CASES, Configuration, search};

pub fn tests() -> Vec<GpuTest> {
    vec![GpuTest::new("backward::random_gradients", |gpu| {
        let [all, waves, unbounded, excused] = [const { Cell::new(0) }; 4];
        let count = |cell: &Cell<u32>| cell.set(cell.get() + 1);
        search("random_gradients", Configuration::is_bounded, |configuration| {
            count(&all);
            match check(configuration, gpu)? {
                Verdict::Right { is_wave: true } => count(&waves),
                Verdict::Right { is_wave: false } => {}
                Verdict::Unbounded => count(&unbounded),
                Verdict::Excused => count(&excused),
            }
            Ok(())
        })?;
        let [all, waves, unbounded, excused] =
            [all, waves, unbounded, excused].map(Cell::into_inner);
        for (some, why) in [(unbounded, "are without bounds"), (excused, "jump")] {
            if some * 8 > all {
                return Err(format!("gradients of {some} of {all} configurations {why}"));
            }
        }
        if all >= CASES && waves * 16 < all {
            return Err(format!("only {waves} of {all} configurations are wavefronts"));
        }
        Ok(())
    })]
}

enum Verdict {
    /// On all schedules, or also as a wavefront.
    Right { is_wave: bool },
    /// Gradients that double from step to step, and with them what f32 rounds off.
    Unbounded,
    /// Wrong, but so close to a kink that it may be.
    Excused,
}

fn run_of(configuration: &Configuration) -> Run {
    let seed = configuration.size("seed") as u64;
    let run = Run::new(seed + 3, &configuration.case());
    match seed % 3 {
        0 => run.but(|run| (run.d_h_n, run.d_c_n) = (None, None)),
        _ => run,
    }
}

fn check(configuration: &Configuration, gpu: &Gpu) -> Result<Verdict, String> {
    let (case, run) = (configuration.case(), run_of(configuration));
    let expected = run.gradients();
    if expected.values().flatten().any(|value| value.abs() > 1e3) {
        return Ok(Verdict::Unbounded);
    }
    let (rows, chunk) = (configuration.number("rows"), configuration.number("chunk"));
    let (mut is_wave, mut problems) = (false, Vec::new());
    for schedule in schedules_of(&run) {
        let options = Options { chunk, ..Default::default() };
        // A wavefront has all steps in one chunk.
        let chunk = chunk.filter(|_| schedule != Schedule::Wavefront);
        let backward = Options { schedule: Some(schedule), rows, chunk, ..Default::default() };
        let config = LayerConfig { batch_first: case.batch_first, options, backward };
        let of_gpu = || -> wgpu_rnn::Result<Named> {
            let layer = AnyLayer::new(gpu, &run.weights, config)?;
            run.back(&run.tape(&layer, config)?, config)
        };
        let given = match of_gpu() {
            // Sixteen rows of words can be more than workgroup memory holds.
            Err(Error::Schedule { .. }) if rows == Some(16) => continue,
            given => given.map_err(|error| format!("{schedule}: {error}"))?,
        };
        is_wave |= schedule == Schedule::Wavefront;
        if let Err(problem) = verdict(&given, &expected, allowed(&run)) {
            problems.push(format!("{schedule}: {problem}"));
        }
    }
    match problems[..] {
        [] => Ok(Verdict::Right { is_wave }),
        _ if is_steady(&run, &expected) => Err(problems.join("; ")),
        _ => Ok(Verdict::Excused),
    }
}

fn allowed(run: &Run) -> f64 {
    let is_chosen = run.weights.options().activations.iter().any(Option::is_some);
    if is_chosen { F32_GRADIENTS + F32_CHOSEN } else { F32_GRADIENTS }
}

/// How far everything is nudged, relatively: some times what f32 rounds off on the way to a pre-activation.
const NUDGE: f32 = 2e-6;

/// Whether gradients stay what they are when all that goes in is nudged. They jump where a value is at a kink (relu at
/// 0, a clip at its bound) closer than f32 can tell, and there either side is right. A nudge one way and the same one
/// back take a value that is that close to both sides, unless it is of the few that they hardly move.
fn is_steady(run: &Run, expected: &Named) -> bool {
    (0..4).all(|seed| {
        [NUDGE, -NUDGE].into_iter().all(|by| {
            let nudged = run.nudged(seed, by).gradients();
            verdict(&nudged, expected, allowed(run) / 2.0).is_ok()
        })
    })
}
