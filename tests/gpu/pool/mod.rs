//! Pools of streams: each stream against one of its own and against the reference, whatever the others do.

mod errors;
mod twins;

use std::thread;

use wgpu_rnn::ndarray::{Array1, Array2, Array3, Axis, s};
use wgpu_rnn::reference::{Inputs, forward};
use wgpu_rnn::{
    AnyKind, AnyLayer, Cell, Gpu, GruKind, Kind, Lstm, LstmKind, Options, RnnKind, Slot,
    WeightFormat,
};

use crate::common::Random;
use crate::common::case::{Case, Shape, both_of};
use crate::common::compare::compare;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::common::variant::{Variant, variants};
use crate::reuse::{NOTHING, check, made, since};
use twins::Twins;

pub fn tests() -> Vec<GpuTest> {
    let mut tests: Vec<GpuTest> = variants().map(random_lives).into();
    tests.extend([
        GpuTest::new("pool::many", many),
        GpuTest::new("pool::others_have_no_effect", others_have_no_effect),
        GpuTest::new("pool::exchange_with_streams", exchange_with_streams),
        GpuTest::new("pool::threads", threads),
        GpuTest::new("pool::reuse", reuse),
        GpuTest::new("pool::async", |gpu| pollster::block_on(twins_of_calls(gpu))),
        GpuTest::new("control::pool_inactive_stream_advances", inactive_advances),
        GpuTest::new("control::pool_streams_swapped", streams_swapped),
        GpuTest::new("control::pool_leaver_goes_on", leaver_goes_on),
    ]);
    tests.extend(errors::tests());
    tests
}

/// One step of one row: I 4, H 6.
fn step(variant: &Variant, l: usize, bidirectional: bool) -> Case {
    Case::of(1, variant, Shape { t: 1, b: 1, l, bidirectional, ..Default::default() })
}

fn lstm_step() -> Case {
    step(&Variant::default(), 2, false)
}

fn random_lives(variant: Variant) -> GpuTest {
    GpuTest::new(format!("pool::random::{}", variant.name), move |gpu| match variant.cell {
        Cell::Lstm => lives::<LstmKind>(gpu, &variant),
        Cell::Gru { .. } => lives::<GruKind>(gpu, &variant),
        _ => lives::<RnnKind>(gpu, &variant),
    })
}

/// Tiles of 1 and 4 rows, and those that the planner chooses for each number of streams; each format of weights.
fn lives<K: Kind>(gpu: &Gpu, variant: &Variant) -> Outcome {
    let [f32, f16, int8] = WeightFormat::ALL;
    let pools = [(1, false, None, int8), (2, false, Some(1), f16), (2, true, Some(4), f32)];
    for (l, bidirectional, rows, format) in pools {
        let case = step(variant, l, bidirectional).but(|case| case.weight_format = format);
        let mut twins = Twins::<K>::new(gpu, &case, 11, rows)?;
        twins.live(&mut Random::new(l as u64), 150).map_err(|problem| {
            format!("layers {l}, bidirectional {bidirectional}, rows {rows:?}: {problem}")
        })?;
    }
    Ok(())
}

/// Streams that each take part in some of the ticks: sequences of as many steps.
fn many(gpu: &Gpu) -> Outcome {
    const STREAMS: usize = 2000;
    const TICKS: usize = 12;
    let case = Case::new(1, Shape { t: TICKS, b: STREAMS, ..Default::default() });
    let mut pool = case.lstm(gpu, Options::default())?.stream_pool(STREAMS)?;
    let slots = (0..STREAMS).map(|_| pool.join()).collect::<Result<Vec<_>, _>>()?;
    assert!(pool.is_full());
    let mut random = Random::new(1);
    let mut y = Array3::zeros((TICKS, STREAMS, case.weights.sizes().output_size()));
    let mut taken = vec![0; STREAMS];
    for tick in 0..TICKS {
        // All, few, one.
        let one_in = [1, 2, 50, STREAMS][tick % 4];
        let mut numbers: Vec<usize> = (0..STREAMS).filter(|_| random.below(one_in) == 0).collect();
        twins::shuffle(&mut random, &mut numbers);
        let mut x = Array2::zeros((numbers.len(), case.x.dim().2));
        for (mut row, n) in x.rows_mut().into_iter().zip(&numbers) {
            row.assign(&case.x.slice(s![taken[*n], *n, ..]));
        }
        let those: Vec<Slot> = numbers.iter().map(|n| slots[*n]).collect();
        for (y_t, n) in pool.tick(&those, x.view())?.rows().into_iter().zip(&numbers) {
            y.slice_mut(s![taken[*n], *n, ..]).assign(&y_t);
            taken[*n] += 1;
        }
    }
    let inputs = Inputs { lengths: Some(&taken), ..Inputs::new(case.x.view()) };
    let expected = forward(&case.weights, &inputs);
    compare("y", &y.into_dyn(), &expected.y.into_dyn(), case.allowed()).verdict()?;
    for n in (0..STREAMS).step_by(97) {
        let state = both_of::<LstmKind>(&pool.save(slots[n])?);
        let row = |state: &Array3<f64>| state.slice(s![.., n..n + 1, ..]).to_owned().into_dyn();
        compare("h", &state.h, &row(&expected.h_n), case.allowed()).verdict()?;
        compare("c", &state.c, &row(&expected.c_n), case.allowed()).verdict()?;
    }
    Ok(())
}

