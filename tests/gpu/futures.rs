//! The async twins, alone, side by side, and dropped half-way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use wgpu_rnn::ndarray::{Axis, Ix3};
use wgpu_rnn::{AnyKind, AnyLayer, Gpu, LayerConfig, Options};

use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Run, named_of_layer, same_bits, verdict};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("async::twins", |gpu| pollster::block_on(twins(gpu))),
        GpuTest::new("async::side_by_side", |gpu| pollster::block_on(side_by_side(gpu))),
        GpuTest::new("async::tapes", |gpu| pollster::block_on(tapes(gpu))),
        GpuTest::new("async::dropped", |gpu| pollster::block_on(dropped(gpu))),
    ]
}

fn two_layers(seed: u64) -> Case {
    Case::new(seed, Shape { l: 2, ..Default::default() })
}

/// An executor may move a future from thread to thread.
fn send<F: Future + Send>(future: F) -> F {
    future
}

async fn twins(gpu: &Gpu) -> Outcome {
    let case = two_layers(1).with_state(1);
    let layer = case.lstm(gpu, Options::default())?;
    let (y, state) = send(layer.forward_async(case.x.view(), case.state.as_ref())).await?;
    case.verdict(&y, &state)?;

    let case = two_layers(1);
    let mut stream = layer.stream(3)?;
    let y = gpu.zeros(&[7, 3, 6])?;
    let mut y = send(y.download_async()).await?.into_dimensionality::<Ix3>()?;
    for (t, x_t) in case.x.outer_iter().enumerate() {
        y.index_axis_mut(Axis(0), t).assign(&send(stream.step_async(x_t)).await?);
    }
    Ok(case.verdict(&y, &send(stream.save_async()).await?)?)
}

/// Two runs of one layer that wait for each other's polls.
async fn side_by_side(gpu: &Gpu) -> Outcome {
    let cases = [two_layers(1), two_layers(1).with_x(two_layers(2).x)];
    let layer = cases[0].lstm(gpu, Options::default())?;
    let [first, second] = cases.each_ref().map(|case| layer.forward_async(case.x.view(), None));
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut firsts, mut seconds) = (None, None);
    poll_fn(|context| {
        // Each is begun before the other ends.
        if seconds.is_none()
            && let Poll::Ready(result) = second.as_mut().poll(context)
        {
            seconds = Some(result);
        }
        if firsts.is_none()
            && let Poll::Ready(result) = first.as_mut().poll(context)
        {
            firsts = Some(result);
        }
        if firsts.is_some() && seconds.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    for (case, result) in cases.iter().zip([firsts, seconds]) {
        let (y, state) = result.ok_or("polled to the end")??;
        case.verdict(&y, &state)?;
    }
    Ok(())
}

/// A future that is dropped after its first poll leaves the layer as it was.
async fn dropped(gpu: &Gpu) -> Outcome {
    let case = two_layers(1);
    let layer = case.lstm(gpu, Options::default())?;
    for _ in 0..3 {
        let mut forward = Box::pin(layer.forward_async(case.x.view(), None));
        poll_fn(|context| Poll::Ready(forward.as_mut().poll(context).is_ready())).await;
        drop(forward);
        case.check_layer(&layer)?;
    }
    Ok(())
}

/// Forward and back without blocking, two tapes of one layer side by side: the same bits as in turn.
async fn tapes(gpu: &Gpu) -> Outcome {
    let cases = [two_layers(1).with_state(1), two_layers(2).with_state(2)];
    let runs = cases
        .each_ref()
        .map(|case| Run::new(3, case).but(|run| run.weights = cases[0].weights.clone()));
    let config = LayerConfig::default();
    let layer = AnyLayer::new(gpu, &runs[0].weights, config)?;
    let mut tapes = Vec::new();
    for run in &runs {
        let state = run.initial_state::<AnyKind>()?;
        let forward = layer.forward_tape_async(run.x.view(), None, state.as_ref());
        let (y, last, tape) = send(forward).await?;
        let (in_turn, last_in_turn, _) = layer.forward_tape(run.x.view(), None, state.as_ref())?;
        assert_eq!((y, last), (in_turn, last_in_turn));
        tapes.push(tape);
    }
    let d_states = [runs[0].final_d_state::<AnyKind>()?, runs[1].final_d_state::<AnyKind>()?];
    let back = |n: usize| tapes[n].backward_async(runs[n].d_y.view(), d_states[n].as_ref());
    let (first, second) = (send(back(0)), send(back(1)));
    // The second is begun before the first ends; a third is dropped half-way.
    let mut second = Box::pin(second);
    let begun = poll_fn(|context| Poll::Ready(second.as_mut().poll(context))).await;
    let mut dropped = Box::pin(back(0));
    poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_ready())).await;
    drop(dropped);
    let first = first.await?;
    let second = match begun {
        Poll::Ready(done) => done?,
        Poll::Pending => second.await?,
    };
    for (n, given) in [first, second].into_iter().enumerate() {
        let given = named_of_layer(given, config);
        verdict(&given, &runs[n].gradients(), F32_GRADIENTS)?;
        same_bits(&given, &runs[n].back(&tapes[n], config)?)?;
    }
    Ok(())
}
