//! What plans and programs are made for: devices, and problems with sizes around tile edges.

use wgpu_rnn::kernels::{CellKernel, Phases};
use wgpu_rnn::{
    DeviceCaps, Direction, InputKind, LayerSizes, Options, Problem, Schedule, WeightFormat,
};

use crate::common::Random;

pub fn lavapipe() -> DeviceCaps {
    DeviceCaps {
        max_compute_workgroup_storage_size: 32768,
        max_compute_invocations_per_workgroup: 1024,
        min_storage_buffer_offset_alignment: 16,
        max_loop_iterations: 60_000,
        is_software: true,
        ..DeviceCaps::webgpu_defaults()
    }
}

pub fn large_gpu() -> DeviceCaps {
    DeviceCaps {
        max_storage_buffer_binding_size: u32::MAX.into(),
        max_buffer_size: 1 << 40,
        max_compute_workgroup_storage_size: 49152,
        max_compute_invocations_per_workgroup: 1024,
        ..DeviceCaps::webgpu_defaults()
    }
}

pub fn all_caps() -> [DeviceCaps; 3] {
    [DeviceCaps::webgpu_defaults(), lavapipe(), large_gpu()]
}

pub fn pick<T: Clone>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len())].clone()
}

/// Sizes around tile edges.
pub fn problem(random: &mut Random, kernel: CellKernel) -> Problem {
    let input_size = pick(random, &[1, 3, 17, 64, 300]);
    let hidden_size = pick(random, &[2, 5, 32, 33, 64, 96, 97, 129, 256, 257, 513, 1024, 1025]);
    let directions = [Direction::Forward, Direction::Reverse, Direction::Bidirectional];
    let sizes = LayerSizes::new(kernel.cell, input_size, hidden_size)
        .with_layers(pick(random, &[1, 1, 2, 3, 5, 17]))
        .with_direction(pick(random, &directions))
        .with_proj_size(if kernel.phases == Phases::Projection { hidden_size / 2 } else { 0 });
    let seq_len = pick(random, &[1, 2, 7, 64, 1000, 5000]);
    let batch = pick(random, &[1, 2, 3, 16, 17, 64, 500]);
    let problem = Problem::new(sizes, seq_len, batch, pick(random, &[false, true])).unwrap();
    use InputKind::{Features, Projected, Tokens};
    let inputs = [Features, Features, Features, Projected, Tokens { vocabulary: 1000 }];
    let input = pick(random, &inputs);
    let is_training = pick(random, &[false, false, true]);
    let (has_lengths, flavour) = (kernel.has_lengths, kernel.flavour);
    let formats = if is_training { &[WeightFormat::F32][..] } else { &WeightFormat::ALL };
    let weight_format = pick(random, formats);
    Problem { has_lengths, flavour, input, weight_format, is_training, ..problem }
}

pub fn options(random: &mut Random, schedule: Option<Schedule>) -> Options {
    let rows = pick(random, &[None, None, Some(1), Some(2), Some(4), Some(8), Some(16)]);
    let chunk = pick(random, &[None, None, Some(1), Some(100)]);
    Options { schedule, rows, chunk, ..Default::default() }
}

/// The same with what only forward runs have.
pub fn forward_options(random: &mut Random, schedule: Option<Schedule>) -> Options {
    let split = pick(random, &[None, None, Some(1), Some(8), Some(32)]);
    let resident = pick(random, &[None, None, Some(true), Some(false)]);
    let options = options(random, schedule);
    match schedule {
        Some(Schedule::SequenceFused) => Options { resident, ..options },
        Some(_) => Options { split, ..options },
        None => Options { split, resident, ..options },
    }
}

/// The same as a backward pass takes it.
pub fn trainable(problem: Problem) -> Problem {
    Problem { input: InputKind::Features, weight_format: WeightFormat::F32, ..problem }
}