/// The bits of a stream are the same in any company, as far as the tile of rows is.
fn others_have_no_effect(gpu: &Gpu) -> Outcome {
    let case = lstm_step();
    let layer = case.lstm(gpu, Options { rows: Some(4), split: Some(1), ..Default::default() })?;
    let mut alone = layer.stream_pool(1)?;
    let mut pool = layer.stream_pool(9)?;
    let one = alone.join()?;
    let slots = (0..9).map(|_| pool.join()).collect::<Result<Vec<_>, _>>()?;
    let mut random = Random::new(3);
    for tick in 0..20 {
        let x = random.array2((9, 4));
        let company: Vec<Slot> = slots[..1 + tick % 9].iter().rev().copied().collect();
        let y = pool.tick(&company, x.slice(s![..company.len(), ..]))?;
        let last = company.len() - 1;
        let y_alone = alone.tick(&[one], x.slice(s![last..=last, ..]))?;
        assert_eq!(y.row(last), y_alone.row(0), "tick {tick}");
    }
    assert_eq!(pool.save(slots[0])?, alone.save(one)?);
    Ok(())
}

/// A state goes from a pool to a stream, a run of a sequence, and back.
fn exchange_with_streams(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape { t: 6, b: 1, l: 2, ..Default::default() });
    let layer: AnyLayer = case.layer(gpu, Options::default())?;
    let (mut pool, mut stream) = (layer.stream_pool(3)?, layer.stream(1)?);
    let x = |t: usize| case.x.index_axis(Axis(0), t);
    let slot = pool.join()?;
    pool.tick(&[slot], x(0))?;
    stream.load(&pool.save(slot)?)?;
    stream.step(x(1))?;
    let (_, state) = layer.forward(case.x.slice(s![2..4, .., ..]), Some(&stream.save()?))?;
    let other = pool.join()?;
    pool.load(other, &state)?;
    pool.tick(&[slot, other], case.x.slice(s![4..5, 0, ..]).broadcast((2, 4)).ok_or("one row")?)?;
    let y = pool.tick(&[other], x(5))?;
    let expected = case.expected().y.index_axis(Axis(0), 5).to_owned().into_dyn();
    Ok(compare("y", &y.into_dyn(), &expected, case.allowed()).verdict()?)
}

/// Pools of one layer in threads of their own.
fn threads(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    thread::scope(|scope| {
        let live = |seed: u64| -> Result<(), String> {
            let mut twins = Twins::<AnyKind>::new(gpu, &lstm_step(), 7, Some(1))
                .map_err(|error| error.to_string())?;
            let outcome = twins.live(&mut Random::new(seed), 100);
            outcome.map_err(|problem| format!("{seed}: {problem}"))
        };
        let threads: Vec<_> = (1..4).map(|seed| scope.spawn(move || live(seed))).collect();
        threads.into_iter().try_for_each(|thread| Ok(thread.join().expect("no panic")?))
    })
}

