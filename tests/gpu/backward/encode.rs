//! Backward passes recorded into the caller's encoder, on the caller's buffers.

use wgpu_rnn::ndarray::{Array3, ArrayD, Axis, concatenate};
use wgpu_rnn::{
    AnyLayer, Cell, DeviceArray, DeviceInput, Gpu, LayerConfig, LayerIo, Linear, Schedule, Weights,
};

use super::arrays::{Arrays, submit};
use super::{SCHEDULES, chunked, forced, of_variants, ragged};
use crate::common::Random;
use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Named, Run, exact, name_of, same_bits, verdict};
use crate::common::trials::{GpuTest, Outcome, another, callers_own};
use crate::common::variant::{Variant, variants};
use crate::reuse;

pub fn tests() -> Vec<GpuTest> {
    let mut tests = vec![
        GpuTest::new("backward::encode::callers_device", callers_device),
        GpuTest::new("backward::encode::longer_buffers", longer_buffers),
        GpuTest::new("backward::encode::states_in_place", states_in_place),
        GpuTest::new("backward::encode::stack_of_two", stack_of_two),
        GpuTest::new("backward::encode::reuse", reuse),
        GpuTest::new("backward::encode::projected_input", projected_input),
    ];
    for schedule in Schedule::ALL {
        let name = |what: &str| format!("backward::encode::{what}::{schedule}");
        tests.extend(of_variants(&name("as_tape"), schedule, as_tape));
        tests.extend(of_variants(&name("accumulate"), schedule, accumulate));
        tests.extend(of_variants(&name("wanted"), schedule, wanted));
        tests.push(GpuTest::new(name("two_runs"), move |gpu| two_runs(gpu, schedule)));
    }
    tests
}

/// The run, its config, and a layer for it.
fn ready(
    gpu: &Gpu,
    variant: &Variant,
    schedule: Schedule,
) -> wgpu_rnn::Result<(Run, LayerConfig, AnyLayer)> {
    let config = chunked(schedule, 3);
    let run = Run::new(5, &ragged(3, variant, schedule));
    let layer = AnyLayer::new(gpu, &run.weights, config)?;
    Ok((run, config, layer))
}

/// Forward and back in one submission, over arrays full of NaN; with all that can be given, and with nothing.
fn as_tape(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    for batch_first in [false, true] {
        let config = LayerConfig { batch_first, ..chunked(schedule, 3) };
        let full = Run::new(5, &ragged(3, variant, schedule));
        let bare = full.but(|run| {
            (run.h0, run.c0, run.lengths) = (None, None, None);
            (run.d_h_n, run.d_c_n) = (None, None);
        });
        let layer = AnyLayer::new(gpu, &full.weights, config)?;
        for (run, what) in [(full, "all"), (bare, "nothing")] {
            let arrays = Arrays::new(&layer, &run, config)?;
            arrays.run(&layer)?;
            let given = arrays.gradients(&layer, config)?;
            let of_tape = run.back(&run.tape(&layer, config)?, config)?;
            same_bits(&given, &of_tape).map_err(|problem| format!("{what}: {problem}"))?;
            verdict(&given, &run.gradients(), F32_GRADIENTS)
                .map_err(|problem| format!("{what}: {problem}"))?;
        }
    }
    Ok(())
}

/// One addition for each weight: what was there, plus the gradient.
fn accumulate(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let (run, config, layer) = ready(gpu, variant, schedule)?;
    let arrays = Arrays::new(&layer, &run, config)?;
    arrays.run(&layer)?;
    let once = arrays.d_weights.download()?;
    let right = arrays.gradients(&layer, config)?;

    let mut random = Random::new(1);
    let there = ArrayD::from_shape_simple_fn(once.shape(), || random.next());
    let d_weights = gpu.upload(there.view())?;
    let arrays = Arrays { d_weights, ..Arrays::new(&layer, &run, config)? };
    let mut io = arrays.io();
    io.accumulate = true;
    submit(&layer, |encoder| {
        arrays.forward(&layer, encoder)?;
        layer.encode_backward(encoder, &io)
    })?;
    let check = |expected: &ArrayD<f32>, what: &str| -> Outcome {
        let of = |weights: &ArrayD<f32>| Named::from([(what.to_string(), exact(weights))]);
        Ok(same_bits(&of(&arrays.d_weights.download()?), &of(expected))?)
    };
    check(&(&there + &once), "added to what was there")?;
    // Nothing but weights is added up, and each pass by itself.
    submit(&layer, |encoder| layer.encode_backward(encoder, &io))?;
    check(&(there + &once + &once), "and again")?;
    submit(&layer, |encoder| layer.encode_backward(encoder, &arrays.io()))?;
    Ok(same_bits(&arrays.gradients(&layer, config)?, &right)?)
}

