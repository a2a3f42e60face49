//! Candidates for measuring: all that differ, none twice, and what is forced stays forced.

use wgpu_rnn::kernels::CellKernel;
use wgpu_rnn::{
    Cell, Direction, Error, LayerSizes, Options, Plan, Problem, Schedule, candidates, plan,
    plan_backward,
};

use crate::common::Random;
use crate::problems::{all_caps, large_gpu, lavapipe, options, pick, problem};

fn run(sizes: LayerSizes, seq_len: usize, batch: usize) -> Problem {
    Problem::new(sizes, seq_len, batch, false).unwrap()
}

fn plans(problem: &Problem, options: &Options) -> Vec<Plan> {
    let caps = large_gpu();
    let candidates = candidates(problem, &caps, options).unwrap();
    candidates.iter().map(|forced| plan(problem, &caps, forced).unwrap()).collect()
}

/// Nothing of what only some kernels have.
const PLAIN: Options = Options {
    schedule: None,
    rows: None,
    chunk: None,
    split: Some(1),
    resident: Some(false),
    tune: false,
};

/// The schedule, rows and chunk of each.
fn tiles(plans: &[Plan]) -> Vec<(Schedule, u32, usize)> {
    let mut tiles: Vec<_> =
        plans.iter().map(|plan| (plan.schedule, plan.rows, plan.chunk)).collect();
    tiles.sort_by_key(|(schedule, rows, chunk)| (schedule.to_string(), *rows, *chunk));
    tiles
}

#[test]
fn what_differs_is_there_once() {
    use Schedule::{SequenceFused, Stepwise, Wavefront};
    let one = run(LayerSizes::new(Cell::Lstm, 8, 64), 100, 1);
    let expected =
        [(SequenceFused, 1, 16), (SequenceFused, 1, 100), (Stepwise, 1, 16), (Stepwise, 1, 100)];
    assert_eq!(tiles(&plans(&one, &PLAIN)), expected);
    // Two rows fill no tile of four; a wavefront makes no x_proj, so that its chunks are all the same.
    let two = run(LayerSizes::new(Cell::Lstm, 8, 64).with_layers(2), 10, 2);
    let expected = [
        (SequenceFused, 1, 10),
        (SequenceFused, 2, 10),
        (Stepwise, 1, 10),
        (Stepwise, 2, 10),
        (Wavefront, 1, 11),
        (Wavefront, 2, 11),
    ];
    assert_eq!(tiles(&plans(&two, &PLAIN)), expected);
    // A bidirectional stack is no wavefront; a single step has no chunks.
    let step = run(two.sizes.with_direction(Direction::Bidirectional), 1, 1);
    assert_eq!(tiles(&plans(&step, &PLAIN)), [(SequenceFused, 1, 1), (Stepwise, 1, 1)]);
    // Beyond the kernels of SequenceFused.
    let large = run(LayerSizes::new(Cell::Lstm, 8, 2000), 10, 1);
    assert_eq!(tiles(&plans(&large, &PLAIN)), [(Stepwise, 1, 10)]);
}

/// Shared sums of single steps, and weights in registers.
#[test]
fn what_only_some_kernels_have_is_tried_where_there_is_any() {
    let one = run(LayerSizes::new(Cell::Lstm, 8, 64), 10, 1);
    let names = |caps| {
        let candidates = candidates(&one, &caps, &Options::default()).unwrap();
        let plans = candidates.iter().map(|forced| plan(&one, &caps, forced).unwrap());
        let mut names: Vec<_> = plans.map(|plan| plan.kernel().name()).collect();
        names.sort();
        names
    };
    let expected = [
        "sequence_lstm_r1_u64x1",
        "sequence_lstm_r1_u64x1s4",
        "step_lstm_hoisted_r1_u32x1s8",
        "step_lstm_hoisted_r1_u64x1",
        "step_lstm_hoisted_r1_u8x1s32",
    ];
    assert_eq!(names(large_gpu()), expected);
    let expected =
        ["sequence_lstm_r1_u16x4", "sequence_lstm_r1_u32x2s1", "step_lstm_hoisted_r1_u32x4"];
    assert_eq!(names(lavapipe()), expected);
}

#[test]
fn whatever_is_forced_stays_so_and_the_planners_choice_comes_first() {
    let mut random = Random::new(5);
    let mut most = 0;
    for caps in all_caps() {
        for kernel in CellKernel::all() {
            let problem = problem(&mut random, kernel);
            let schedule = pick(&mut random, &[None, None, Some(Schedule::Stepwise)]);
            let options = options(&mut random, schedule);
            let planned = match plan(&problem, &caps, &options) {
                Ok(plan) => plan,
                Err(_) => {
                    assert!(candidates(&problem, &caps, &options).is_err());
                    continue;
                }
            };
            let tuned = Options { tune: true, ..options };
            let candidates = candidates(&problem, &caps, &tuned).unwrap();
            assert_eq!(candidates[0], options);
            assert_eq!(plan(&problem, &caps, &candidates[0]).unwrap(), planned);
            for forced in &candidates {
                let plan = plan(&problem, &caps, forced).unwrap();
                assert!(!forced.tune);
                assert!(options.schedule.is_none_or(|schedule| plan.schedule == schedule));
                assert!(
                    options.rows.is_none_or(|rows| plan.rows == rows && forced.rows == Some(rows))
                );
                assert!(options.chunk.is_none_or(|chunk| plan.chunk <= chunk));
            }
            most = most.max(candidates.len());
        }
    }
    assert!((10..=200).contains(&most), "{most} candidates");
}

/// Numbers alone measure nothing.
#[test]
fn a_plan_without_a_layer_is_not_tuned() {
    let problem = run(LayerSizes::new(Cell::Lstm, 8, 64), 10, 1);
    let options = Options { tune: true, ..Default::default() };
    let forward = plan(&problem, &large_gpu(), &options).map(drop);
    let backward = plan_backward(&problem, &large_gpu(), &options).map(drop);
    for result in [forward, backward] {
        assert!(matches!(result, Err(Error::Unsupported { what, .. }) if what.contains("`tune`")));
    }
}