/// A pool makes its GPU objects when it is made, at its first tick of each face, and at its first fork.
fn reuse(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = lstm_step();
    let layer = case.lstm(gpu, Options::default())?;
    let mut pool = layer.stream_pool(40)?;
    let slots = (0..30).map(|_| pool.join()).collect::<Result<Vec<_>, _>>()?;
    let x = Array2::ones((30, 4));
    let ticks = || {
        for n in [30, 1, 7] {
            pool.tick(&slots[..n], x.slice(s![..n, ..]))?;
        }
        Ok(())
    };
    check(made(gpu, ticks)?, "tick");
    let active = gpu.upload(Array1::from_elem(40, 1u32).view())?;
    let (all_x, y) = (gpu.zeros(&[40, 4])?, gpu.zeros(&[40, 6])?);
    let ticks = || {
        for _ in 0..2 {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            pool.encode_tick(&mut encoder, &active, &all_x, &y)?;
            gpu.queue().submit([encoder.finish()]);
        }
        Ok(())
    };
    check(made(gpu, ticks)?, "encode_tick");
    let state = case.clone().with_state(1).state.ok_or("with_state gives one")?;
    let others = || {
        let slot = pool.fork(slots[0])?;
        pool.load(slot, &state)?;
        pool.reset(slot)?;
        Ok(pool.leave(slot)?)
    };
    let [_, later] = made(gpu, others)?;
    assert_eq!(later, NOTHING, "fork, load, reset and leave");
    let before = gpu.stats();
    pool.tick(&slots[..2], x.slice(s![..2, ..]))?;
    assert_eq!(since(gpu.stats(), before), NOTHING, "tick after encode_tick");
    Ok(())
}

/// The async twins of calls.
async fn twins_of_calls(gpu: &Gpu) -> Outcome {
    let layer: Lstm = lstm_step().layer(gpu, Options::default())?;
    let mut pools = [layer.stream_pool(3)?, layer.stream_pool(3)?];
    let mut slots = Vec::new();
    for pool in &mut pools {
        slots.push([pool.join()?, pool.join()?]);
    }
    let x = Random::new(1).array2((2, 4));
    for _ in 0..3 {
        let y = pools[0].tick(&slots[0], x.view())?;
        assert_eq!(pools[1].tick_async(&slots[1], x.view()).await?, y);
    }
    assert_eq!(pools[0].tick(&[], Array2::zeros((0, 4)).view())?.dim(), (0, 6));
    assert_eq!(pools[1].tick_async(&[], Array2::zeros((0, 4)).view()).await?.dim(), (0, 6));
    for (one, other) in slots[0].iter().zip(&slots[1]) {
        assert_eq!(pools[0].save(*one)?, pools[1].save_async(*other).await?);
    }
    Ok(())
}

/// Three streams that are right so far; then `mistake`, after which their next tick must be found wrong.
fn control(gpu: &Gpu, mistake: impl FnOnce(&mut Twins<LstmKind>) -> Outcome) -> Outcome {
    let mut twins = Twins::new(gpu, &lstm_step(), 4, None)?;
    let mut random = Random::new(1);
    for _ in 0..3 {
        twins.join()?;
        let all: Vec<usize> = (0..twins.twins.len()).collect();
        twins.tick(&all, &random.array2((all.len(), 4)))?;
    }
    twins.check_states()?;
    mistake(&mut twins)?;
    assert!(twins.check_states().is_err(), "the states do not show it");
    assert!(twins.tick(&[0, 1, 2], &random.array2((3, 4))).is_err(), "the tick does not show it");
    Ok(())
}

fn inactive_advances(gpu: &Gpu) -> Outcome {
    control(gpu, |twins| {
        let slot = twins.twins[1].slot;
        twins.pool.tick(&[slot], Array2::ones((1, 4)).view())?;
        Ok(())
    })
}

fn streams_swapped(gpu: &Gpu) -> Outcome {
    control(gpu, |twins| {
        let slots = [twins.twins[0].slot, twins.twins[2].slot];
        (twins.twins[2].slot, twins.twins[0].slot) = (slots[0], slots[1]);
        Ok(())
    })
}

/// The slot has gone to another stream, as if its old number were still good.
fn leaver_goes_on(gpu: &Gpu) -> Outcome {
    control(gpu, |twins| {
        let left = twins.twins[1].slot;
        twins.pool.leave(left)?;
        twins.twins[1].slot = twins.pool.join()?;
        assert_eq!(twins.twins[1].slot.row(), left.row());
        Ok(())
    })
}
