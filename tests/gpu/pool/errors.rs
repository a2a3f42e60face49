//! Wrong slots and arrays: each is refused by name, and all states stay as they are.

use wgpu_rnn::ndarray::{Array1, Array2, ArrayD};
use wgpu_rnn::{Error, Gpu, Lstm, LstmKind, LstmState, Options, Schedule, Slot, StreamPool};

use super::lstm_step;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::errors::expect;

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("pool::errors::slots", slots),
        GpuTest::new("pool::errors::ticks", ticks),
        GpuTest::new("pool::errors::encode_tick", encode_tick),
        GpuTest::new("pool::errors::pools", pools),
    ]
}

/// Two layers, a pool of four slots and two streams that have taken a step.
fn used(gpu: &Gpu) -> wgpu_rnn::Result<(Lstm, StreamPool<LstmKind>, [Slot; 2])> {
    let layer = lstm_step().lstm(gpu, Options::default())?;
    let mut pool = layer.stream_pool(4)?;
    let slots = [pool.join()?, pool.join()?];
    pool.tick(&slots, Array2::ones((2, 4)).view())?;
    Ok((layer, pool, slots))
}

fn is_stale<T: std::fmt::Debug>(call: wgpu_rnn::Result<T>, name: &str) {
    let error = expect(call, &[&format!("`{name}`"), "left"]);
    assert!(matches!(error, Error::StaleSlot { .. }), "{error:?}");
}

/// A slot is refused for good once its stream has left, whoever has it then.
fn slots(gpu: &Gpu) -> Outcome {
    let (layer, mut pool, [left, stays]) = used(gpu)?;
    let before = pool.save(stays)?;
    pool.leave(left)?;
    let state = pool.save(stays)?;
    for has_successor in [false, true] {
        let successor = if has_successor { Some(pool.join()?) } else { None };
        if let Some(successor) = successor {
            assert_eq!(successor.row(), left.row(), "the test is of a row that is taken again");
            pool.load(successor, &state)?;
        }
        is_stale(pool.leave(left), "slot");
        is_stale(pool.reset(left), "slot");
        is_stale(pool.save(left), "slot");
        is_stale(pool.load(left, &state), "slot");
        is_stale(pool.fork(left), "slot");
        is_stale(pool.tick(&[stays, left], Array2::ones((2, 4)).view()), "slots[1]");
        assert_eq!(pool.len(), 1 + usize::from(has_successor));
        assert_eq!(pool.save(stays)?, before);
        if let Some(successor) = successor {
            assert_eq!(pool.save(successor)?, state);
        }
    }
    let mut other = layer.stream_pool(4)?;
    let foreign = other.join()?;
    is_stale(pool.reset(foreign), "slot");
    is_stale(pool.tick(&[foreign], Array2::ones((1, 4)).view()), "slots[0]");
    Ok(())
}

fn ticks(gpu: &Gpu) -> Outcome {
    let (_, mut pool, [a, b]) = used(gpu)?;
    let before = [pool.save(a)?, pool.save(b)?];
    let x = |rows, columns| Array2::<f32>::ones((rows, columns));
    expect(pool.tick(&[a, b], x(1, 4).view()), &["`x`", "[1, 4]", "[2, 4]"]);
    expect(pool.tick(&[a, b], x(2, 5).view()), &["`x`", "[2, 5]", "[2, 4]"]);
    expect(pool.tick(&[], x(1, 4).view()), &["`x`", "[1, 4]", "[0, 4]"]);
    expect(pool.tick(&[a, b, a], x(3, 4).view()), &["`slots[2]`", "once"]);
    let state = |l: usize, c: usize| LstmState {
        h: ArrayD::zeros(vec![l, 1, 6]),
        c: ArrayD::zeros(vec![l, c, 6]),
    };
    expect(pool.load(a, &state(1, 1)), &["`h`", "[1, 1, 6]", "[2, 1, 6]"]);
    expect(pool.load(a, &state(2, 2)), &["`c`", "[2, 2, 6]", "[2, 1, 6]"]);
    assert_eq!([pool.save(a)?, pool.save(b)?], before);
    pool.tick(&[b, a], x(2, 4).view())?;
    Ok(())
}

fn encode_tick(gpu: &Gpu) -> Outcome {
    let (_, mut pool, [a, b]) = used(gpu)?;
    let before = [pool.save(a)?, pool.save(b)?];
    let other = &another(gpu)?;
    let active = |gpu: &Gpu, n| gpu.upload(Array1::from_elem(n, 1u32).view());
    let four = active(gpu, 4)?;
    let (x, y) = (gpu.zeros(&[4, 4])?, gpu.zeros(&[4, 6])?);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut tick = |active: &_, x: &_, y: &_| pool.encode_tick(&mut encoder, active, x, y);
    expect(tick(&active(gpu, 3)?, &x, &y), &["`active`", "[3]", "[4]"]);
    expect(tick(&active(other, 4)?, &x, &y), &["`active`", "device"]);
    expect(tick(&four, &gpu.zeros(&[2, 4])?, &y), &["`x`", "[2, 4]", "[4, 4]"]);
    expect(tick(&four, &x, &x), &["`y`", "[4, 4]", "[4, 6]"]);
    let shared = wgpu_rnn::DeviceArray::from_buffer(gpu, y.buffer().clone(), &[4, 4])?;
    expect(tick(&four, &shared, &y), &["`y`", "buffer"]);
    let shared = wgpu_rnn::DeviceArray::from_buffer(gpu, y.buffer().clone(), &[4])?;
    expect(tick(&shared, &x, &y), &["`y`", "buffer"]);
    gpu.queue().submit([encoder.finish()]);
    assert_eq!([pool.save(a)?, pool.save(b)?], before);
    Ok(())
}

fn pools(gpu: &Gpu) -> Outcome {
    let case = lstm_step();
    let (layer, mut pool, [a, _]) = used(gpu)?;
    pool.join()?;
    pool.fork(a)?;
    assert!(pool.is_full() && !pool.is_empty());
    for call in [pool.join(), pool.fork(a)] {
        let error = expect(call, &["full", "4"]);
        assert!(matches!(error, Error::PoolFull { capacity: 4 }), "{error:?}");
    }
    assert_eq!(pool.len(), 4);
    expect(layer.stream_pool(0), &["`capacity`", "0", "at least 1"]);
    let huge = layer.stream_pool(usize::MAX);
    assert!(matches!(huge, Err(Error::Overflow { .. })), "{huge:?}");
    let large = layer.stream_pool(1 << 32);
    assert!(matches!(large, Err(Error::Limit { .. })), "{large:?}");
    let tuned = Options { tune: true, ..Default::default() };
    match lstm_step().lstm(gpu, tuned)?.stream_pool(3).map(drop) {
        Err(Error::Unsupported { what, .. }) => assert!(what.contains("tune"), "{what}"),
        other => return Err(format!("a tuned pool: {other:?}").into()),
    }
    let options = Options { schedule: Some(Schedule::SequenceFused), ..Default::default() };
    expect(case.lstm(gpu, options)?.stream_pool(4), &["sequence-fused", "pool"]);
    Ok(())
}
