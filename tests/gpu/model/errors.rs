//! Chains that are none, and arguments that a chain must refuse: by name, before anything is recorded.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD};
use wgpu_rnn::{
    AnyKind, AnyLayer, AnyState, Cell, DeviceArray, DeviceInput, Direction, Error, Gpu, Gru,
    LayerConfig, LayerInput, LayerSizes, Linear, Lstm, LstmState, Model, ModelIo, Options, Result,
    Rnn, Schedule, Stage, Stream, wgpu,
};

use super::chain::{Arrays, BATCH, Chain, FORWARD, GRU, INPUT_SIZE, SEQ_LEN, VOCABULARY, encoder};
use crate::common::Random;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::errors::expect;

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("model::any_layer", any_layer),
        GpuTest::new("model::errors_of_chains", chains),
        GpuTest::new("model::errors_of_sizes", sizes),
        GpuTest::new("model::errors_of_forward", forward),
        GpuTest::new("model::errors_of_encode", encode),
        GpuTest::new("model::errors_of_stream", stream),
    ]
}

/// A layer of any cell is the layer that it was, and a cell state must be there just where the cell has one.
fn any_layer(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(1);
    let x = random.array3([SEQ_LEN, BATCH, INPUT_SIZE]);
    let config = LayerConfig::default();
    let mut weights = |cell| random.weights_of(LayerSizes::new(cell, INPUT_SIZE, 6));
    let [of_lstm, of_gru, of_rnn] = [Cell::Lstm, GRU, Cell::Rnn].map(&mut weights);
    let h = ArrayD::from_elem(vec![1, BATCH, 6], 0.5);
    let with = |c: Option<&ArrayD<f32>>| AnyState { h: h.clone(), c: c.cloned() };

    let lstm = Lstm::new(gpu, &of_lstm, config)?;
    let (y, state) = lstm.forward(x.view(), Some(&LstmState { h: h.clone(), c: h.clone() }))?;
    let any = AnyLayer::from(lstm);
    let before = gpu.stats();
    assert_eq!(
        any.forward(x.view(), Some(&with(Some(&h))))?,
        (y, AnyState { h: state.h, c: Some(state.c) })
    );
    assert_eq!(gpu.stats(), before, "the two share an engine");
    expect(any.forward(x.view(), Some(&with(None))), &["`c0`", "none", "[1, 3, 6]", "LSTM"]);
    expect(any.stream(BATCH)?.load(&with(None)), &["`c`", "none", "[1, 3, 6]", "LSTM"]);

    let gru = Gru::new(gpu, &of_gru, config)?;
    let rnn = Rnn::new(gpu, &of_rnn, config)?;
    let expected = [gru.forward(x.view(), Some(&h))?, rnn.forward(x.view(), Some(&h))?];
    for (any, (y, h_n)) in [AnyLayer::from(gru), rnn.into_any()].iter().zip(expected) {
        let result = any.forward(x.view(), Some(&with(None)))?;
        assert_eq!(result, (y, AnyState { h: h_n, c: None }));
        let refused = any.forward(x.view(), Some(&with(Some(&h))));
        expect(refused, &["`c0`", "an array", "none", "no cell state"]);
        let mut stream: Stream<AnyKind> = any.stream(BATCH)?;
        expect(stream.load(&with(Some(&h))), &["`c`", "an array", "no cell state"]);
    }
    Ok(())
}

fn head(gpu: &Gpu, inputs: usize, outputs: usize) -> Result<Linear> {
    Linear::new(gpu, &Array2::ones((outputs, inputs)), None)
}

