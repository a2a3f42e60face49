//! Plans and programs without a device: inside the limits, complete, in order, and no surprise for absurd numbers.

mod backward;
mod backward_plans;
mod backward_wave;
mod candidates;
#[path = "../common/mod.rs"]
mod common;
mod estimate;
mod gradients;
mod memory;
mod problems;
mod regions;
mod steps;
mod walk;
mod wave;
mod work;

use common::Random;
use problems::{all_caps, forward_options, lavapipe, pick, problem};
use walk::Check;
use wgpu_rnn::kernels::{CellKernel, Kernel};
use wgpu_rnn::{
    Cell, DeviceCaps, Direction, Error, InputKind, LayerSizes, Options, Problem, Schedule,
    WeightFormat, plan, plan_backward,
};

#[test]
fn plans_stay_inside_the_limits_and_programs_are_complete() {
    let mut random = Random::new(1);
    let mut planned = [0; 3];
    for caps in all_caps() {
        for _ in 0..20 {
            for kernel in CellKernel::all() {
                let problem = problem(&mut random, kernel);
                let forced = Schedule::ALL.map(Some);
                for schedule in forced.into_iter().chain([None]) {
                    let options = forward_options(&mut random, schedule);
                    let plan = match plan(&problem, &caps, &options) {
                        Ok(plan) => plan,
                        Err(Error::Schedule { .. }) if is_forced(&options) => continue,
                        Err(Error::Limit { .. }) => continue,
                        Err(error) => panic!("{problem:?} {options:?}: {error}"),
                    };
                    let index = Schedule::ALL.iter().position(|s| *s == plan.schedule);
                    planned[index.unwrap()] += 1;
                    let phase = pick(&mut random, &[0, 1]);
                    Check::new(&plan, &caps, phase).all();
                }
            }
        }
    }
    assert!(planned.iter().all(|n| *n > 30), "plans of each schedule: {planned:?}");
}

/// A tick of a pool: one step of any of its slots, from x.
#[test]
fn a_pool_takes_single_steps_from_x() {
    let mut random = Random::new(4);
    let no_options = Options::default();
    for caps in all_caps() {
        for kernel in CellKernel::all().filter(|kernel| !kernel.has_lengths) {
            let drawn = problem(&mut random, kernel);
            let (input, is_training) = (InputKind::Features, false);
            let tick = Problem {
                seq_len: 1,
                input,
                is_training,
                is_pooled: true,
                has_lengths: false,
                ..drawn
            };
            match plan(&tick, &caps, &no_options) {
                Ok(plan) => Check::new(&plan, &caps, 0).all(),
                Err(error) => assert!(matches!(error, Error::Limit { .. }), "{error}"),
            }
            let others = [
                Problem { seq_len: 2, ..tick },
                Problem { has_lengths: true, ..tick },
                Problem { is_training: true, ..tick },
                Problem { input: InputKind::Projected, ..tick },
            ];
            for other in others {
                let refused = plan(&other, &caps, &no_options);
                assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
            }
            for schedule in [Schedule::SequenceFused, Schedule::Wavefront] {
                let options = Options { schedule: Some(schedule), ..no_options };
                let refused = plan(&tick, &caps, &options);
                let is_named =
                    matches!(refused, Err(Error::Schedule { schedule: s, .. }) if s == schedule);
                assert!(is_named, "{refused:?}");
            }
            let resident = plan(&tick, &caps, &Options { resident: Some(true), ..no_options });
            assert!(matches!(resident, Err(Error::Schedule { .. })), "{resident:?}");
            let backward = plan_backward(&tick, &caps, &no_options);
            assert!(matches!(backward, Err(Error::Unsupported { .. })), "{backward:?}");
        }
    }
}

/// Whether a schedule is asked for, by its name or by what only some kernels have.
fn is_forced(options: &Options) -> bool {
    options.schedule.is_some() || options.split.is_some() || options.resident == Some(true)
}