/// Gradients that are not wanted are not touched, and the others are the same without them.
fn wanted(gpu: &Gpu, variant: &Variant, schedule: Schedule) -> Outcome {
    let (run, config, layer) = ready(gpu, variant, schedule)?;
    let all = Arrays::new(&layer, &run, config)?;
    all.run(&layer)?;
    let expected = all.gradients(&layer, config)?;
    for set in 0..16 {
        let [x, h0, c0, weights] = [1, 2, 4, 8].map(|bit| set & bit != 0);
        let arrays = Arrays::new(&layer, &run, config)?;
        let mut io = arrays.io();
        io.d_x.take_if(|_| !x);
        io.d_h0.take_if(|_| !h0);
        io.d_c0.take_if(|_| !c0);
        io.d_weights.take_if(|_| !weights);
        submit(&layer, |encoder| {
            arrays.forward(&layer, encoder)?;
            layer.encode_backward(encoder, &io)
        })?;
        let given = arrays.gradients(&layer, config)?;
        assert_eq!(Vec::from_iter(given.keys()), Vec::from_iter(expected.keys()));
        for ((name, given), expected) in given.iter().zip(expected.values()) {
            let is_wanted = match name.as_str() {
                "d_input" => x,
                "d_h0" => h0,
                "d_c0" => c0,
                _ => weights,
            };
            let is_right = match is_wanted {
                true => given == expected,
                false => given.iter().all(|value| value.is_nan()),
            };
            assert!(is_right, "{name}, wanted: x {x}, h0 {h0}, c0 {c0}, weights {weights}");
        }
    }
    Ok(())
}

/// Two runs of one shape, on one reserve one after the other, and on two in one encoder or in other order.
fn two_runs(gpu: &Gpu, schedule: Schedule) -> Outcome {
    let variant = Variant::default();
    let (first, config, layer) = ready(gpu, &variant, schedule)?;
    let second =
        Run::new(6, &ragged(8, &variant, schedule)).but(|run| run.weights = first.weights.clone());
    let runs = [first, second];
    let arrays = |run| Arrays::new(&layer, run, config);
    let check = |arrays: &[Arrays; 2], what: &str| -> Outcome {
        for (n, (run, arrays)) in runs.iter().zip(arrays).enumerate() {
            let given = arrays.gradients(&layer, config)?;
            verdict(&given, &run.gradients(), F32_GRADIENTS)
                .map_err(|problem| format!("{what}, run {n}: {problem}"))?;
        }
        Ok(())
    };

    let one = arrays(&runs[0])?;
    let other = Arrays { reserve: one.reserve.clone(), ..arrays(&runs[1])? };
    let pair = [one, other];
    submit(&layer, |encoder| {
        for arrays in &pair {
            arrays.forward(&layer, encoder)?;
            layer.encode_backward(encoder, &arrays.io())?;
        }
        Ok(())
    })?;
    check(&pair, "one reserve")?;

    let pair = [arrays(&runs[0])?, arrays(&runs[1])?];
    submit(&layer, |encoder| {
        pair.iter().try_for_each(|arrays| arrays.forward(&layer, encoder))?;
        pair.iter().try_for_each(|arrays| layer.encode_backward(encoder, &arrays.io()))
    })?;
    check(&pair, "both forward, then both back")?;

    let pair = [arrays(&runs[0])?, arrays(&runs[1])?];
    let mut encoders = [(); 2].map(|()| gpu.device().create_command_encoder(&Default::default()));
    for (arrays, encoder) in pair.iter().zip(&mut encoders) {
        arrays.forward(&layer, encoder)?;
        layer.encode_backward(encoder, &arrays.io())?;
    }
    let [first, second] = encoders.map(|encoder| encoder.finish());
    gpu.queue().submit([second]);
    gpu.queue().submit([first]);
    check(&pair, "submitted in other order")
}