fn chains(gpu: &Gpu) -> Outcome {
    expect(Model::new(Vec::new()), &["`stages`", "at least one"]);
    let stages = Chain::mixed(1, Direction::Bidirectional).stages(gpu, Options::default())?;
    let [lstm, gru, rnn, linear] = &stages[..] else { return Err("four stages".into()) };
    let of = |stages: &[&Stage]| Model::new(stages.iter().map(|stage| (*stage).clone()).collect());
    expect(of(&[lstm, rnn]), &["`stages[1]`", "input size 18", "6", "stages[0]"]);
    expect(of(&[lstm, gru, linear]), &["`stages[2]`", "input size 5", "18", "stages[1]"]);
    expect(of(&[linear, linear]), &["`stages[1]`", "input size 5", "3", "stages[0]"]);
    let elsewhere = Stage::from(head(&another(gpu)?, 6, 9)?);
    let error = expect(of(&[lstm, &elsewhere]), &["`stages[1]`", "another device"]);
    assert!(matches!(error, Error::WrongDevice { .. }), "{error:?}");
    let mut chain = Chain::mixed(1, Direction::Bidirectional);
    chain.batch_first = true;
    let others = chain.stages(gpu, Options::default())?;
    expect(of(&[lstm, &others[1]]), &["`stages[1].batch_first`", "true", "false"]);
    expect(of(&[&others[0], gru]), &["`stages[1].batch_first`", "false", "true"]);
    let model = of(&[&others[0], &others[1], &others[2], linear])?;
    assert_eq!((model.input_size(), model.output_size()), (INPUT_SIZE, 3));
    assert_eq!(model.stages().len(), 4);
    let plans = model.plan(SEQ_LEN, BATCH)?;
    let sizes: Vec<_> = plans.iter().map(|plan| plan.problem.sizes.hidden_size).collect();
    assert_eq!(sizes, [6, 9, 5]);
    Ok(())
}

/// Sizes that no device has, and a schedule that a stage cannot run.
fn sizes(gpu: &Gpu) -> Outcome {
    let model = Chain::mixed(1, FORWARD).on(gpu)?;
    let only_linear = Model::new(vec![head(gpu, 4, 5)?.into()])?;
    for model in [&model, &only_linear] {
        for (t, b, name) in [(0, 1, "`seq_len`"), (1, 0, "`batch`")] {
            expect(model.plan(t, b), &[name, "0", "at least 1"]);
        }
        expect(model.stream(0), &["`batch`", "0", "at least 1"]);
        let error = expect(model.plan(1 << 40, 1), &["stages[0]", "max_storage_buffer"]);
        assert!(matches!(error, Error::Limit { .. }), "{error:?}");
        assert!(matches!(model.stream(1 << 40), Err(Error::Limit { .. })));
        assert!(model.plan(usize::MAX, usize::MAX).is_err());
        let one = Array3::<f32>::zeros((1, 1, 4));
        let x = one.broadcast((1 << 30, 1 << 20, 4)).ok_or("as many features")?;
        assert!(matches!(model.forward(x, None), Err(Error::Limit { .. })));
    }
    let error = expect(model.plan(usize::MAX, 1), &["the size of x of stages[0] overflows"]);
    assert!(matches!(error, Error::Overflow { .. }), "{error:?}");
    let wavefront = Options { schedule: Some(Schedule::Wavefront), ..Default::default() };
    let forced = Model::new(Chain::mixed(1, FORWARD).stages(gpu, wavefront)?)?;
    expect(forced.plan(SEQ_LEN, BATCH), &["wavefront", "stages[1]", "num_layers is 1"]);
    expect(forced.stream(BATCH), &["wavefront", "stages[1]"]);
    Ok(())
}