fn lstm(hidden_size: usize, layers: usize) -> LayerSizes {
    LayerSizes::new(Cell::Lstm, 8, hidden_size).with_layers(layers)
}

fn run(sizes: LayerSizes) -> Problem {
    Problem::new(sizes, 10, 4, false).unwrap()
}

#[test]
fn impossible_schedules_name_the_reason() {
    use Schedule::{SequenceFused, Stepwise, Wavefront};
    let default = DeviceCaps::webgpu_defaults();
    let few = DeviceCaps { max_compute_invocations_per_workgroup: 32, ..default.clone() };
    let loops = DeviceCaps { max_loop_iterations: 50, ..default.clone() };
    let grid = DeviceCaps { max_compute_workgroups_per_dimension: 1, ..default.clone() };
    let both = lstm(8, 2).with_direction(Direction::Bidirectional);
    let backward = lstm(8, 2).with_direction(Direction::Reverse);
    let reset = LayerSizes::new(Cell::Gru { reset_after: false }, 8, 8).with_layers(2);
    let cases = [
        (Wavefront, lstm(8, 1), None, &default, "num_layers"),
        (Wavefront, both, None, &default, "bidirectional"),
        (Wavefront, backward, None, &default, "run forward"),
        (Wavefront, lstm(8, 2).with_proj_size(3), None, &default, "projection"),
        (Wavefront, reset, None, &default, "reset before"),
        (
            Wavefront,
            lstm(8, 17),
            None,
            &default,
            "num_layers is 17, this crate has kernels for up to 16",
        ),
        (Wavefront, lstm(1024, 5), None, &default, "max_storage_buffer_binding_size"),
        (
            SequenceFused,
            lstm(1025, 1),
            None,
            &default,
            "hidden_size is 1025, this crate has kernels for up to 1024",
        ),
        (SequenceFused, lstm(1024, 1), Some(16), &default, "max_compute_workgroup_storage_size"),
        (SequenceFused, lstm(64, 1), None, &few, "max_compute_invocations_per_workgroup"),
        (SequenceFused, lstm(64, 1), None, &loops, "max_loop_iterations"),
        (Stepwise, lstm(64, 1), None, &loops, "max_loop_iterations"),
        (Stepwise, lstm(65, 1), None, &grid, "max_compute_workgroups_per_dimension"),
    ];
    for (schedule, sizes, rows, caps, words) in cases {
        let options = Options { schedule: Some(schedule), rows, ..Default::default() };
        match plan(&run(sizes), caps, &options) {
            Err(Error::Schedule { schedule: named, reason }) => {
                assert_eq!(named, schedule);
                assert!(reason.contains(words), "{words}: {reason}");
            }
            other => panic!("{schedule} {words}: {other:?}"),
        }
    }
}

#[test]
fn few_sums_are_shared_where_the_device_is_large() {
    let split = |caps: &DeviceCaps, h, batch, options: Options| {
        let problem = Problem::new(lstm(h, 1), 300, batch, false).unwrap();
        let plan = plan(&problem, caps, &options).unwrap();
        let Kernel::Step(step) = plan.kernel() else { panic!("{plan}") };
        (step.rows, step.split)
    };
    let stepwise = Options { schedule: Some(Schedule::Stepwise), ..Default::default() };
    let gpu = DeviceCaps::webgpu_defaults();
    assert_eq!(split(&gpu, 512, 1, stepwise), (1, 32));
    assert_eq!(split(&gpu, 768, 16, stepwise), (4, 32));
    assert_eq!(split(&gpu, 1024, 64, stepwise), (8, 1));
    assert_eq!(split(&gpu, 16, 1, stepwise), (1, 1), "too few quads to share");
    assert_eq!(split(&lavapipe(), 512, 1, stepwise), (1, 1));
    let forced = Options { split: Some(8), ..stepwise };
    assert_eq!(split(&lavapipe(), 512, 1, forced), (1, 8));
}

