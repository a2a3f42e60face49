//! Chains of layers of different cells and sizes, against the reference composed stage by stage.

mod alone;
mod chain;
mod errors;
mod stage_errors;
mod stages;

use std::thread;

use chain::{
    Arrays, BATCH, Chain, FORWARD, GRU, INPUT_SIZE, LENGTHS, Part, SEQ_LEN, embed, encoder,
};
use wgpu_rnn::ndarray::{Array3, ArrayD, Axis, s, stack};
use wgpu_rnn::{
    AnyState, Cell, DeviceInput, Direction, Gpu, LayerInput, Linear, Model, ModelIo, ModelStream,
    Options, Schedule,
};

use crate::common::Random;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::reuse::{NOTHING, check, made, since};

pub fn tests() -> Vec<GpuTest> {
    let tests = [
        GpuTest::new("model::forward", forward),
        GpuTest::new("model::linear_anywhere", linear_anywhere),
        GpuTest::new("model::shared_layer", shared_layer),
        GpuTest::new("model::unbatched", unbatched),
        GpuTest::new("model::encode", encode),
        GpuTest::new("model::inputs", inputs),
        GpuTest::new("model::stream", stream),
        GpuTest::new("model::stream_states", stream_states),
        GpuTest::new("model::stream_tokens", stream_tokens),
        GpuTest::new("model::stream_projected", stream_projected),
        GpuTest::new("model::twins", |gpu| pollster::block_on(twins(gpu))),
        GpuTest::new("model::reuse", reuse),
        GpuTest::new("model::threads", threads),
        GpuTest::new("model::controls", controls),
    ];
    let others = [alone::tests(), stages::tests(), errors::tests(), stage_errors::tests()];
    tests.into_iter().chain(others.into_iter().flatten()).collect()
}

/// Each layout, lengths or not, states or not, each schedule that all stages can run.
fn forward(gpu: &Gpu) -> Outcome {
    for direction in [Direction::Bidirectional, Direction::Forward] {
        for schedule in [None, Some(Schedule::Stepwise), Some(Schedule::SequenceFused)] {
            for variant in 0..8 {
                let [batch_first, has_lengths, has_states] = [1, 2, 4].map(|bit| variant & bit > 0);
                let mut chain = Chain::mixed(1, direction);
                chain.batch_first = batch_first;
                chain.lengths = has_lengths.then_some(&LENGTHS);
                chain = if has_states { chain.with_states(2) } else { chain };
                let options = Options { schedule, chunk: Some(3), ..Default::default() };
                let model = Model::new(chain.stages(gpu, options)?)?;
                let name = |problem| format!("{direction:?} {schedule:?} {variant}: {problem}");
                chain.check(&model).map_err(name)?;
            }
        }
    }
    Ok(())
}

/// Linear stages at the front, between, alone, and one behind the other.
fn linear_anywhere(gpu: &Gpu) -> Outcome {
    let chains: [fn(Chain) -> Chain; 4] = [
        |chain| chain.linear(5).then(Cell::Lstm, 6, 1, Direction::Bidirectional).linear(2),
        |chain| chain.then(GRU, 6, 1, FORWARD).linear(3).then(Cell::Rnn, 5, 1, FORWARD),
        |chain| chain.linear(5),
        |chain| chain.linear(5).linear(2).linear(7),
    ];
    for (n, of) in chains.into_iter().enumerate() {
        for batch_first in [false, true] {
            let mut chain = of(Chain::new(3)).with_states(4);
            chain.batch_first = batch_first;
            let model = chain.on(gpu)?;
            chain.check(&model).map_err(|problem| format!("chain {n}: {problem}"))?;
            let is_linear = chain.recurrent().next().is_none();
            assert_eq!(model.plan(SEQ_LEN, BATCH)?.is_empty(), is_linear);
        }
    }
    Ok(())
}

/// One layer as two stages: they share its weights and buffers, but not their states.
fn shared_layer(gpu: &Gpu) -> Outcome {
    let mut chain = Chain::new(5).then(Cell::Lstm, INPUT_SIZE, 1, FORWARD);
    let stages = chain.stages(gpu, Options::default())?;
    let model = Model::new([&stages[..], &stages[..]].concat())?;
    let weights = chain.recurrent().next().ok_or("one stage")?.clone();
    chain.parts.push(Part::Recurrent(weights));
    let chain = chain.with_states(6);
    chain.check(&model)?;
    let mut stream = model.stream(BATCH)?;
    stream.load(chain.states.as_ref().ok_or("the chain has states")?)?;
    let y = steps(&mut stream, gpu, &chain.x)?;
    Ok(chain.verdict(&y, &stream.save()?)?)
}