fn forward(gpu: &Gpu) -> Outcome {
    let chain = Chain::mixed(2, FORWARD).with_states(3);
    let model = chain.on(gpu)?;
    let x = |shape: &[usize]| model.forward(ArrayD::zeros(shape).view(), None);
    expect(x(&[7, 3, 5]), &["`x`", "[7, 3, 5]", "[7, 3, 4]"]);
    expect(x(&[4]), &["`x`", "[4]", "3 axes"]);
    expect(x(&[0, 3, 4]), &["`seq_len`", "0", "at least 1"]);
    expect(x(&[7, 0, 4]), &["`batch`", "0", "at least 1"]);

    let right = chain.states.clone().ok_or("the chain has states")?;
    let with = |edit: &dyn Fn(&mut Vec<AnyState>)| {
        let mut states = right.clone();
        edit(&mut states);
        model.forward(chain.x.view(), Some(&states))
    };
    with(&|_| ())?;
    let zeros = |shape: [usize; 3]| ArrayD::zeros(shape.to_vec());
    expect(with(&|states| states.truncate(2)), &["`states`", "length 2", "3 recurrent stages"]);
    expect(with(&|states| states.clear()), &["`states`", "length 0", "3 recurrent stages"]);
    expect(with(&|states| states.swap(1, 2)), &["`states[1].h0`", "[1, 3, 5]", "[1, 3, 9]"]);
    expect(with(&|states| states[0].c = None), &["`states[0].c0`", "none", "[2, 3, 6]"]);
    let extra = with(&|states| states[2].c = Some(zeros([1, 3, 5])));
    expect(extra, &["`states[2].c0`", "an array", "RNN has no cell state"]);
    let short = with(&|states| states[0].c = Some(zeros([2, 2, 6])));
    expect(short, &["`states[0].c0`", "[2, 2, 6]", "[2, 3, 6]"]);
    let flat = with(&|states| states[1].h = ArrayD::zeros(vec![3, 9]));
    expect(flat, &["`states[1].h0`", "[3, 9]", "3 axes, as x"]);

    let features = || LayerInput::Features(chain.x.view().into_dyn());
    let lengths = |lengths: &[usize]| model.forward_input(features(), Some(lengths), None);
    expect(lengths(&[7, 7]), &["`lengths`", "[2]", "[3]"]);
    expect(lengths(&[7, 8, 7]), &["`lengths[1]`", "8", "at most seq_len = 7"]);

    let ids = Array2::from_elem((SEQ_LEN, BATCH), VOCABULARY as u32);
    let table = gpu.zeros(&[VOCABULARY, 24])?;
    let tokens = |table| LayerInput::Tokens { ids: ids.view().into_dyn(), table };
    expect(model.forward_input(tokens(&table), None, None), &["`ids[0]`", "11"]);
    let narrow = gpu.zeros(&[VOCABULARY, 23])?;
    expect(model.forward_input(tokens(&narrow), None, None), &["`table`", "23", "24"]);

    let behind_linear = Model::new(vec![head(gpu, 4, 5)?.into()])?;
    let call = |input, lengths| behind_linear.forward_input(input, lengths, None);
    expect(call(tokens(&table), None), &["`ids`", "token ids", "stages[0] is linear"]);
    let projected = LayerInput::Projected(chain.x.view().into_dyn());
    expect(call(projected, None), &["`x_proj`", "projected", "stages[0] is linear"]);
    expect(call(features(), Some(&[7, 7, 7])), &["`lengths`", "no stage is recurrent"]);
    expect(behind_linear.forward(ArrayD::zeros(vec![0, 3, 4]).view(), None), &["`seq_len`", "0"]);
    expect(behind_linear.forward(ArrayD::zeros(vec![7, 3, 5]).view(), None), &["`x`", "5", "4"]);
    Ok(chain.check(&model)?)
}