/// A device that the application opened, with the default limits.
fn callers_device(gpu: &Gpu) -> Outcome {
    let gpu = &callers_own(gpu);
    for schedule in Schedule::ALL {
        let (run, config, layer) = ready(gpu, &Variant::default(), schedule)?;
        let arrays = Arrays::new(&layer, &run, config)?;
        arrays.run(&layer)?;
        verdict(&arrays.gradients(&layer, config)?, &run.gradients(), F32_GRADIENTS)?;
    }
    Ok(())
}

const EXCESS: usize = 37;
const MARK: f32 = 1234.5;

/// Arrays in buffers that are longer than they need be: what lies behind stays as it was.
fn longer_buffers(gpu: &Gpu) -> Outcome {
    let longer = |array: &DeviceArray| -> Result<DeviceArray, Box<dyn std::error::Error>> {
        let mut values: Vec<f32> = array.download()?.into_iter().collect();
        values.extend([MARK; EXCESS]);
        let marked = gpu.upload(ArrayD::from_shape_vec(vec![values.len()], values)?.view())?;
        Ok(DeviceArray::from_buffer(gpu, marked.buffer().clone(), array.shape())?)
    };
    for (schedule, variant) in Schedule::ALL.into_iter().zip(variants()) {
        let (run, config, layer) = ready(gpu, &variant, schedule)?;
        let mut arrays = Arrays::new(&layer, &run, config)?;
        for array in [&mut arrays.x, &mut arrays.y, &mut arrays.d_y] {
            *array = longer(array)?;
        }
        let states = [&mut arrays.h0, &mut arrays.c0, &mut arrays.d_h_n, &mut arrays.d_c_n];
        for array in states.into_iter().flatten() {
            *array = longer(array)?;
        }
        for array in [&mut arrays.d_x, &mut arrays.d_h0, &mut arrays.d_weights] {
            *array = longer(array)?;
        }
        arrays.run(&layer)?;
        verdict(&arrays.gradients(&layer, config)?, &run.gradients(), F32_GRADIENTS)?;
        for array in [&arrays.d_x, &arrays.d_h0, &arrays.d_weights] {
            let len = array.shape().iter().product::<usize>();
            let whole =
                DeviceArray::<f32>::from_buffer(gpu, array.buffer().clone(), &[len + EXCESS])?;
            let behind: Vec<f32> = whole.download()?.into_iter().skip(len).collect();
            assert_eq!(behind, [MARK; EXCESS], "{schedule}: behind the array");
        }
    }
    Ok(())
}

/// The gradients of the initial states written over those of the final ones, as truncated back-propagation would.
fn states_in_place(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        let (run, config, layer) = ready(gpu, &Variant::default(), schedule)?;
        let mut arrays = Arrays::new(&layer, &run, config)?;
        arrays.d_h0 = arrays.d_h_n.clone().ok_or("the run has it")?;
        arrays.d_c0 = arrays.d_c_n.clone();
        arrays.run(&layer)?;
        verdict(&arrays.gradients(&layer, config)?, &run.gradients(), F32_GRADIENTS)?;
    }
    Ok(())
}