#[test]
fn small_weights_stay_in_registers_where_there_are_any() {
    let is_resident = |caps: &DeviceCaps, h, format, options: Options| {
        let problem = Problem { weight_format: format, ..run(lstm(h, 1)) };
        let plan = plan(&problem, caps, &options).unwrap();
        matches!(plan.kernel(), Kernel::Sequence(kernel) if kernel.is_resident)
    };
    let (planned, large) = (Options::default(), problems::large_gpu());
    let resident = |resident| Options { resident: Some(resident), ..planned };
    use WeightFormat::{F16, F32, Int8};
    assert!(is_resident(&DeviceCaps::webgpu_defaults(), 64, F32, planned));
    assert!(!is_resident(&DeviceCaps::webgpu_defaults(), 65, F32, planned));
    assert!(is_resident(&large, 128, F32, planned));
    assert!(is_resident(&DeviceCaps::webgpu_defaults(), 128, Int8, planned));
    assert!(is_resident(&large, 128, F16, planned) && is_resident(&large, 256, Int8, planned));
    assert!(!is_resident(&large, 64, F32, resident(false)));
    assert!(!is_resident(&large, 64, F32, Options { rows: Some(8), ..planned }));
    assert!(!is_resident(&lavapipe(), 64, F32, planned), "few steps");
    assert!(is_resident(&lavapipe(), 64, F32, resident(true)));
    let long = Problem::new(lstm(64, 1), 64, 4, false).unwrap();
    let kept = plan(&long, &lavapipe(), &planned).unwrap();
    assert!(
        matches!(kept.kernel(), Kernel::Sequence(kernel) if kernel.is_resident && kernel.split == 1)
    );
}