/// What is refused leaves nothing in the encoder: y and the states stay as they were.
fn encode(gpu: &Gpu) -> Outcome {
    let chain = Chain::mixed(4, FORWARD).with_states(5);
    let model = chain.on(gpu)?;
    let arrays = Arrays::new(gpu, &chain)?;
    let states = arrays.states();
    let mut right = ModelIo::new(&arrays.x, &arrays.y);
    right.states = &states;
    let mut encoder = encoder(gpu);
    let mut refuse = |io: ModelIo<'_>, words: &[&str]| {
        expect(model.encode(&mut encoder, &io), words);
    };

    let other = &another(gpu)?;
    for (y, words) in [
        (gpu.zeros(&[7, 3, 5])?, &["`y`", "[7, 3, 5]", "[7, 3, 3]"][..]),
        (other.zeros(&[7, 3, 3])?, &["`y`", "device"]),
        (DeviceArray::from_buffer(gpu, arrays.x.buffer().clone(), &[7, 3, 3])?, &["`y`", "input"]),
    ] {
        refuse(with(right, |io| io.y = &y), words);
    }
    for (x, words) in [
        (gpu.zeros(&[7, 3, 5])?, &["`x`", "[7, 3, 5]", "[7, 3, 4]"][..]),
        (gpu.zeros(&[21, 4])?, &["`x`", "[21, 4]", "three axes"]),
        (other.zeros(&[7, 3, 4])?, &["`x`", "device"]),
    ] {
        refuse(with(right, |io| io.input = DeviceInput::Features(&x)), words);
    }
    for (lengths, words) in [
        (gpu.upload(Array1::from(vec![1u32; 2]).view())?, &["`lengths`", "[2]", "[3]"][..]),
        (other.upload(Array1::from(vec![1u32; 3]).view())?, &["`lengths`", "device"]),
    ] {
        refuse(with(right, |io| io.lengths = Some(&lengths)), words);
    }
    refuse(with(right, |io| io.states = &states[..2]), &["`states`", "length 2", "3"]);
    let usage = wgpu::BufferUsages::STORAGE;
    let descriptor =
        wgpu::BufferDescriptor { label: None, size: 1024, usage, mapped_at_creation: false };
    let plain = gpu.device().create_buffer(&descriptor);
    let plain = DeviceArray::from_buffer(gpu, plain, &[1, 3, 5])?;
    let [h, c] = [gpu.zeros(&[1, 3, 5])?, gpu.zeros(&[1, 3, 5])?];
    let flat = gpu.zeros(&[3, 5])?;
    // The last recurrent stage is at fault: those before it have not been recorded either.
    let last = states[2];
    for (state, words) in [
        (last.with_initial(&flat, None), &["`states[2].h0`", "[3, 5]", "[1, 3, 5]"][..]),
        (last.with_initial(&plain, None), &["`states[2].h0`", "COPY_SRC"]),
        (last.with_final(&plain, None), &["`states[2].h_n`", "COPY_DST"]),
        (last.with_initial(&h, Some(&c)), &["`states[2].c0`", "RNN has no cell state"]),
        (last.with_final(&h, Some(&c)), &["`states[2].c_n`", "RNN has no cell state"]),
    ] {
        let states = [states[0], states[1], state];
        refuse(with(right, |io| io.states = &states), words);
    }
    let (ids, table) = (gpu.upload(Array2::<u32>::ones((7, 3)).view())?, gpu.zeros(&[5, 23])?);
    let tokens = DeviceInput::Tokens { ids: &ids, table: &table };
    refuse(with(right, |io| io.input = tokens), &["`table`", "23", "24"]);

    gpu.queue().submit([encoder.finish()]);
    assert!(arrays.y.download()?.iter().all(|y| *y == 0.0), "something was recorded");
    for (state, before) in states.iter().zip(chain.states.iter().flatten()) {
        assert_eq!(state.h_n.ok_or("all are wanted")?.download()?, before.h);
    }

    let linear = Model::new(vec![head(gpu, 4, 3)?.into()])?;
    let mut encoder = super::encoder(gpu);
    let mut refuse = |io: ModelIo<'_>, words: &[&str]| {
        expect(linear.encode(&mut encoder, &io), words);
    };
    let plain = ModelIo::new(&arrays.x, &arrays.y);
    refuse(with(plain, |io| io.input = tokens), &["`ids`", "stages[0] is linear"]);
    refuse(with(plain, |io| io.states = &states), &["`states`", "length 3", "0 recurrent"]);
    Ok(linear.encode(&mut encoder, &plain)?)
}