/// Two layers as two models, the gradient of one's x that of the other's y, in one submission; against the stack.
fn stack_of_two(gpu: &Gpu) -> Outcome {
    for schedule in SCHEDULES {
        let shape = Shape { t: 5, b: 3, i: 4, h: 6, l: 2, bidirectional: false };
        let stack = Run::new(4, &Case::new(2, shape));
        let stack = stack.but(|run| (run.d_h_n, run.d_c_n) = (None, None));
        let config = forced(schedule);
        let part = |l: usize| -> Result<Weights, Box<dyn std::error::Error>> {
            let layer = stack.weights.layer(l, 0).ok_or("two layers")?.clone();
            Ok(Weights::new(Cell::Lstm, vec![vec![layer]])?)
        };
        let of = |weights, x: Array3<f32>| stack.but(|run| (run.weights, run.x) = (weights, x));
        let lower = of(part(0)?, stack.x.clone());
        let upper = of(part(1)?, Array3::zeros([5, 3, 6]));
        let layers = [
            AnyLayer::new(gpu, &lower.weights, config)?,
            AnyLayer::new(gpu, &upper.weights, config)?,
        ];
        let mut below = Arrays::new(&layers[0], &lower, config)?;
        let mut above = Arrays::new(&layers[1], &upper, config)?;
        above.x = below.y.clone();
        below.d_y = above.d_x.clone();
        submit(&layers[0], |encoder| {
            below.forward(&layers[0], encoder)?;
            above.forward(&layers[1], encoder)?;
            layers[1].encode_backward(encoder, &above.io())?;
            layers[0].encode_backward(encoder, &below.io())
        })?;
        let mut given = below.gradients(&layers[0], config)?;
        let of_above = above.gradients(&layers[1], config)?;
        for tensor in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"] {
            given.insert(name_of(tensor, 1, 0), of_above[&name_of(tensor, 0, 0)].clone());
        }
        // The stack has the states of both layers in one array.
        for name in ["d_h0", "d_c0"] {
            let both = [&given[name], &of_above[name]].map(|array| array.view());
            given.insert(name.to_string(), concatenate(Axis(0), &both)?);
        }
        verdict(&given, &stack.gradients(), F32_GRADIENTS)?;
    }
    Ok(())
}

/// A forward pass over x that was projected elsewhere keeps the same as one over x, from which to go back.
fn projected_input(gpu: &Gpu) -> Outcome {
    for schedule in Schedule::ALL {
        let (run, config, layer) = ready(gpu, &Variant::default(), schedule)?;
        let arrays = Arrays::new(&layer, &run, config)?;
        let x_proj = Linear::input_projection(gpu, &run.weights)?.forward(run.x.view())?;
        let x_proj = gpu.upload(x_proj.view())?;
        let mut io = LayerIo::from_input(DeviceInput::Projected(&x_proj), &arrays.y);
        (io.h0, io.c0) = (arrays.h0.as_ref(), arrays.c0.as_ref());
        io.lengths = arrays.lengths.as_ref();
        submit(&layer, |encoder| {
            layer.encode_training(encoder, &io, &arrays.reserve)?;
            layer.encode_backward(encoder, &arrays.io())
        })?;
        verdict(&arrays.gradients(&layer, config)?, &run.gradients(), F32_GRADIENTS)?;
    }
    Ok(())
}

/// A second pass over the same buffers makes no GPU object, and one over others only binds them.
fn reuse(gpu: &Gpu) -> Outcome {
    // Other tests must not count.
    let gpu = &another(gpu)?;
    for schedule in Schedule::ALL {
        let (run, config, layer) = ready(gpu, &Variant::default(), schedule)?;
        let arrays = Arrays::new(&layer, &run, config)?;
        let work = || Ok(arrays.run(&layer)?);
        reuse::check(reuse::made(gpu, work)?, &format!("forward and back, {schedule}"));
        let others = Arrays::new(&layer, &run, config)?;
        let before = gpu.stats();
        others.run(&layer)?;
        let made = reuse::since(gpu.stats(), before);
        assert!(made.bind_groups > 0 && made.buffers == 0 && made.pipelines == 0, "{made:?}");
        // The first ones are still bound.
        let before = gpu.stats();
        arrays.run(&layer)?;
        assert_eq!(reuse::since(gpu.stats(), before), reuse::NOTHING, "{schedule}");
    }
    Ok(())
}
