//! Plans of wavefronts that go back through time: when, when not, and what they take.

use wgpu_rnn::kernels::{CellKernel, Phases};
use wgpu_rnn::run::Wanted;
use wgpu_rnn::{
    Cell, DeviceCaps, Direction, Error, InputKind, LayerSizes, Options, Problem, Schedule, plan,
    plan_backward,
};

use crate::backward_plans::tensors;
use crate::common::Random;
use crate::problems::{all_caps, pick, problem, trainable};
use crate::wave::Wave;

fn sizes(cell: Cell, hidden_size: usize, layers: usize) -> LayerSizes {
    LayerSizes::new(cell, 8, hidden_size).with_layers(layers)
}

fn run(sizes: LayerSizes, seq_len: usize) -> Problem {
    let problem = Problem::new(sizes, seq_len, 4, false).unwrap();
    Problem { is_training: true, ..problem }
}

fn large_gpu() -> DeviceCaps {
    DeviceCaps {
        max_storage_buffer_binding_size: 2 << 30,
        max_buffer_size: 4 << 30,
        ..DeviceCaps::webgpu_defaults()
    }
}

fn wavefront() -> Options {
    Options { schedule: Some(Schedule::Wavefront), ..Default::default() }
}

#[test]
fn backward_prefers_what_a_forward_run_would() {
    let reset = Cell::Gru { reset_after: false };
    let stacks = [
        sizes(Cell::Lstm, 512, 3),
        sizes(Cell::Gru { reset_after: true }, 300, 2),
        sizes(Cell::Rnn, 1024, 4),
        sizes(Cell::Lstm, 512, 1),
        sizes(Cell::Lstm, 64, 3),
        sizes(Cell::Lstm, 512, 17),
        sizes(Cell::Lstm, 512, 2).with_direction(Direction::Bidirectional),
        sizes(Cell::Lstm, 512, 2).with_direction(Direction::Reverse),
        sizes(Cell::Lstm, 512, 2).with_proj_size(100),
        sizes(reset, 512, 2),
    ];
    let software = DeviceCaps { is_software: true, ..large_gpu() };
    let mut waves = 0;
    for sizes in stacks {
        for caps in [large_gpu(), software.clone()] {
            for seq_len in [1, 100] {
                let problem = run(sizes, seq_len);
                let forward = Problem { is_training: false, ..problem };
                let forward = plan(&forward, &caps, &Options::default()).unwrap();
                let backward = plan_backward(&problem, &caps, &Options::default()).unwrap();
                assert_eq!(backward.schedule, forward.schedule, "{backward}");
                waves += usize::from(backward.schedule == Schedule::Wavefront);
            }
        }
    }
    assert_eq!(waves, 3);
}

