//! Plans of backward passes, and the walk through their programs.

use wgpu_rnn::kernels::CellKernel;
use wgpu_rnn::ndarray::Array2;
use wgpu_rnn::run::{Wanted, tensors_of};
use wgpu_rnn::{
    BackwardMemory, Cell, DeviceCaps, Direction, Error, Flavour, InputKind, LayerSizes, Options,
    Problem, Schedule, WeightTensor, Weights, plan_backward,
};

use crate::backward::Backward;
use crate::common::Random;
use crate::problems::{all_caps, large_gpu, lavapipe, pick, problem, trainable};

/// Chunks of all layers; more only take longer.
const MOST_CHUNKS: usize = 400;

/// The tensors of weights of some sizes, without the weights, which would take gigabytes.
pub fn tensors(random: &mut Random, problem: &Problem) -> Vec<WeightTensor> {
    let sizes = problem.sizes;
    let proj_size = sizes.proj_size.min(1);
    let tiny = LayerSizes::new(sizes.cell, 1, 2)
        .with_layers(sizes.num_layers)
        .with_direction(sizes.direction)
        .with_proj_size(proj_size);
    let [has_bias, has_peepholes] = [(); 2].map(|()| pick(random, &[false, true, true]));
    let has_peepholes = has_peepholes && sizes.cell.has_c() && problem.flavour == Flavour::Chosen;
    let weights = Random::new(1).weights_of(tiny);
    let layer = |layer| {
        let direction = |direction| {
            let own = weights.layer(layer, direction).unwrap().clone();
            let own = if has_bias { own } else { own.with_bias(None, None) };
            if has_peepholes { own.with_peepholes(Array2::zeros((3, 2))) } else { own }
        };
        (0..sizes.num_directions()).map(direction).collect()
    };
    let layers = (0..sizes.num_layers).map(layer).collect();
    let weights = Weights::new(sizes.cell, layers).unwrap();
    let mut tensors = tensors_of(&weights);
    let mut offset = 0;
    let rows = sizes.cell.num_gates() * sizes.hidden_size;
    for tensor in &mut tensors {
        let kind = tensor.name.rsplit_once("_l").unwrap().0;
        tensor.shape = match kind {
            "weight_ih" => vec![rows, sizes.layer_input_size(tensor.layer)],
            "weight_hh" => vec![rows, sizes.recurrent_size()],
            "weight_hr" => vec![sizes.proj_size, sizes.hidden_size],
            "peepholes" => vec![3, sizes.hidden_size],
            _ => vec![rows],
        };
        tensor.offset = offset;
        offset += tensor.num_elements();
    }
    tensors
}

#[test]
fn backward_programs_go_back_through_every_step_inside_their_buffers() {
    let mut random = Random::new(4);
    let mut walked = [0; 2];
    let few_loops = DeviceCaps { max_loop_iterations: 12_000, ..lavapipe() };
    for caps in all_caps().into_iter().chain([few_loops]) {
        for _ in 0..12 {
            for kernel in CellKernel::all() {
                let problem = trainable(problem(&mut random, kernel));
                for schedule in [Some(Schedule::Stepwise), Some(Schedule::SequenceFused), None] {
                    let options = Options {
                        schedule,
                        rows: pick(&mut random, &[None, None, Some(1), Some(2), Some(8), Some(16)]),
                        chunk: pick(&mut random, &[None, Some(1), Some(3), Some(16), Some(100)]),
                        ..Default::default()
                    };
                    let plan = match plan_backward(&problem, &caps, &options) {
                        Ok(plan) => plan,
                        Err(Error::Schedule { .. }) if schedule.is_some() => continue,
                        Err(Error::Limit { .. }) => continue,
                        Err(error) => panic!("{problem:?} {options:?}: {error}"),
                    };
                    let chunks = problem.seq_len.div_ceil(plan.chunk) * problem.sizes.num_layers;
                    let is_sequence = plan.schedule == Schedule::SequenceFused;
                    if plan.schedule == Schedule::Wavefront {
                        continue; // backward_wave.rs
                    }
                    if chunks > MOST_CHUNKS || (is_sequence && plan.dispatches > 2000) {
                        continue;
                    }
                    let tensors = tensors(&mut random, &problem);
                    let bytes = 4 * tensors.iter().map(|t| t.num_elements() as u64).sum::<u64>();
                    // A plan does not know whether these are wanted, nor that one binding has to show them all.
                    let is_bindable = bytes <= caps.max_storage_buffer_binding_size;
                    let wanted = Wanted {
                        d_x: pick(&mut random, &[false, true]),
                        d_weights: is_bindable && pick(&mut random, &[false, true, true]),
                        accumulate: pick(&mut random, &[false, true]),
                    };
                    walked[usize::from(is_sequence)] += 1;
                    Backward::new(&plan, &caps, wanted, &tensors).all();
                }
            }
        }
    }
    assert!(walked.iter().all(|n| *n > 300), "programs of each schedule: {walked:?}");
}