#[test]
fn options_that_a_kernel_has_not_got_are_refused() {
    let options = Options::default();
    let shared = Options { split: Some(8), ..options };
    let kept = Options { resident: Some(true), ..options };
    let fused = Some(Schedule::SequenceFused);
    let cases = [
        (Options { schedule: fused, ..shared }, 64, "single steps"),
        (Options { schedule: Some(Schedule::Stepwise), ..kept }, 64, "dispatches of steps"),
        (Options { schedule: fused, ..kept }, 300, "registers"),
        (Options { schedule: fused, rows: Some(8), ..kept }, 64, "up to 4 rows"),
        (Options { schedule: Some(Schedule::Stepwise), rows: Some(16), ..shared }, 64, "up to 8"),
    ];
    for (options, h, words) in cases {
        match plan(&run(lstm(h, 1)), &problems::large_gpu(), &options) {
            Err(Error::Schedule { reason, .. }) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    let problem = run(lstm(64, 1));
    for (options, name) in [(shared, "split"), (kept, "resident")] {
        match plan_backward(&problem, &lavapipe(), &options) {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let seven = Options { split: Some(7), ..options };
    match plan(&problem, &lavapipe(), &seven) {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, "split"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn huge_problems_name_the_limit() {
    let caps = DeviceCaps::webgpu_defaults();
    let cases = [
        (lstm(1 << 13, 1), 1, 1, "max_storage_buffer_binding_size", "weights"),
        (lstm(1024, 9), 1, 1, "max_buffer_size", "weights"),
        (lstm(8, 1), 1 << 23, 1, "max_storage_buffer_binding_size", "x"),
        (lstm(64, 1), 1 << 20, 1, "max_storage_buffer_binding_size", "y"),
        (lstm(8, 1), 1, 1 << 20, "max_compute_workgroups_per_dimension", "grid"),
        (lstm(16, 3), 1, 1 << 20, "max_storage_buffer_binding_size", "h and c"),
    ];
    for (sizes, seq_len, batch, name, words) in cases {
        let problem = Problem::new(sizes, seq_len, batch, false).unwrap();
        // One row to a workgroup makes the largest grid.
        match plan(&problem, &caps, &Options { rows: Some(1), ..Default::default() }) {
            Err(Error::Limit { limit, what, needed, available }) => {
                assert_eq!(limit, name, "{what}");
                assert!(what.contains(words) && needed > available, "{words}: {what}");
            }
            other => panic!("{name} {words}: {other:?}"),
        }
    }
}

#[test]
fn absurd_numbers_give_errors_not_panics() {
    const NUMBERS: [usize; 8] =
        [0, 1, 255, 1 << 16, u32::MAX as usize, 1 << 40, usize::MAX / 2, usize::MAX];
    let nothing = DeviceCaps {
        max_storage_buffer_binding_size: 0,
        max_buffer_size: 0,
        max_storage_buffers_per_shader_stage: 0,
        max_compute_workgroup_storage_size: 0,
        max_compute_invocations_per_workgroup: 0,
        max_compute_workgroups_per_dimension: 0,
        min_storage_buffer_offset_alignment: 1,
        max_loop_iterations: 0,
        is_software: true,
    };
    let everything = DeviceCaps {
        max_storage_buffer_binding_size: u64::MAX,
        max_buffer_size: u64::MAX,
        max_compute_workgroup_storage_size: u32::MAX,
        max_compute_invocations_per_workgroup: u32::MAX,
        max_compute_workgroups_per_dimension: u32::MAX,
        ..DeviceCaps::webgpu_defaults()
    };
    let mut random = Random::new(2);
    for _ in 0..20_000 {
        let [i, h, l, t, b] = [(); 5].map(|()| pick(&mut random, &NUMBERS));
        let kernels: Vec<CellKernel> = CellKernel::all().collect();
        let CellKernel { cell, flavour, has_lengths, .. } = pick(&mut random, &kernels);
        let directions = [Direction::Forward, Direction::Bidirectional];
        let sizes = LayerSizes::new(cell, i, h)
            .with_layers(l)
            .with_direction(pick(&mut random, &directions));
        let valid = Problem::new(lstm(1, 1), 1, 1, false).unwrap();
        // The fields are public, so a plan has to look for itself.
        let vocabulary = pick(&mut random, &NUMBERS);
        let inputs = [InputKind::Features, InputKind::Tokens { vocabulary }];
        let input = pick(&mut random, &inputs);
        let problem = Problem { sizes, seq_len: t, batch: b, has_lengths, flavour, input, ..valid };
        let narrow = DeviceCaps { max_compute_invocations_per_workgroup: 16, ..everything.clone() };
        let caps = pick(&mut random, &[nothing.clone(), everything.clone(), lavapipe(), narrow]);
        let schedules = [None, None, Some(Schedule::ALL[0]), Some(Schedule::ALL[1])];
        let options = Options {
            schedule: pick(&mut random, &schedules),
            rows: pick(&mut random, &[None, Some(0), Some(16), Some(u32::MAX)]),
            chunk: pick(&mut random, &[None, Some(0), Some(1), Some(usize::MAX)]),
            split: pick(&mut random, &[None, Some(0), Some(8), Some(32)]),
            resident: pick(&mut random, &[None, Some(true)]),
            ..Default::default()
        };
        let _ = Problem::new(sizes, t, b, true);
        let forward = plan(&problem, &caps, &options).map(|plan| plan.to_string());
        let backward = plan_backward(&problem, &caps, &options).map(|plan| plan.to_string());
        for text in [forward, backward] {
            match text {
                Ok(text) => assert!(!text.is_empty()),
                Err(
                    Error::Argument { .. }
                    | Error::Overflow { .. }
                    | Error::Limit { .. }
                    | Error::Schedule { .. }
                    | Error::Unsupported { .. },
                ) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_plan_tells_its_schedule_and_reasons() {
    let mut random = Random::new(3);
    for kernel in CellKernel::all() {
        let problem = problem(&mut random, kernel);
        let Ok(plan) = plan(&problem, &lavapipe(), &Options::default()) else { continue };
        let text = plan.to_string();
        assert!(text.contains(&plan.schedule.to_string()), "{text}");
        assert!(text.contains(&problem.sizes.cell.to_string()), "{text}");
        assert!(plan.reasons.len() >= 2 && plan.reasons.iter().all(|why| text.contains(why)));
    }
}