#[test]
fn a_wave_tells_what_it_takes() {
    let problem = run(sizes(Cell::Lstm, 512, 3), 100);
    let plan = plan_backward(&problem, &large_gpu(), &Options::default()).unwrap();
    assert_eq!((plan.schedule, plan.dispatches, plan.chunk), (Schedule::Wavefront, 103, 100));
    let (word, h) = (16, 512);
    let memory = plan.memory();
    assert_eq!(memory.gates_bytes, 3 * 100 * 4 * h * word);
    assert_eq!(memory.d_between_bytes, 0);
    // w_hh and the peepholes of three layers, w_ih of two.
    assert_eq!(memory.weights_t_bytes, (3 * (h * h + h) + 2 * h * h) * word);
    // h, c and their gradients; c at the end; c after each step.
    assert_eq!(memory.carry_bytes, 4 * (5 + 100) * 3 * 4 * h);
    let text = plan.to_string();
    for words in ["wavefront", "3 layers take 103 dispatches instead of 303", "gates of all layers"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    // A GRU has no c; it keeps h before each step.
    let problem = run(sizes(Cell::Gru { reset_after: true }, 512, 3), 100);
    let memory = plan_backward(&problem, &large_gpu(), &wavefront()).unwrap().memory();
    assert_eq!(memory.carry_bytes, 4 * (2 + 100) * 3 * 4 * h);
}

#[test]
fn impossible_waves_name_the_reason() {
    let caps = large_gpu();
    let chunk = Options { chunk: Some(99), ..wavefront() };
    let stack = sizes(Cell::Lstm, 8, 2);
    let reset = sizes(Cell::Gru { reset_after: false }, 8, 2);
    let cases = [
        (sizes(Cell::Lstm, 8, 1), 100, wavefront(), "num_layers is 1"),
        (sizes(Cell::Lstm, 8, 17), 100, wavefront(), "up to 16"),
        (stack.with_direction(Direction::Reverse), 100, wavefront(), "run forward"),
        (stack.with_direction(Direction::Bidirectional), 100, wavefront(), "bidirectional"),
        (stack.with_proj_size(3), 100, wavefront(), "projection"),
        (reset, 100, wavefront(), "reset before"),
        (stack, 100, chunk, "all 100 steps in one chunk, the options or the device allow 99"),
        (sizes(Cell::Lstm, 1024, 16), 4000, wavefront(), "gates of all layers and steps"),
    ];
    for (sizes, seq_len, options, words) in cases {
        match plan_backward(&run(sizes, seq_len), &caps, &options) {
            Err(Error::Schedule { schedule: Schedule::Wavefront, reason }) => {
                assert!(reason.contains(words), "{words}: {reason}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
    let tokens = InputKind::Tokens { vocabulary: 9 };
    let tokens = Problem { input: tokens, ..run(stack, 100) };
    let refused = plan_backward(&tokens, &caps, &wavefront());
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
}

/// Where nothing is forced, another schedule runs what a wavefront cannot, and says why it does.
#[test]
fn what_is_too_large_for_a_wave_runs_otherwise() {
    let stack = sizes(Cell::Lstm, 512, 2);
    let long = run(stack, 6000);
    let bounded = Options { chunk: Some(50), ..Default::default() };
    let cases = [
        (long, Options::default(), "a wavefront keeps the gates of all layers and steps"),
        (run(stack, 100), bounded, "all 100 steps in one chunk"),
    ];
    for (problem, options, words) in cases {
        let plan = plan_backward(&problem, &large_gpu(), &options).unwrap();
        assert_eq!(plan.schedule, Schedule::Stepwise);
        assert!(plan.reasons[0].contains(words), "{plan}");
    }
    // Who asks for it gets it where the device has the memory.
    let plan = plan_backward(&long, &large_gpu(), &wavefront()).unwrap();
    assert_eq!((plan.schedule, plan.dispatches), (Schedule::Wavefront, 6002));
}

#[test]
fn waves_go_back_through_every_step_of_every_layer() {
    let mut random = Random::new(6);
    let mut walked = 0;
    for caps in all_caps() {
        for kernel in CellKernel::all().filter(|kernel| kernel.phases == Phases::Whole) {
            for _ in 0..12 {
                let problem = trainable(problem(&mut random, kernel));
                let layers = pick(&mut random, &[2, 3, 16]);
                let sizes = problem.sizes.with_layers(layers).with_direction(Direction::Forward);
                let problem = Problem { input: InputKind::Features, sizes, ..problem };
                let rows = pick(&mut random, &[None, Some(1), Some(8)]);
                let plan = match plan_backward(&problem, &caps, &Options { rows, ..wavefront() }) {
                    Ok(plan) => plan,
                    Err(Error::Schedule { .. } | Error::Limit { .. }) => continue,
                    Err(error) => panic!("{problem:?}: {error}"),
                };
                let tensors = tensors(&mut random, &problem);
                let [d_x, d_weights] = [(); 2].map(|()| pick(&mut random, &[false, true]));
                let wanted = Wanted { d_x, d_weights, accumulate: false };
                walked += 1;
                Wave::new(&plan, &caps, wanted, &tensors).all();
            }
        }
    }
    assert!(walked > 100, "{walked} programs");
}
