//! The stages around the recurrent ones: alone, with every value that is special, and in whole small models.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, Axis, Ix2, s, stack};
use wgpu_rnn::{
    Cell, DeviceInput, Direction, Embedding, Function, Gpu, Last, LayerConfig, LayerInput, Model,
    ModelIo, ModelStream, Options, Schedule, Stage, reference,
};

use super::chain::{Arrays, BATCH, Chain, FORWARD, GRU, LENGTHS, Part, SEQ_LEN, encoder};
use crate::common::Random;
use crate::common::compare::{F32, compare};
use crate::common::trials::{GpuTest, Outcome, another};
use crate::linear::Head;
use crate::reuse::{NOTHING, check, made};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("model::stages_whole", whole),
        GpuTest::new("model::stages_features", features),
        GpuTest::new("model::stages_encode", encode),
        GpuTest::new("model::stages_functions", functions),
        GpuTest::new("model::stages_special_values", special_values),
        GpuTest::new("model::stages_many_rows", many_rows),
        GpuTest::new("model::stages_embedding", embedding),
        GpuTest::new("model::stages_last_sizes", last_sizes),
        GpuTest::new("model::stages_last_of_nothing", last_of_nothing),
        GpuTest::new("model::stages_unbatched", unbatched),
        GpuTest::new("model::stages_stream", stream),
        GpuTest::new("model::stages_twins", |gpu| pollster::block_on(twins(gpu))),
        GpuTest::new("model::stages_weights", weights),
        GpuTest::new("model::stages_reuse", reuse),
        GpuTest::new("model::stages_controls", controls),
    ]
}

const FUNCTIONS: [Function; 5] =
    [Function::Relu, Function::Tanh, Function::Sigmoid, Function::Softmax, Function::LogSoftmax];
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

/// A function of some rows, which go in as they are: as the table of an embedding.
fn apply(gpu: &Gpu, function: Function, rows: &Array2<f32>) -> wgpu_rnn::Result<ArrayD<f32>> {
    let model = Model::new(vec![Embedding::new(gpu, rows)?.into(), function.into()])?;
    let ids = Array1::from_iter(0..rows.nrows() as u32).into_dyn();
    Ok(model.forward_input(LayerInput::Ids(ids.view()), None, None)?.0)
}

fn bits(array: &ArrayD<f32>) -> Vec<u32> {
    array.iter().map(|value| value.to_bits()).collect()
}

/// Features around 4 and 64 lanes and what a lane has, rows around those of a workgroup; the same bits again.
fn functions(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(36);
    let shapes = [1, 2, 3, 4, 5, 15, 16, 17, 18, 63, 64, 65, 128, 129, 1000].map(|f| (3, f));
    let others = [1, 15, 16, 17, 31, 33, 63, 64, 65].map(|rows| (rows, 7));
    for (rows, features) in shapes.into_iter().chain(others).chain([(257, 1), (2, 30_000)]) {
        let x = 4.0 * random.array2((rows, features));
        for function in FUNCTIONS {
            let y = apply(gpu, function, &x)?;
            let expected = reference::function(function, &x.mapv(f64::from).into_dyn());
            let name = |problem| format!("{function:?} of {rows} rows of {features}: {problem}");
            compare("y", &y, &expected, F32).verdict().map_err(name)?;
            assert_eq!(bits(&y), bits(&apply(gpu, function, &x)?), "{function:?}: again");
            if function == Function::Softmax {
                let sums = y.sum_axis(Axis(1));
                assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{sums}");
            }
        }
    }
    // A row's bits do not depend on where it lies.
    let row = random.array2((1, 70));
    let many = row.broadcast((40, 70)).ok_or("40 rows")?.to_owned();
    for function in [Function::Softmax, Function::LogSoftmax] {
        let one = apply(gpu, function, &row)?;
        for y in apply(gpu, function, &many)?.outer_iter() {
            assert_eq!(bits(&y.to_owned().into_dyn()), bits(&one), "{function:?}");
        }
    }
    Ok(())
}

/// Large arguments saturate, NaN stays NaN, and no row has an effect on another.
fn special_values(gpu: &Gpu) -> Outcome {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let plain = [0.5, -0.25, 1.0];
    let rows = [
        plain,
        [1e4, -1e4, 0.0],
        [-1e4, -1e4, -1e4],
        [1e4, 1e4, 9999.0],
        [3e38, -3e38, 1.0],
        [-inf, 0.0, 1.0],
        [-inf, -inf, -inf],
        [inf, 0.0, -inf],
        [nan, 0.0, 1.0],
        [0.0, -0.0, 1e-30],
        plain,
    ];
    // As they are, and wider than the lanes of a row.
    for width in [3, 100] {
        let x = Array2::from_shape_fn((rows.len(), width), |(row, k)| rows[row][k % 3]);
        for function in FUNCTIONS {
            let y = apply(gpu, function, &x)?;
            let expected = reference::function(function, &x.mapv(f64::from).into_dyn());
            assert_eq!(y.shape(), expected.shape());
            for ((at, y), expected) in y.indexed_iter().zip(&expected) {
                // A difference may be beyond f32.
                let (y, expected) = (f64::from(*y), f64::from(*expected as f32));
                let is_right = match expected {
                    expected if expected.is_nan() => y.is_nan(),
                    expected if expected.is_infinite() => y == expected,
                    // Relu and the logarithm reach values as large as x.
                    expected => (y - expected).abs() <= F32 * expected.abs().max(1.0),
                };
                assert!(is_right, "{function:?} of {width}, {at:?}: {y}, expected {expected}");
            }
            let y = y.into_dimensionality::<Ix2>()?;
            assert_eq!(y.row(0), y.row(rows.len() - 1), "{function:?} of {width}");
            let nans = y.outer_iter().map(|row| row.iter().filter(|y| y.is_nan()).count());
            let nans: Vec<_> = nans.collect();
            let each = width.div_ceil(3);
            let expected = match function {
                Function::Softmax | Function::LogSoftmax => {
                    [0, 0, 0, 0, 0, 0, width, width, width, 0, 0]
                }
                _ => [0, 0, 0, 0, 0, 0, 0, 0, each, 0, 0],
            };
            assert_eq!(nans, expected, "{function:?} of {width}");
        }
    }
    Ok(())
}