/// The first sequence alone; states have an axis less, too.
fn unbatched(gpu: &Gpu) -> Outcome {
    for batch_first in [false, true] {
        let mut chain = Chain::mixed(7, Direction::Bidirectional);
        chain.x = chain.x.slice(s![.., ..1, ..]).to_owned();
        chain.batch_first = batch_first;
        let chain = chain.with_states(8);
        let model = chain.on(gpu)?;
        let without = |array: &ArrayD<f32>| array.index_axis(Axis(1), 0).to_owned();
        let states = chain.states.iter().flatten();
        let states: Vec<_> = states
            .map(|AnyState { h, c }| AnyState { h: without(h), c: c.as_ref().map(without) })
            .collect();
        let x = chain.x.index_axis(Axis(1), 0);
        let (y, states) = model.forward(x, Some(&states))?;
        assert_eq!(y.dim(), (SEQ_LEN, 3));
        let with = |array: ArrayD<f32>| array.insert_axis(Axis(1));
        let states =
            states.into_iter().map(|AnyState { h, c }| AnyState { h: with(h), c: c.map(with) });
        let y = chain.laid_out(with(y.into_dyn()));
        chain.verdict(&y, &states.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// Two runs of one shape in one encoder share what lies between their stages, and a run from the host is no matter.
fn encode(gpu: &Gpu) -> Outcome {
    for variant in 0..8 {
        let [batch_first, has_lengths, has_states] = [1, 2, 4].map(|bit| variant & bit > 0);
        let mut chains = [10, 11].map(|seed| {
            let mut chain = Chain::mixed(10, Direction::Bidirectional);
            chain.x = Random::new(seed).array3([SEQ_LEN, BATCH, INPUT_SIZE]);
            chain.batch_first = batch_first;
            chain.lengths = has_lengths.then_some(&LENGTHS);
            if has_states { chain.with_states(seed) } else { chain }
        });
        let model = chains[0].on(gpu)?;
        let arrays = [Arrays::new(gpu, &chains[0])?, Arrays::new(gpu, &chains[1])?];
        let mut encoder = encoder(gpu);
        arrays[0].encode(&model, &mut encoder)?;
        chains[1].check(&model)?;
        arrays[1].encode(&model, &mut encoder)?;
        gpu.queue().submit([encoder.finish()]);
        for (arrays, chain) in arrays.iter().zip(&mut chains) {
            arrays.check(chain).map_err(|problem| format!("{variant}: {problem}"))?;
        }
    }
    Ok(())
}

/// Token ids and a projected input, from the host and from the device.
fn inputs(gpu: &Gpu) -> Outcome {
    for batch_first in [false, true] {
        let mut chain = Chain::mixed(12, Direction::Bidirectional);
        chain.batch_first = batch_first;
        let (table, ids) = embed(gpu, &mut chain)?;
        let model = chain.on(gpu)?;
        let ids = if batch_first { ids.t().as_standard_layout().into_owned() } else { ids };
        let projection = Linear::input_projection(gpu, chain.recurrent().next().ok_or("one")?)?;
        let x_proj = projection.forward(chain.laid_out(chain.x.clone().into_dyn()).view())?;

        let host = [
            LayerInput::Tokens { ids: ids.view().into_dyn(), table: &table },
            LayerInput::Projected(x_proj.view()),
        ];
        for input in host {
            let (y, states) = model.forward_input(input, None, None)?;
            chain.verdict(&y, &states)?;
        }
        let (ids, x_proj) = (gpu.upload(ids.view())?, gpu.upload(x_proj.view())?);
        for input in
            [DeviceInput::Tokens { ids: &ids, table: &table }, DeviceInput::Projected(&x_proj)]
        {
            let arrays = Arrays::new(gpu, &chain)?;
            let states = arrays.states();
            let mut io = ModelIo::from_input(input, &arrays.y);
            io.states = &states;
            let mut encoder = encoder(gpu);
            model.encode(&mut encoder, &io)?;
            gpu.queue().submit([encoder.finish()]);
            arrays.check(&chain)?;
        }
    }
    Ok(())
}

/// One step after the other, every third from the host, the others encoded.
fn steps(
    stream: &mut ModelStream,
    gpu: &Gpu,
    x: &Array3<f32>,
) -> Result<ArrayD<f32>, Box<dyn std::error::Error>> {
    let mut y = Vec::new();
    for (t, x_t) in x.outer_iter().enumerate() {
        if t % 3 == 0 {
            y.push(stream.step(x_t)?.into_dyn());
            continue;
        }
        let (x_t, y_t) = (gpu.upload(x_t)?, gpu.zeros(&[BATCH, stream.output_size()])?);
        let mut encoder = encoder(gpu);
        stream.encode_step(&mut encoder, &x_t, &y_t)?;
        gpu.queue().submit([encoder.finish()]);
        y.push(y_t.download()?);
    }
    let views: Vec<_> = y.iter().map(|step| step.view()).collect();
    Ok(stack(Axis(0), &views)?)
}

/// A stream is a run of the whole sequence, in either layout.
fn stream(gpu: &Gpu) -> Outcome {
    for batch_first in [false, true] {
        let mut chain = Chain::mixed(13, FORWARD);
        chain.batch_first = batch_first;
        let model = chain.on(gpu)?;
        let mut stream = model.stream(BATCH)?;
        let y = steps(&mut stream, gpu, &chain.x)?;
        chain.verdict(&chain.laid_out(y), &stream.save()?)?;
    }
    let chain = Chain::new(14).linear(5).then(GRU, 6, 1, FORWARD);
    let mut stream = chain.on(gpu)?.stream(BATCH)?;
    let y = steps(&mut stream, gpu, &chain.x)?;
    Ok(chain.verdict(&y, &stream.save()?)?)
}

/// Load, save, reset and reset_row reach all stages.
fn stream_states(gpu: &Gpu) -> Outcome {
    let mut chain = Chain::mixed(15, FORWARD).with_states(16);
    let model = chain.on(gpu)?;
    let mut stream = model.stream(BATCH)?;
    let begin = chain.states.clone().ok_or("the chain has states")?;
    for taken in [0, 1, 2] {
        steps(&mut stream, gpu, &chain.x.slice(s![..taken, .., ..]).to_owned()).ok();
        stream.load(&begin)?;
        assert_eq!(stream.save()?, begin, "{taken} steps");
        let y = steps(&mut stream, gpu, &chain.x)?;
        chain.verdict(&y, &stream.save()?)?;
    }
    let mut states = stream.save()?;
    stream.reset_row(1)?;
    for AnyState { h, c } in &mut states {
        for part in std::iter::once(h).chain(c) {
            part.slice_mut(s![.., 1, ..]).fill(0.0);
        }
    }
    assert_eq!(stream.save()?, states);
    stream.reset()?;
    chain.states = None;
    let y = steps(&mut stream, gpu, &chain.x)?;
    Ok(chain.verdict(&y, &stream.save()?)?)
}

fn stream_tokens(gpu: &Gpu) -> Outcome {
    let mut chain = Chain::mixed(17, FORWARD);
    let (table, ids) = embed(gpu, &mut chain)?;
    let model = chain.on(gpu)?;
    let mut stream = model.stream_tokens(BATCH, &table)?;
    let y_t = gpu.zeros(&[BATCH, 3])?;
    let mut y = Vec::new();
    for (t, ids) in ids.outer_iter().enumerate() {
        if t % 2 == 0 {
            y.push(stream.step_tokens(ids)?.into_dyn());
            continue;
        }
        let mut encoder = encoder(gpu);
        stream.encode_step_tokens(&mut encoder, &gpu.upload(ids)?, &y_t)?;
        gpu.queue().submit([encoder.finish()]);
        y.push(y_t.download()?);
    }
    let views: Vec<_> = y.iter().map(|step| step.view()).collect();
    Ok(chain.verdict(&stack(Axis(0), &views)?, &stream.save()?)?)
}

/// Only the first stage's input is projected: a second recurrent stage follows.
fn stream_projected(gpu: &Gpu) -> Outcome {
    let chain = Chain::mixed(25, FORWARD);
    let model = chain.on(gpu)?;
    let projection = Linear::input_projection(gpu, chain.recurrent().next().ok_or("one")?)?;
    let mut stream = model.stream_projected(BATCH)?;
    let y = steps(&mut stream, gpu, &projection.forward(chain.x.view())?)?;
    Ok(chain.verdict(&y, &stream.save()?)?)
}

async fn twins(gpu: &Gpu) -> Outcome {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let mut chain = Chain::mixed(18, FORWARD).with_states(19);
    let model = chain.on(gpu)?;
    let states = chain.states.clone();
    let (y, last) = send(model.forward_async(chain.x.view(), states.as_deref())).await?;
    chain.verdict(&y.into_dyn(), &last)?;
    let mut stream = model.stream(BATCH)?;
    let mut y = Vec::new();
    for x_t in chain.x.outer_iter() {
        y.push(send(stream.step_async(x_t)).await?);
    }
    let views: Vec<_> = y.iter().map(|step| step.view()).collect();
    chain.states = None;
    Ok(chain.verdict(&stack(Axis(0), &views)?.into_dyn(), &send(stream.save_async()).await?)?)
}

/// A repeated run makes no GPU object.
fn reuse(gpu: &Gpu) -> Outcome {
    // Other tests must not count.
    let gpu = &another(gpu)?;
    let mut chain = Chain::mixed(20, FORWARD).with_states(21);
    chain.lengths = Some(&LENGTHS);
    let model = chain.on(gpu)?;
    check(made(gpu, || Ok(chain.check(&model)?))?, "forward");
    let arrays = Arrays::new(gpu, &chain)?;
    let work = || {
        let mut encoder = encoder(gpu);
        arrays.encode(&model, &mut encoder)?;
        gpu.queue().submit([encoder.finish()]);
        Ok(())
    };
    let [first, later] = made(gpu, work)?;
    // What lies between the stages and its bindings are there: x of the first and y of the last are new.
    assert_eq!((first.buffers, first.pipelines, later), (0, 0, NOTHING), "encode: {first:?}");
    chain.check(&model)?;
    let mut stream = model.stream(BATCH)?;
    let x_t = chain.x.index_axis(Axis(0), 0);
    let two_steps = || {
        stream.step(x_t)?;
        stream.step(x_t)?;
        Ok(())
    };
    let [first, later] = made(gpu, two_steps)?;
    assert!(first.bind_groups > 0, "{first:?}");
    assert_eq!(later, NOTHING, "step again");
    let before = gpu.stats();
    stream.reset()?;
    stream.reset_row(1)?;
    stream.load(chain.states.as_ref().ok_or("the chain has states")?)?;
    assert_eq!(since(gpu.stats(), before), NOTHING, "reset, reset_row and load");
    Ok(())
}

const THREADS: usize = 4;
const RUNS: usize = 50;

/// Inputs and states differ from thread to thread and from run to run; all threads share two shapes.
fn threads(gpu: &Gpu) -> Outcome {
    // A device of its own: a wrong wait in one test must not be mended by another test's.
    let gpu = another(gpu)?;
    let model = Chain::mixed(22, Direction::Bidirectional).on(&gpu)?;
    let work = |thread: usize| {
        (0..RUNS).try_for_each(|run| {
            let seed = (RUNS * thread + run) as u64;
            let mut chain = Chain::mixed(22, Direction::Bidirectional);
            chain.x = Random::new(seed).array3([2 + run % 2, BATCH, INPUT_SIZE]);
            chain.with_states(seed).check(&model)
        })
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || work(n))).collect();
        threads.into_iter().try_for_each(|thread| Ok(thread.join().expect("no panic")?))
    })
}

/// The comparison must fail where stages would be mixed up. Both have one shape, or mistakes would be errors.
fn controls(gpu: &Gpu) -> Outcome {
    let chain = || Chain::new(23).then(GRU, 6, 1, FORWARD).then(Cell::Rnn, 6, 1, FORWARD);
    let right = chain().with_states(24);
    let model = right.on(gpu)?;
    let (y, last) = right.run(&model)?;
    right.verdict(&y, &last)?;
    type Mistake = fn(&mut Vec<AnyState>);
    let mistakes: [(&str, Mistake); 4] = [
        ("swapped states", |states| states.swap(0, 1)),
        ("the first state twice", |states| states[1] = states[0].clone()),
        ("no h0 of the first", |states| states[0].h.fill(0.0)),
        ("no h0 of the second", |states| states[1].h.fill(0.0)),
    ];
    for (name, mistake) in mistakes {
        let mut wrong = chain().with_states(24);
        wrong.states.iter_mut().for_each(mistake);
        assert!(wrong.verdict(&y, &last).is_err(), "{name}: of the initial states");
        let mut wrong = last.clone();
        mistake(&mut wrong);
        assert!(right.verdict(&y, &wrong).is_err(), "{name}: of the final states");
    }
    Ok(())
}
