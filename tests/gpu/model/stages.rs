//! The stages around the recurrent ones in whole small models.

use wgpu_rnn::ndarray::{Array2, Array3, ArrayD, Axis, s, stack};
use wgpu_rnn::{
    Cell, DeviceInput, Direction, Function, Gpu, Last, LayerConfig, LayerInput, Model, ModelIo,
    ModelStream, Options, Schedule, Stage,
};

use super::chain::{Arrays, BATCH, Chain, FORWARD, GRU, LENGTHS, Part, SEQ_LEN, encoder};
use crate::common::Random;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::linear::Head;
use crate::reuse::{NOTHING, check, made};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("model::stages_whole", whole),
        GpuTest::new("model::stages_features", features),
        GpuTest::new("model::stages_encode", encode),
        GpuTest::new("model::stages_unbatched", unbatched),
        GpuTest::new("model::stages_stream", stream),
        GpuTest::new("model::stages_twins", |gpu| pollster::block_on(twins(gpu))),
        GpuTest::new("model::stages_weights", weights),
        GpuTest::new("model::stages_reuse", reuse),
        GpuTest::new("model::stages_controls", controls),
    ]
}

const BOTH: Direction = Direction::Bidirectional;

/// Whole small models. `pick` is what stands between the recurrent stage and the head.
fn small(seed: u64, direction: Direction, pick: Option<Last>) -> Chain {
    let chain = Chain::new(seed).embedding(5).function(Function::Tanh);
    let chain = chain.then(GRU, 6, 1, FORWARD).linear(7).function(Function::Relu);
    let chain = chain.then(Cell::Lstm, 9, 2, direction);
    let chain = if let Some(pick) = pick { chain.last(pick) } else { chain };
    chain.function(Function::Sigmoid).linear(4).function(Function::LogSoftmax)
}

const PICKS: [Option<Last>; 3] = [None, Some(Last::Step), Some(Last::States)];

/// Each layout, lengths or not, states or not, each pick, both directions, two schedules.
fn whole(gpu: &Gpu) -> Outcome {
    for (direction, pick) in [FORWARD, BOTH].into_iter().flat_map(|d| PICKS.map(|pick| (d, pick))) {
        for schedule in [Schedule::Stepwise, Schedule::SequenceFused] {
            for variant in 0..8 {
                let [batch_first, has_lengths, has_states] = [1, 2, 4].map(|bit| variant & bit > 0);
                let mut chain = small(31, direction, pick);
                chain.batch_first = batch_first;
                chain.lengths = has_lengths.then_some(&LENGTHS);
                chain = if has_states { chain.with_states(32) } else { chain };
                let forced = Options { schedule: Some(schedule), ..Default::default() };
                let model = Model::new(chain.stages(gpu, forced)?)?;
                let name =
                    |problem| format!("{direction:?} {pick:?} {schedule} {variant}: {problem}");
                chain.check(&model).map_err(name)?;
            }
        }
    }
    Ok(())
}

/// From x, and without a recurrent stage.
fn features(gpu: &Gpu) -> Outcome {
    let chains: [fn(Chain) -> Chain; 6] = [
        |chain| chain.function(Function::Relu).then(GRU, 6, 1, BOTH).last(Last::States),
        |chain| chain.function(Function::Softmax).linear(5),
        |chain| chain.linear(5).function(Function::Tanh).last(Last::Step),
        |chain| chain.linear(5).last(Last::Step).linear(2),
        |chain| chain.then(Cell::Rnn, 6, 1, Direction::Reverse).last(Last::States).linear(2),
        |chain| chain.then(Cell::Rnn, 6, 3, Direction::Reverse).last(Last::Step),
    ];
    for (n, of) in chains.into_iter().enumerate() {
        for has_lengths in [false, true] {
            let mut chain = of(Chain::new(33));
            chain.lengths = (has_lengths && n != 1).then_some(&LENGTHS);
            chain.check(&chain.on(gpu)?).map_err(|problem| format!("chain {n}: {problem}"))?;
        }
    }
    Ok(())
}