/// More workgroups than a side of the grid has: the last row is as right as the first.
fn many_rows(gpu: &Gpu) -> Outcome {
    let table = Random::new(37).array2((5, 17));
    let ids = Array2::from_shape_fn((66_000, 1), |(t, _)| (t % 5) as u32);
    for function in [Function::LogSoftmax, Function::Tanh] {
        let model = Model::new(vec![Embedding::new(gpu, &table)?.into(), function.into()])?;
        let (y, _) = model.forward_input(LayerInput::Ids(ids.view().into_dyn()), None, None)?;
        let expected = reference::function(function, &table.mapv(f64::from).into_dyn());
        let picked = Array3::from_shape_fn((66_000, 1, 17), |(t, _, k)| expected[[t % 5, k]]);
        compare("y", &y, &picked.into_dyn(), F32).verdict()?;
    }
    Ok(())
}

/// Exactly the rows, whatever their number and size; one beyond the table is its last on the device.
fn embedding(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(38);
    for (rows, dim) in [(1, 1), (2, 3), (31, 63), (32, 64), (33, 65), (1000, 2)] {
        let table = random.array2((rows, dim));
        let model = Model::new(vec![Embedding::new(gpu, &table)?.into()])?;
        assert_eq!((model.input_size(), model.output_size()), (1, dim));
        for (t, b) in [(1, 1), (31, 1), (8, 4), (3, 11)] {
            let ids = Array2::from_shape_simple_fn((t, b), || random.below(rows) as u32);
            let expected = reference::embedding(table.view(), &ids.clone().into_dyn());
            let input = LayerInput::Ids(ids.view().into_dyn());
            let (y, states) = model.forward_input(input, None, None)?;
            assert!(states.is_empty());
            assert_eq!(y.mapv(f64::from), expected, "{rows} of {dim}, {t} by {b}");
        }
    }
    let table = random.array2((5, 3));
    let model = Model::new(vec![Embedding::new(gpu, &table)?.into()])?;
    let ids = gpu.upload(Array2::from_shape_vec((1, 3), vec![1u32, 5, u32::MAX])?.view())?;
    let y = gpu.zeros(&[1, 3, 3])?;
    let mut encoder = encoder(gpu);
    model.encode(&mut encoder, &ModelIo::from_input(DeviceInput::Ids(&ids), &y))?;
    gpu.queue().submit([encoder.finish()]);
    for (b, row) in [1, 4, 4].into_iter().enumerate() {
        assert_eq!(y.download()?.slice(s![0, b, ..]), table.row(row), "row {b}");
    }
    Ok(())
}

/// Elements around those of a workgroup, a projection, several layers.
fn last_sizes(gpu: &Gpu) -> Outcome {
    for hidden in [1, 3, 10, 11, 21, 22, 32, 33] {
        for direction in [FORWARD, BOTH, Direction::Reverse] {
            for last in [Last::Step, Last::States] {
                let chain = Chain::new(39).then(GRU, hidden, 2, direction).last(last);
                let problem = |problem| format!("{hidden} {direction:?} {last:?}: {problem}");
                chain.check(&chain.on(gpu)?).map_err(problem)?;
            }
        }
    }
    for last in [Last::Step, Last::States] {
        let sizes = wgpu_rnn::LayerSizes::new(Cell::Lstm, 4, 9).with_layers(2).with_proj_size(5);
        let mut chain = Chain::new(40);
        let weights = chain.random.weights_of(sizes.with_direction(BOTH));
        chain.parts.push(Part::Recurrent(weights));
        chain = chain.last(last).linear(2);
        chain.check(&chain.on(gpu)?)?;
        // A single time step is its own last one.
        chain.x = chain.x.slice(s![..1, .., ..]).to_owned();
        chain.check(&chain.on(gpu)?)?;
    }
    Ok(())
}

/// A row of length 0 keeps the state that it began with, and its last step is the first beyond.
fn last_of_nothing(gpu: &Gpu) -> Outcome {
    for direction in [FORWARD, BOTH] {
        for last in [Last::Step, Last::States] {
            let mut chain = Chain::new(41).then(Cell::Lstm, 6, 1, direction).last(last);
            chain.lengths = Some(&[0, 7, 3]);
            let chain = chain.with_states(42);
            let model = chain.on(gpu)?;
            chain.check(&model)?;
            let (y, _) = chain.run(&model)?;
            let is_zero = y.slice(s![0, 0, ..]).iter().all(|y| *y == 0.0);
            assert_eq!(is_zero, last == Last::Step, "{direction:?}: {y}");
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
