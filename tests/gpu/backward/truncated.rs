//! A sequence in parts, each begun from the state that the one before ended in: truncated back-propagation through
//! time, and the whole gradient where the parts hand back those of the states.

use wgpu_rnn::ndarray::{Array3, Axis, Ix3, concatenate, s};
use wgpu_rnn::{AnyKind, AnyLayer, AnyState, Gpu, Kind, Options, Schedule, Tape};

use super::{chunked, forced, of_variants};
use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Named, Run, named_of_layer, same_bits, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::Variant;

pub fn tests() -> Vec<GpuTest> {
    let of =
        |schedule| of_variants(&format!("backward::truncated::{schedule}"), schedule, of_variant);
    Schedule::ALL.into_iter().flat_map(of).collect()
}

/// Steps of the first part.
const CUT: usize = 5;

fn of_variant(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let shape = Shape { t: 8, b: 3, i: 4, h: 6, l: 2, bidirectional: false };
    let whole = Run::new(7, &Case::of(2, variant, shape).with_state(3));
    let config = chunked(schedule, 2);
    let layer = AnyLayer::new(gpu, &whole.weights, config)?;
    let part = |range: std::ops::Range<usize>| {
        whole.but(|run| {
            run.x = run.x.slice(s![range.clone(), .., ..]).to_owned();
            run.d_y = run.d_y.slice(s![range, .., ..]).to_owned();
        })
    };
    let (mut first, mut second) = (part(0..CUT), part(CUT..8));
    let state = first.initial_state::<AnyKind>()?;
    let (_, between, first_tape) = layer.forward_tape(first.x.view(), None, state.as_ref())?;
    (second.h0, second.c0) = parts(&between);
    let second_tape = second.tape(&layer, config)?;

    // Each part for itself: nothing comes back from the second to the first.
    let of_second = back(&second, &second_tape)?;
    verdict(&of_second.0, &second.gradients(), F32_GRADIENTS)
        .map_err(|problem| format!("the second part: {problem}"))?;
    (first.d_h_n, first.d_c_n) = (None, None);
    verdict(&back(&first, &first_tape)?.0, &first.gradients(), F32_GRADIENTS)
        .map_err(|problem| format!("the first part: {problem}"))?;

    // The gradient of the state between them handed back: together they are the whole.
    (first.d_h_n, first.d_c_n) = parts(&of_second.1);
    let of_first = back(&first, &first_tape)?;
    let d_x = [&of_first.0["d_input"], &of_second.0["d_input"]].map(|array| array.view());
    let mut sum = of_first.0.clone();
    for (name, gradient) in sum.iter_mut().filter(|(name, _)| name.starts_with("grad.")) {
        *gradient += &of_second.0[name];
    }
    sum.insert("d_input".into(), concatenate(Axis(0), &d_x)?);
    verdict(&sum, &whole.gradients(), F32_GRADIENTS)
        .map_err(|problem| format!("both parts: {problem}"))?;

    // Where the forward pass was cut into chunks makes no difference to anything.
    // It cannot be a wavefront, which keeps too little to go back.
    let forward = Some(schedule).filter(|schedule| *schedule != Schedule::Wavefront);
    let options = Options { chunk: Some(3), schedule: forward, ..Default::default() };
    let in_chunks = whole.on_device(gpu, wgpu_rnn::LayerConfig { options, ..config })?;
    verdict(&in_chunks, &whole.gradients(), F32_GRADIENTS)?;
    Ok(same_bits(&whole.on_device(gpu, config)?, &whole.on_device(gpu, forced(schedule))?)?)
}

/// The gradients by name, and those of the initial state as they are.
fn back(run: &Run, tape: &Tape<AnyKind>) -> wgpu_rnn::Result<(Named, AnyState)> {
    let d_state = run.final_d_state::<AnyKind>()?;
    let given = tape.backward(run.d_y.view(), d_state.as_ref())?;
    let d_state = given.d_state.clone();
    Ok((named_of_layer(given, Default::default()), d_state))
}

fn parts(state: &AnyState) -> (Option<Array3<f32>>, Option<Array3<f32>>) {
    let (h, c) = AnyKind::parts(state);
    let part = |array: &wgpu_rnn::ndarray::ArrayD<f32>| {
        array.clone().into_dimensionality::<Ix3>().expect("three axes, as x")
    };
    (Some(part(h)), c.map(part))
}
