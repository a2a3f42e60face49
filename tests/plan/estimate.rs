//! Estimates: what they are made of, and that they never fall below the floor.

use wgpu_rnn::kernels::CellKernel;
use wgpu_rnn::{
    Ceilings, Cell, DeviceCaps, Error, LayerSizes, Options, Plan, Problem, Schedule, WordSeconds,
    plan,
};

use crate::common::Random;
use crate::problems::{all_caps, options, problem};

/// Round numbers: a word costs one workgroup 1 ns and 1 ns for each row, a full device a hundredth of that.
fn ceilings() -> Ceilings {
    let word = WordSeconds { load: 1e-9, row: 1e-9 };
    Ceilings {
        bytes_per_second: 1e12,
        flops_per_second: 1e13,
        dispatch_seconds: 1e-5,
        exchange_seconds: 1e-7,
        workgroup_word: [word; 2],
        device_word: WordSeconds { load: 1e-11, row: 1e-11 },
    }
}

fn planned(sizes: LayerSizes, [t, b]: [usize; 2], schedule: Schedule) -> Plan {
    let problem = Problem::new(sizes, t, b, false).unwrap();
    // The plainest kernels, whose work can be counted by hand.
    let options = match schedule {
        Schedule::SequenceFused => Options { resident: Some(false), ..Default::default() },
        _ => Options { split: Some(1), ..Default::default() },
    };
    let options = Options { schedule: Some(schedule), ..options };
    plan(&problem, &DeviceCaps::webgpu_defaults(), &options).unwrap()
}

fn close(given: f64, expected: f64) {
    assert!((given / expected - 1.0).abs() < 1e-9, "{given} instead of {expected}");
}

#[test]
fn the_parts_of_a_step_by_step_run() {
    let sizes = LayerSizes::new(Cell::Lstm, 128, 256);
    let estimate = planned(sizes, [100, 1], Schedule::Stepwise).estimate(&ceilings());
    // 256 · 256 words shared by 4 workgroups of 64 units, 2 ns each with one row.
    close(estimate.recurrence, 100.0 * 65536.0 / 4.0 * 2e-9);
    // One projection of 100 rows: 4 · 8 workgroups; 128 · 256 words, 13 times 8 rows of them at 9 ns.
    close(estimate.projection, 13.0 * 32768.0 * 9e-9 / 32.0);
    close(estimate.launches, 101.0 * 1e-5);
    assert_eq!(estimate.exchanges, 0.0);
    let sum = estimate.recurrence + estimate.projection + estimate.launches;
    close(estimate.predicted, sum);
    close(estimate.predicted_step(), sum / 100.0);
}

#[test]
fn the_parts_of_a_fused_sequence() {
    let sizes = LayerSizes::new(Cell::Lstm, 64, 64).with_layers(2);
    let plan = planned(sizes, [1000, 1], Schedule::SequenceFused);
    let estimate = plan.estimate(&ceilings());
    close(estimate.recurrence, 2.0 * 1000.0 * 4096.0 * 2e-9);
    close(estimate.exchanges, 2.0 * 1000.0 * 1e-7);
    let chunks = 1000usize.div_ceil(plan.chunk) as f64;
    close(estimate.launches, 4.0 * chunks * 1e-5);
    close(estimate.floor.latency, 1001.0 * 1e-7);
}

/// A wavefront runs the layers side by side: few dispatches, more workgroups in each.
#[test]
fn a_wavefront_launches_less() {
    let sizes = LayerSizes::new(Cell::Lstm, 512, 512).with_layers(4);
    let [steps, wave] = [Schedule::Stepwise, Schedule::Wavefront]
        .map(|schedule| planned(sizes, [200, 1], schedule).estimate(&ceilings()));
    close(wave.launches, 203.0 * 1e-5);
    // A step of all layers: 1024 · 512 words of each, over 4 · 8 workgroups.
    close(wave.recurrence, 203.0 * 4.0 * 524_288.0 / 32.0 * 2e-9);
    assert!(wave.predicted < steps.predicted, "{wave} and {steps}");
}

/// Whatever is planned takes some time, and no less than the floor; every part is a number.
#[test]
fn nothing_is_faster_than_the_floor() {
    let mut random = Random::new(3);
    let slow_memory = Ceilings { bytes_per_second: 1e6, ..ceilings() };
    let slow_arithmetic = Ceilings { flops_per_second: 1e6, ..ceilings() };
    let slow_steps = Ceilings { exchange_seconds: 1.0, ..ceilings() };
    for caps in all_caps() {
        for kernel in CellKernel::all() {
            let problem = problem(&mut random, kernel);
            for schedule in Schedule::ALL {
                let plan = match plan(&problem, &caps, &options(&mut random, Some(schedule))) {
                    Ok(plan) => plan,
                    Err(Error::Schedule { .. } | Error::Limit { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                for ceilings in [ceilings(), slow_memory, slow_arithmetic, slow_steps] {
                    let estimate = plan.estimate(&ceilings);
                    assert!(estimate.recurrence > 0.0 && estimate.launches > 0.0, "{estimate:?}");
                    assert!(estimate.predicted.is_finite(), "{estimate:?}");
                    assert!(estimate.predicted >= estimate.floor.seconds(), "{estimate:?}");
                }
                let floor = |ceilings: Ceilings| plan.estimate(&ceilings).floor;
                assert_eq!(floor(slow_memory).seconds(), floor(slow_memory).memory);
                assert_eq!(floor(slow_arithmetic).seconds(), floor(slow_arithmetic).arithmetic);
                assert_eq!(floor(slow_steps).seconds(), floor(slow_steps).latency);
            }
        }
    }
}