/// On the caller's buffers, two runs of one shape in one encoder; the states that are picked are the caller's, too.
fn encode(gpu: &Gpu) -> Outcome {
    for (n, pick) in PICKS.into_iter().enumerate() {
        for batch_first in [false, true] {
            let mut chains = [34, 35].map(|seed| {
                let mut chain = small(34, BOTH, pick).with_states(seed);
                let mut random = Random::new(seed);
                chain.ids.mapv_inplace(|_| random.below(11) as u32);
                chain.batch_first = batch_first;
                chain.lengths = (n > 0).then_some(&LENGTHS);
                chain
            });
            let model = chains[0].on(gpu)?;
            let arrays = [Arrays::new(gpu, &chains[0])?, Arrays::new(gpu, &chains[1])?];
            let mut encoder = encoder(gpu);
            arrays[0].encode(&model, &mut encoder)?;
            chains[1].check(&model)?;
            arrays[1].encode(&model, &mut encoder)?;
            gpu.queue().submit([encoder.finish()]);
            for (arrays, chain) in arrays.iter().zip(&mut chains) {
                arrays.check(chain).map_err(|problem| format!("{pick:?}: {problem}"))?;
            }
            // No state is wanted but the one that is picked.
            let mut stateless = small(34, BOTH, pick);
            (stateless.batch_first, stateless.lengths) = (batch_first, chains[0].lengths);
            let arrays = Arrays::new(gpu, &stateless)?;
            let mut encoder = super::encoder(gpu);
            let mut io = ModelIo::from_input(DeviceInput::Ids(&arrays.ids), &arrays.y);
            io.lengths = arrays.lengths();
            model.encode(&mut encoder, &io)?;
            gpu.queue().submit([encoder.finish()]);
            let (y, _) = stateless.run(&model)?;
            assert_eq!(arrays.y.download()?, y, "{pick:?}");
        }
    }
    Ok(())
}