pub fn with<'a>(mut io: ModelIo<'a>, edit: impl FnOnce(&mut ModelIo<'a>)) -> ModelIo<'a> {
    edit(&mut io);
    io
}

/// What is refused leaves the states as they were.
fn stream(gpu: &Gpu) -> Outcome {
    let chain = Chain::mixed(6, FORWARD).with_states(7);
    let model = chain.on(gpu)?;
    let mut stream = model.stream(BATCH)?;
    let begin = chain.states.clone().ok_or("the chain has states")?;
    stream.load(&begin)?;

    expect(stream.step(Array2::zeros((3, 5)).view()), &["`x_t`", "[3, 5]", "[3, 4]"]);
    expect(stream.step_tokens(Array1::zeros(3).view()), &["`ids`", "token ids", "features"]);
    expect(stream.reset_row(3), &["`row`", "3", "less than batch = 3"]);
    expect(stream.load(&begin[..2]), &["`states`", "length 2", "3 recurrent stages"]);
    let mut wrong = begin.clone();
    wrong[0].h.fill(9.0);
    wrong[2].h = ArrayD::zeros(vec![1, 3, 6]);
    expect(stream.load(&wrong), &["`states[2].h`", "[1, 3, 6]", "[1, 3, 5]"]);
    wrong[2] = AnyState { h: begin[2].h.clone(), c: Some(begin[2].h.clone()) };
    expect(stream.load(&wrong), &["`states[2].c`", "no cell state"]);

    let other = &another(gpu)?;
    let mut encoder = encoder(gpu);
    let mut call = |x: &DeviceArray, y: &DeviceArray| stream.encode_step(&mut encoder, x, y);
    let (x, y) = (gpu.zeros(&[3, 4])?, gpu.zeros(&[3, 3])?);
    expect(call(&gpu.zeros(&[3, 5])?, &y), &["`x_t`", "[3, 5]", "[3, 4]"]);
    expect(call(&x, &gpu.zeros(&[3, 4])?), &["`y_t`", "[3, 4]", "[3, 3]"]);
    expect(call(&other.zeros(&[3, 4])?, &y), &["`x_t`", "device"]);
    expect(call(&x, &other.zeros(&[3, 3])?), &["`y_t`", "device"]);
    let shared = DeviceArray::from_buffer(gpu, x.buffer().clone(), &[3, 3])?;
    expect(call(&x, &shared), &["`y_t`", "another buffer", "input"]);
    let ids = gpu.upload(Array1::<u32>::zeros(3).view())?;
    let refused = stream.encode_step_tokens(&mut encoder, &ids, &y);
    expect(refused, &["`ids`", "features"]);
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(stream.save()?, begin, "a refused call leaves the states");

    let table = gpu.zeros(&[VOCABULARY, 24])?;
    expect(model.stream_tokens(BATCH, &gpu.zeros(&[5, 23])?), &["`table`", "23", "24"]);
    let mut tokens = model.stream_tokens(BATCH, &table)?;
    expect(tokens.step(Array2::zeros((3, 4)).view()), &["`x_t`", "token ids"]);
    let beyond = Array1::from(vec![0, VOCABULARY as u32, 0]);
    expect(tokens.step_tokens(beyond.view()), &["`ids[1]`", "11"]);
    expect(tokens.step_tokens(Array1::zeros(2).view()), &["`ids`", "[2]", "[3]"]);
    let in_table = DeviceArray::from_buffer(gpu, table.buffer().clone(), &[3, 3])?;
    let refused = tokens.encode_step_tokens(&mut super::encoder(gpu), &ids, &in_table);
    expect(refused, &["`y_t`", "another buffer"]);

    let mut projected = model.stream_projected(BATCH)?;
    expect(projected.step(Array2::zeros((3, 4)).view()), &["`x_t`", "[3, 4]", "[3, 24]"]);
    expect(projected.step_tokens(Array1::zeros(3).view()), &["`ids`", "token ids", "features"]);
    expect(model.stream_projected(0), &["`batch`", "0", "at least 1"]);

    let linear = Model::new(vec![head(gpu, 4, 3)?.into()])?;
    expect(linear.stream_projected(BATCH), &["`x_proj`", "projected", "stages[0] is linear"]);
    expect(linear.stream_tokens(BATCH, &table), &["`ids`", "stages[0] is linear"]);
    let mut linear = linear.stream(BATCH)?;
    expect(linear.step(Array2::zeros((3, 5)).view()), &["`x_t`", "[3, 5]", "[3, 4]"]);
    expect(linear.step_tokens(Array1::zeros(3).view()), &["`ids`", "stages[0] is linear"]);
    assert!(linear.save()?.is_empty());
    Ok(())
}
