//! What a plan says of memory against what is allocated.

use std::collections::BTreeMap;

use wgpu_rnn::{AnyLayer, BackwardIo, BackwardPlan, Cell, Gpu, Schedule};

use super::arrays::Arrays;
use super::{chunked, of_variants, ragged};
use crate::common::gradients::Run;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::common::variant::Variant;

pub fn tests() -> Vec<GpuTest> {
    let of = |schedule| of_variants(&format!("backward::memory::{schedule}"), schedule, of_variant);
    let shared = GpuTest::new("backward::memory::passes_share_buffers", passes_share_buffers);
    let tapes = GpuTest::new("backward::memory::tapes_leave_nothing", tapes_leave_nothing);
    Schedule::ALL.into_iter().flat_map(of).chain([shared, tapes]).collect()
}

/// Which gradients are wanted does not make a second set of buffers.
fn passes_share_buffers(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let run = Run::new(2, &ragged(1, &Variant::default(), Schedule::Stepwise));
    let config = chunked(Schedule::Stepwise, 7);
    let layer = AnyLayer::new(gpu, &run.weights, config)?;
    let arrays = Arrays::new(&layer, &run, config)?;
    arrays.run(&layer)?;
    let gates = || allocated(gpu).map(|bytes| bytes["gates"]);
    let once = gates();
    let spoils: [fn(&mut BackwardIo<'_>); 2] = [|io| io.accumulate = true, |io| io.d_x = None];
    for spoil in spoils {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut io = arrays.io();
        spoil(&mut io);
        layer.encode_backward(&mut encoder, &io)?;
        gpu.queue().submit([encoder.finish()]);
    }
    arrays.d_weights.download()?;
    assert_eq!(gates(), once);
    Ok(())
}

/// The arrays of a tape go with it.
fn tapes_leave_nothing(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let run = Run::new(2, &ragged(1, &Variant::default(), Schedule::Stepwise));
    let config = chunked(Schedule::Stepwise, 7);
    let layer = AnyLayer::new(gpu, &run.weights, config)?;
    for _ in 0..3 {
        run.back(&run.tape(&layer, config)?, config)?;
    }
    gpu.device().poll(wgpu_rnn::wgpu::PollType::wait_indefinitely())?;
    if let Some(bytes) = allocated(gpu) {
        let of = |name| bytes.get(name).copied().unwrap_or(0);
        assert_eq!((of("array"), of("reserve")), (0, 0), "{bytes:?}");
        assert!(of("gates") > 0, "the workspace stays: {bytes:?}");
    }
    Ok(())
}

/// The smallest buffer there is.
const LEAST: u64 = 4;
/// A driver may demand that buffers begin and end at multiples of this.
const ROUNDING: u64 = 256;

/// The bytes of the buffers that go by a name, as the plan says; where the backend does not tell, the plan alone is
/// held against sums of our own.
fn of_variant(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    // Other tests must not count.
    let gpu = &another(gpu)?;
    for chunk in [2, 7] {
        let run = Run::new(2, &ragged(1, variant, schedule));
        let config = chunked(schedule, chunk);
        let layer = AnyLayer::new(gpu, &run.weights, config)?;
        let arrays = Arrays::new(&layer, &run, config)?;
        let before = allocated(gpu);
        arrays.run(&layer)?;
        arrays.d_x.download()?;
        let plan = layer.plan_backward(7, 4)?;
        let is_wave = schedule == Schedule::Wavefront;
        assert_eq!((plan.schedule, plan.chunk), (schedule, if is_wave { 7 } else { chunk }));
        check_plan(&plan);
        let (Some(before), Some(after)) = (before, allocated(gpu)) else { continue };
        let memory = plan.memory();
        // The reserve was there before the run.
        let reserve = before.get("reserve").copied().ok_or("the reserve has its name")?;
        check("reserve", reserve, memory.reserve_bytes);
        for (name, planned) in [
            ("gates", memory.gates_bytes),
            ("carry", memory.carry_bytes),
            ("weights_t", memory.weights_t_bytes),
            ("d_between", memory.d_between_bytes),
            ("d_packed", memory.d_packed_bytes),
        ] {
            let of = |bytes: &BTreeMap<String, u64>| bytes.get(name).copied().unwrap_or(0);
            check(name, of(&after) - of(&before), planned);
        }
    }
    Ok(())
}

fn check(name: &str, allocated: u64, planned: u64) {
    // Two take turns as `d_between`, of which one may be the smallest there is.
    let most = planned.max(LEAST) + 2 * ROUNDING;
    assert!(
        (planned..=most).contains(&allocated),
        "{name}: {planned} bytes are planned, {allocated} are allocated"
    );
}

/// Sums over the letters of the documentation: T 7, B 4, H 6, two layers; of both directions, or as a wavefront, which
/// has two layers at once and keeps the h of a GRU as it does c.
fn check_plan(plan: &BackwardPlan) {
    let (memory, sizes) = (plan.memory(), plan.problem.sizes);
    let (t, b, h, slots) = (7, 4, sizes.hidden_size as u64, 2);
    let is_wave = plan.schedule == Schedule::Wavefront;
    let y = 4 * t * b * sizes.output_size() as u64;
    assert!((y..y + ROUNDING).contains(&memory.reserve_bytes), "the lower layer's y: {memory:?}");
    assert_eq!(memory.d_between_bytes, if is_wave { 0 } else { y });
    let gates = 4 * plan.chunk as u64 * b * slots * h * sizes.cell.num_gates() as u64;
    assert!(memory.gates_bytes >= gates, "{memory:?}");
    assert!(memory.gates_bytes <= 2 * gates, "{memory:?}");
    let r = sizes.recurrent_size() as u64;
    let states =
        4 * sizes.num_states() as u64 * b * (2 * r + if sizes.cell.has_c() { 2 * h } else { 0 });
    let is_kept = sizes.cell.has_c() || is_wave && matches!(sizes.cell, Cell::Gru { .. });
    let kept = 4 * plan.chunk as u64 * b * slots * h * u64::from(is_kept);
    assert!(memory.carry_bytes >= states + kept, "{memory:?}");
    assert!(memory.carry_bytes <= 4 * (states + kept), "{memory:?}");
    assert!(plan.to_string().contains("memory"), "{plan}");
}

/// Bytes by the names of what they are for, if the backend tells.
fn allocated(gpu: &Gpu) -> Option<BTreeMap<String, u64>> {
    let report = gpu.device().generate_allocator_report()?;
    let mut bytes = BTreeMap::new();
    for allocation in report.allocations {
        *bytes.entry(allocation.name).or_default() += allocation.size;
    }
    Some(bytes)
}