/// More of one thing than any kernel's loops or grid can take at once.
#[test]
fn extreme_backward_programs_stay_inside_the_limits_too() {
    let lstm = |input, hidden| LayerSizes::new(Cell::Lstm, input, hidden);
    let gru = |input, hidden| LayerSizes::new(Cell::Gru { reset_after: false }, input, hidden);
    let rnn = |input, hidden| LayerSizes::new(Cell::Rnn, input, hidden);
    let cases = [
        ("steps", lstm(1, 2), 200_000, 1),
        ("steps of few units", gru(2, 3), 100_000, 2),
        ("rows", lstm(1, 2), 2, 100_000),
        ("rows of a GRU", gru(1, 2), 2, 100_000),
        ("features", rnn(1 << 21, 2), 2, 1),
        ("features of an LSTM", lstm(3 << 20, 2), 2, 1),
        ("units", rnn(1, 5000), 2, 1),
        ("units, whose products loop less than a step of 16 rows", rnn(1, 2000), 2, 16),
    ];
    let few_loops = DeviceCaps { max_loop_iterations: 30_000, ..lavapipe() };
    let mut random = Random::new(5);
    for (name, sizes, seq_len, batch) in cases {
        for caps in all_caps().into_iter().chain([few_loops.clone()]) {
            let problem = Problem::new(sizes, seq_len, batch, false).unwrap();
            let forced = [Schedule::Stepwise, Schedule::SequenceFused]
                .map(|schedule| [None, Some(16)].map(|rows| (Some(schedule), rows)));
            for (schedule, rows) in forced.into_iter().flatten() {
                let options = Options { schedule, rows, ..Default::default() };
                match plan_backward(&problem, &caps, &options) {
                    Ok(plan) => {
                        let tensors = tensors(&mut random, &problem);
                        let wanted = Wanted { d_x: true, d_weights: true, accumulate: false };
                        Backward::new(&plan, &caps, wanted, &tensors).all();
                    }
                    Err(Error::Schedule { .. }) => {}
                    Err(other) => panic!("{name}: {other}"),
                }
            }
        }
    }
}

fn lstm(hidden_size: usize) -> LayerSizes {
    LayerSizes::new(Cell::Lstm, 8, hidden_size)
}

#[test]
fn standing_shapes_have_the_backward_plans_that_are_expected() {
    use Schedule::{SequenceFused, Stepwise};
    let default = DeviceCaps::webgpu_defaults();
    let both = lstm(64).with_layers(3).with_direction(Direction::Bidirectional);
    let gru = LayerSizes::new(Cell::Gru { reset_after: false }, 8, 512);
    let rnn = LayerSizes::new(Cell::Rnn, 8, 30);
    let cases = [
        // A GPU has idle workgroups enough for a row each; the batch of 2000 has rows for all of them.
        (lstm(64), 1000, 1, None, &default, SequenceFused, 1, 1000, 1),
        (lstm(64), 1000, 1, Some(100), &default, SequenceFused, 1, 100, 10),
        (lstm(64), 100, 2000, Some(10), &default, SequenceFused, 8, 10, 10),
        (lstm(1024), 100, 1, None, &default, Stepwise, 1, 100, 101),
        (lstm(64), 1, 1, None, &default, Stepwise, 1, 1, 2),
        // Three layers, two phases of which the last tick is one more.
        (both, 50, 4, Some(20), &default, SequenceFused, 1, 20, 9),
        (gru, 50, 4, Some(20), &default, Stepwise, 1, 20, 106),
        (rnn, 50, 4, None, &lavapipe(), SequenceFused, 2, 50, 1),
    ];
    for (sizes, seq_len, batch, chunk, caps, schedule, rows, chunks_of, dispatches) in cases {
        let problem = Problem::new(sizes, seq_len, batch, false).unwrap();
        let plan = plan_backward(&problem, caps, &Options { chunk, ..Default::default() }).unwrap();
        let given = (plan.schedule, plan.rows, plan.chunk, plan.dispatches);
        assert_eq!(given, (schedule, rows, chunks_of, dispatches), "{plan}");
    }
}