/// The first sequence alone: y has no axis of a batch either.
fn unbatched(gpu: &Gpu) -> Outcome {
    for (pick, steps) in [(None, SEQ_LEN), (Some(Last::Step), 1), (Some(Last::States), 1)] {
        for batch_first in [false, true] {
            let mut chain = small(43, BOTH, pick);
            chain.batch_first = batch_first;
            chain.ids = chain.ids.slice(s![.., ..1]).to_owned();
            chain.x = chain.x.slice(s![.., ..1, ..]).to_owned();
            let model = chain.on(gpu)?;
            let ids = chain.ids.column(0).into_dyn();
            let (y, states) = model.forward_input(LayerInput::Ids(ids), None, None)?;
            assert_eq!(y.shape(), [steps, 4]);
            assert_eq!(states[1].h.shape(), [4, 9]);
            let y = chain.laid_out(y.insert_axis(Axis(1)));
            let with = |array: ArrayD<f32>| array.insert_axis(Axis(1));
            let states = states
                .into_iter()
                .map(|state| wgpu_rnn::AnyState { h: with(state.h), c: state.c.map(with) });
            chain.verdict(&y, &states.collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// One step after the other, every third from the host, the others encoded.
fn steps(stream: &mut ModelStream, gpu: &Gpu, ids: &Array2<u32>) -> wgpu_rnn::Result<Array3<f32>> {
    let mut y = Vec::new();
    for (t, ids) in ids.outer_iter().enumerate() {
        if t % 3 == 0 {
            y.push(stream.step_tokens(ids)?.into_dyn());
            continue;
        }
        let y_t = gpu.zeros(&[BATCH, stream.output_size()])?;
        let mut encoder = encoder(gpu);
        stream.encode_step_tokens(&mut encoder, &gpu.upload(ids)?, &y_t)?;
        gpu.queue().submit([encoder.finish()]);
        y.push(y_t.download()?);
    }
    let views: Vec<_> = y.iter().map(|step| step.view()).collect();
    Ok(stack(Axis(0), &views).unwrap().into_dimensionality().unwrap())
}

/// A step of a stream is the last one of what has gone through: that of a run of so many steps.
fn stream(gpu: &Gpu) -> Outcome {
    for pick in PICKS {
        for batch_first in [false, true] {
            let mut chain = small(44, FORWARD, pick);
            chain.batch_first = batch_first;
            let mut stream = chain.on(gpu)?.stream(BATCH)?;
            let y = steps(&mut stream, gpu, &chain.ids)?;
            if pick.is_none() {
                chain.verdict(&chain.laid_out(y.into_dyn()), &stream.save()?)?;
                continue;
            }
            let whole = chain.ids.clone();
            for t in 1..=SEQ_LEN {
                chain.ids = whole.slice(s![..t, ..]).to_owned();
                let y = y.slice(s![t - 1..t, .., ..]).to_owned().into_dyn();
                let (_, states) = chain.run(&chain.on(gpu)?)?;
                chain.verdict(&chain.laid_out(y), &states)?;
            }
            assert_eq!(stream.save()?.len(), 2);
        }
    }
    // From features, and a function or a linear stage at the front.
    let chains: [fn(Chain) -> Chain; 3] = [
        |chain| chain.function(Function::Sigmoid).then(GRU, 6, 1, FORWARD).linear(2),
        |chain| chain.linear(5).function(Function::Relu).then(Cell::Rnn, 6, 1, FORWARD),
        |chain| chain.linear(5).function(Function::Softmax),
    ];
    for of in chains {
        let chain = of(Chain::new(45));
        let mut stream = chain.on(gpu)?.stream(BATCH)?;
        let y = super::steps(&mut stream, gpu, &chain.x)?;
        chain.verdict(&y, &stream.save()?)?;
    }
    // A first stage that is recurrent takes token ids by its own table, whatever follows.
    let mut chain = Chain::new(46).then(GRU, 6, 1, FORWARD).linear(3).function(Function::Softmax);
    let (table, ids) = super::embed(gpu, &mut chain)?;
    let mut stream = chain.on(gpu)?.stream_tokens(BATCH, &table)?;
    let y = steps(&mut stream, gpu, &ids)?;
    Ok(chain.verdict(&y.into_dyn(), &stream.save()?)?)
}

async fn twins(gpu: &Gpu) -> Outcome {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let chain = small(47, FORWARD, Some(Last::States));
    let model = chain.on(gpu)?;
    let ids = chain.ids.view().into_dyn();
    let (y, states) = send(model.forward_input_async(LayerInput::Ids(ids), None, None)).await?;
    chain.verdict(&y, &states)?;
    let mut stream = model.stream(BATCH)?;
    let mut last = None;
    for ids in chain.ids.outer_iter() {
        last = Some(send(stream.step_tokens_async(ids)).await?);
    }
    let y = last.ok_or("some steps")?.insert_axis(Axis(0)).into_dyn();
    Ok(chain.verdict(&y, &send(stream.save_async()).await?)?)
}

/// From the weights on the host comes the same model, also one whose layout no recurrent stage tells.
fn weights(gpu: &Gpu) -> Outcome {
    for batch_first in [false, true] {
        let mut chain = small(48, BOTH, Some(Last::Step));
        chain.batch_first = batch_first;
        chain.lengths = Some(&LENGTHS);
        let weights = chain.weights()?;
        assert_eq!((weights.batch_first(), weights.takes_ids()), (batch_first, true));
        assert_eq!((weights.input_size(), weights.output_size()), (1, 4));
        let model = weights.load(gpu, LayerConfig::default())?;
        assert_eq!(model.stages().len(), weights.stages().len());
        chain.check(&model)?;
        assert_eq!(chain.run(&model)?, chain.run(&chain.on(gpu)?)?);

        let mut chain = Chain::new(49).linear(5).last(Last::Step);
        chain.batch_first = batch_first;
        chain.lengths = Some(&LENGTHS);
        let model =
            chain.weights()?.load(gpu, LayerConfig { batch_first, ..Default::default() })?;
        assert_eq!(model.batch_first(), batch_first);
        chain.check(&model)?;
    }
    Ok(())
}

/// A repeated run makes no GPU object.
fn reuse(gpu: &Gpu) -> Outcome {
    // Other tests must not count.
    let gpu = &another(gpu)?;
    let mut chain = small(50, FORWARD, Some(Last::States)).with_states(51);
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
    assert_eq!((first.buffers, first.pipelines, later), (0, 0, NOTHING), "encode: {first:?}");
    let mut stream = model.stream(BATCH)?;
    let ids = chain.ids.row(0);
    let two_steps = || {
        stream.step_tokens(ids)?;
        stream.step_tokens(ids)?;
        Ok(())
    };
    let [_, later] = made(gpu, two_steps)?;
    assert_eq!(later, NOTHING, "step again");
    Ok(())
}

/// The comparison must fail where a stage is left out, or picks something else.
fn controls(gpu: &Gpu) -> Outcome {
    let chain = |pick| {
        let mut chain = Chain::new(52).embedding(5).then(Cell::Lstm, 6, 2, BOTH).last(pick);
        chain.lengths = Some(&LENGTHS);
        chain.linear(3).function(Function::Softmax)
    };
    let right = chain(Last::States);
    let (y, states) = right.run(&right.on(gpu)?)?;
    right.verdict(&y, &states)?;
    let replaced = |at: usize, part: Part| {
        let mut chain = chain(Last::States);
        chain.parts[at] = part;
        chain
    };
    let mut other = Random::new(53);
    let mut swapped = chain(Last::States);
    swapped.ids.swap([0, 0], [3, 0]);
    swapped.ids[[0, 0]] = (swapped.ids[[3, 0]] + 1) % 11;
    let full = Chain { lengths: None, ..chain(Last::States) };
    let wrong = [
        ("the last step for the states", chain(Last::Step)),
        ("all steps of full length", full),
        ("another function", replaced(4, Part::Function(Function::Sigmoid))),
        ("the logarithm", replaced(4, Part::Function(Function::LogSoftmax))),
        ("another head", replaced(3, Part::Linear(Head::new(&mut other, 12, 3, true)))),
        ("another table", replaced(0, Part::Embedding(other.array2((11, 5))))),
        ("other ids", swapped),
    ];
    for (name, wrong) in wrong {
        assert!(wrong.verdict(&y, &states).is_err(), "{name}");
    }
    let stages = right.stages(gpu, Options::default())?;
    let without = |left_out: usize| {
        let stages = stages.iter().enumerate().filter(|(i, _)| *i != left_out);
        Model::new(stages.map(|(_, stage)| Stage::clone(stage)).collect())
    };
    for left_out in [2, 4] {
        let (y, states) = right.run(&without(left_out)?)?;
        assert!(right.verdict(&y, &states).is_err(), "without stage {left_out}");
    }
    Ok(())
}