/// What is not merely bounded.
fn parts(memory: &BackwardMemory) -> [(&'static str, u64); 6] {
    [
        ("reserve_bytes", memory.reserve_bytes),
        ("gates_bytes", memory.gates_bytes),
        ("carry_bytes", memory.carry_bytes),
        ("weights_t_bytes", memory.weights_t_bytes),
        ("d_between_bytes", memory.d_between_bytes),
        ("d_packed_bytes", memory.d_packed_bytes),
    ]
}

#[test]
fn checkpoints_whose_parameters_fit_nowhere_are_refused() {
    let problem = Problem::new(lstm(8), 1_000_000, 1, false).unwrap();
    let plan = |chunk| {
        let options = Options { chunk: Some(chunk), ..Default::default() };
        plan_backward(&problem, &DeviceCaps::webgpu_defaults(), &options)
    };
    assert!(plan(1000).is_ok());
    let Err(Error::Limit { what, needed, available, .. }) = plan(1) else {
        panic!("{:?}", plan(1))
    };
    assert!(what.contains("parameters") && needed > available, "{what}: {needed} of {available}");
}

/// Drivers kill what runs for seconds.
#[test]
fn no_dispatch_is_a_million_steps_long() {
    let problem = Problem::new(lstm(8), 1_000_000, 1, false).unwrap();
    let options = Options::default();
    let plan = plan_backward(&problem, &DeviceCaps::webgpu_defaults(), &options).unwrap();
    assert!(plan.chunk <= 1 << 16, "{plan}");
}

#[test]
fn backward_memory_is_what_can_be_counted_by_hand() {
    // T=10 B=2 H=5 L=3 both ways, in chunks of 4: three chunks; rows of y have 10 elements, B·D = 4.
    let sizes = lstm(5).with_layers(3).with_direction(Direction::Bidirectional);
    let problem = Problem::new(sizes, 10, 2, false).unwrap();
    let options = Options { chunk: Some(4), ..Default::default() };
    let plan = plan_backward(&problem, &DeviceCaps::webgpu_defaults(), &options).unwrap();
    // Four states of 3·4·5, c at three edges, c of four steps: 4·60 + 3·20 + 4·20.
    let carry = 240 + 60 + 80;
    // A direction is a bias row, 12 rows of w_ih, 8 of w_hh, a row of peepholes, of 5 words; both to whole 256 bytes.
    let section: u64 = 2 * (1 + 12 + 8 + 1) * 5 * 16;
    let expected = [
        ("reserve_bytes", 2 * 1024), // two sequences of 800 bytes
        ("gates_bytes", 4 * 4 * 5 * 16),
        ("carry_bytes", 4 * carry),
        ("weights_t_bytes", 2 * (5 * 5 + 5) * 16),
        ("d_between_bytes", 2 * 800),
        ("d_packed_bytes", section.next_multiple_of(256)),
    ];
    assert_eq!(parts(&plan.memory()), expected);
    // An RNN has no c, and one layer nothing between.
    let problem = Problem::new(LayerSizes::new(Cell::Rnn, 3, 6), 10, 2, false).unwrap();
    let plan = plan_backward(&problem, &DeviceCaps::webgpu_defaults(), &options).unwrap();
    let expected = [
        ("reserve_bytes", 0),
        ("gates_bytes", 4 * 2 * 8 * 4),
        ("carry_bytes", 4 * 2 * 12), // h and h0
        ("weights_t_bytes", (6 * 8 + 8) * 4),
        ("d_between_bytes", 0),
        ("d_packed_bytes", (4 * 8 * (1 + 4 + 8_u64)).next_multiple_of(256)),
    ];
    assert_eq!(parts(&plan.memory()), expected);
}

#[test]
fn a_backward_plan_tells_about_itself() {
    let problem = Problem::new(lstm(64), 1000, 1, false).unwrap();
    let options = Options { chunk: Some(100), ..Default::default() };
    let text =
        plan_backward(&problem, &DeviceCaps::webgpu_defaults(), &options).unwrap().to_string();
    let expected = "\
backward of LSTM T=1000 B=1 I=8 H=64 L=1
  schedule  sequence-fused: hidden_size 64 is small: a launch would take longer than a step
  kernel    sequence_backward_lstm_r1_u64x1, 10 dispatches
            a load of weights serves 1 of 1 rows, 1 workgroups
            10 chunks of 100 steps, gates 100 KiB each
  memory    kept by forward 0 B, gates 100 KiB, states and c 28 KiB, weights transposed 65 KiB, \
between layers 0 B, gradients of a layer's weights 74 KiB, parameters up to 118 KiB";
    assert_eq!(text, expected);
}

#[test]
fn backward_requests_that_make_no_sense_are_refused() {
    let default = DeviceCaps::webgpu_defaults();
    let problem = Problem::new(lstm(64), 10, 4, false).unwrap();
    let refused = |problem: &Problem, caps: &DeviceCaps, options: Options| {
        plan_backward(problem, caps, &options).unwrap_err()
    };
    let options = |rows, chunk| Options { rows, chunk, ..Default::default() };
    for (name, options) in [("chunk", options(None, Some(0))), ("rows", options(Some(3), None))] {
        let error = refused(&problem, &default, options);
        assert!(matches!(&error, Error::Argument { argument, .. } if argument == name), "{error}");
    }
    for input in [InputKind::Projected, InputKind::Tokens { vocabulary: 10 }] {
        let error = refused(&Problem { input, ..problem }, &default, Options::default());
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
    let no_weights = DeviceCaps { max_storage_buffer_binding_size: 1 << 14, ..default.clone() };
    let no_loops = DeviceCaps { max_loop_iterations: 10, ..default.clone() };
    let no_grid = DeviceCaps { max_compute_workgroups_per_dimension: 1, ..default.clone() };
    let wide = Problem::new(lstm(300), 10, 400, false).unwrap();
    let cases = [
        (problem, no_weights, "max_storage_buffer_binding_size"),
        (problem, no_loops, "max_loop_iterations"),
        (wide, no_grid, "max_compute_workgroups_per_dimension"),
    ];
    for (problem, caps, name) in cases {
        match refused(&problem, &caps, Options::default()) {
            Error::Limit { limit, .. } => assert!(limit.starts_with(name), "{limit}"),
            other => panic!("{name}: {other}"),
        }
    }
    let few = DeviceCaps { max_compute_invocations_per_workgroup: 32, ..default.clone() };
    let cases = [
        (Schedule::Wavefront, problem, &default, "num_layers is 1"),
        (Schedule::SequenceFused, problem, &few, "max_compute_invocations_per_workgroup"),
        (Schedule::SequenceFused, Problem { sizes: lstm(1025), ..problem }, &default, "up to 1024"),
    ];
    for (schedule, problem, caps, words) in cases {
        let options = Options { schedule: Some(schedule), ..Default::default() };
        match refused(&problem, caps, options) {
            Error::Schedule { schedule: named, reason } => {
                assert_eq!(named, schedule);
                assert!(reason.contains(words), "{words}: {reason}");
            }
            other => panic!("{schedule}: {other}"),
        }
    }
    // What is not forced falls back to a schedule that can.
    let large = Problem { sizes: lstm(1025), ..problem };
    let plan = plan_backward(&large, &large_gpu(), &Options::default()).unwrap();
    assert_eq!(plan.schedule, Schedule::Stepwise);
}
