//! What stages around the recurrent ones must refuse: by name, before anything is recorded.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD};
use wgpu_rnn::{
    AnyLayer, DeviceArray, DeviceInput, Embedding, Error, Function, Gpu, Last, LayerConfig,
    LayerInput, LayerIo, Model, ModelIo, Options, Stage, io,
};

use super::chain::{Arrays, BATCH, Chain, FORWARD, GRU, LENGTHS, SEQ_LEN, VOCABULARY, encoder};
use super::errors::with;
use crate::common::trials::{GpuTest, Outcome, another};
use crate::errors::expect;

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("model::stage_errors_of_chains", chains),
        GpuTest::new("model::stage_errors_of_inputs", inputs),
        GpuTest::new("model::stage_errors_of_encode", encode),
        GpuTest::new("model::stage_errors_of_stream", stream),
        GpuTest::new("model::stage_errors_of_sizes", sizes),
    ]
}

/// Token ids to classes of the whole sequence.
fn classifier(seed: u64) -> Chain {
    let chain = Chain::new(seed).embedding(5).then(GRU, 6, 1, FORWARD).last(Last::States);
    chain.linear(3).function(Function::LogSoftmax)
}

fn chains(gpu: &Gpu) -> Outcome {
    let stages = classifier(1).stages(gpu, Options::default())?;
    let [embedding, gru, states, head, function] = &stages[..] else { return Err("five".into()) };
    let step = &Stage::from(Last::Step);
    let cases: [(&[&Stage], &[&str]); 9] = [
        (&[function, function], &["`stages`", "all without", "number of features"]),
        (&[step, head], &["`stages[0]`", "a Last", "whose output"]),
        (&[states], &["`stages`", "all without"]),
        (&[gru, embedding], &["`stages[1]`", "an embedding", "first stage"]),
        (&[embedding, step, gru], &["`stages[2]`", "recurrent", "stages[1]", "one time step"]),
        (&[gru, step, step], &["`stages[2]`", "another Last", "stages[1]"]),
        (&[gru, function, states], &["`stages[2]`", "Last::States", "stages[1] is not recurrent"]),
        (&[embedding, head], &["`stages[1]`", "input size 6", "5", "stages[0]"]),
        (&[embedding, function, head], &["`stages[2]`", "input size 6", "5", "stages[1]"]),
    ];
    for (stages, words) in cases {
        expect(Model::new(stages.iter().map(|stage| (*stage).clone()).collect()), words);
    }
    let elsewhere = classifier(1).stages(&another(gpu)?, Options::default())?;
    let mixed = [&stages[..3], &elsewhere[3..]].concat();
    expect(Model::new(mixed), &["`stages[3]`", "another device"]);
    assert_eq!((embedding.input_size(), embedding.output_size()), (Some(1), Some(5)));
    assert_eq!((function.input_size(), states.output_size()), (None, None));
    assert!(function.gpu().is_none() && embedding.gpu().is_some());

    expect(Embedding::new(gpu, &Array2::zeros((0, 3))), &["`weight`", "[0, 3]"]);
    let file = io::safetensors::from_bytes(classifier(1).weights()?.to_safetensors()?)?;
    let loaded = Embedding::load(gpu, &file, "0")?;
    assert_eq!((loaded.num_embeddings(), loaded.embedding_dim()), (VOCABULARY, 5));
    expect(Embedding::load(gpu, &file, "2"), &["no tensor `2.weight`"]);
    expect(Embedding::load(gpu, &file, "1"), &["no tensor `1.weight`", "1.weight_ih_l0"]);
    let config = LayerConfig { batch_first: true, ..Default::default() };
    let refused = classifier(1).weights()?.load(gpu, config);
    expect(refused, &["`config.batch_first`", "true", "false"]);
    Ok(())
}

/// Ids go to embeddings and nowhere else, and embeddings take nothing else.
fn inputs(gpu: &Gpu) -> Outcome {
    let chain = classifier(2);
    let model = chain.on(gpu)?;
    let ids = chain.ids.view().into_dyn();
    let x = Array3::<f32>::zeros((SEQ_LEN, BATCH, 5));
    let table = gpu.zeros(&[VOCABULARY, 18])?;
    fn call(model: &Model, input: LayerInput<'_>) -> wgpu_rnn::Result<()> {
        model.forward_input(input, None, None).map(drop)
    }
    let others = [
        (LayerInput::Features(x.view().into_dyn()), "`x`"),
        (LayerInput::Projected(x.view().into_dyn()), "`x_proj`"),
        (LayerInput::Tokens { ids: ids.clone(), table: &table }, "`table`"),
    ];
    for (input, name) in others {
        expect(call(&model, input), &[name, "token ids alone", "stages[0] is an embedding"]);
    }
    expect(model.forward(x.view(), None), &["`x`", "stages[0] is an embedding"]);

    let mut beyond = chain.ids.clone();
    beyond[[2, 1]] = VOCABULARY as u32;
    let refused = call(&model, LayerInput::Ids(beyond.view().into_dyn()));
    expect(refused, &["`ids[7]` is 11", "less than the 11 rows"]);
    let shaped = |shape: &[usize]| call(&model, LayerInput::Ids(ArrayD::zeros(shape).view()));
    expect(shaped(&[7, 3, 1]), &["`ids`", "[7, 3, 1]", "2 axes"]);
    expect(shaped(&[]), &["`ids`", "[]"]);
    expect(shaped(&[0, 3]), &["`seq_len`", "0"]);
    expect(shaped(&[7, 0]), &["`batch`", "0"]);

    let weights = chain.recurrent().next().ok_or("one")?;
    let layer = AnyLayer::new(gpu, weights, LayerConfig::default())?;
    let words = ["`ids`", "without a table", "only an Embedding"];
    expect(layer.forward_input(LayerInput::Ids(ids.clone()), None, None), &words);
    let alone = Model::new(vec![layer.clone().into()])?;
    expect(alone.forward_input(LayerInput::Ids(ids.clone()), None, None), &words);
    let arrays = Arrays::new(gpu, &chain)?;
    let y = gpu.zeros(&[SEQ_LEN, BATCH, 6])?;
    let on_device = DeviceInput::Ids(&arrays.ids);
    let mut encoder = encoder(gpu);
    expect(layer.encode(&mut encoder, &LayerIo::from_input(on_device, &y)), &words);
    expect(alone.encode(&mut encoder, &ModelIo::from_input(on_device, &y)), &words);

    for (chain, is) in [
        (Chain::new(3).linear(4), "linear"),
        (Chain::new(3).function(Function::Relu).linear(4), "a function"),
    ] {
        let model = chain.on(gpu)?;
        let words = ["`ids`", "token ids", &format!("stages[0] is {is}")];
        expect(model.forward_input(LayerInput::Ids(ids.clone()), None, None), &words);
        expect(model.stream_tokens(BATCH, &table), &words);
        let mut stream = model.stream(BATCH)?;
        expect(stream.step_tokens(Array1::zeros(BATCH).view()), &words);
        let features = LayerInput::Features(chain.x.view().into_dyn());
        let refused = model.forward_input(features, Some(&LENGTHS), None);
        expect(refused, &["`lengths`", "no stage is recurrent or picks"]);
    }
    Ok(chain.check(&model)?)
}

/// What is refused leaves nothing in the encoder.
fn encode(gpu: &Gpu) -> Outcome {
    let mut chain = classifier(4);
    chain.lengths = Some(&LENGTHS);
    let model = chain.on(gpu)?;
    let (arrays, other) = (Arrays::new(gpu, &chain)?, &another(gpu)?);
    let mut right = ModelIo::from_input(DeviceInput::Ids(&arrays.ids), &arrays.y);
    right.lengths = arrays.lengths();
    let mut encoder = encoder(gpu);
    let mut refuse = |io: ModelIo<'_>, words: &[&str]| {
        expect(model.encode(&mut encoder, &io), words);
    };
    let own = arrays.ids.buffer().clone();
    for (y, words) in [
        (gpu.zeros(&[SEQ_LEN, BATCH, 3])?, &["`y`", "[7, 3, 3]", "[1, 3, 3]"][..]),
        (DeviceArray::from_buffer(gpu, own, &[1, BATCH, 3])?, &["`y`", "another buffer"]),
        (other.zeros(&[1, BATCH, 3])?, &["`y`", "device"]),
    ] {
        refuse(with(right, |io| io.y = &y), words);
    }
    for (ids, words) in [
        (gpu.upload(Array1::<u32>::zeros(21).view())?, &["`ids`", "[21]", "two axes"][..]),
        (other.upload(Array2::<u32>::zeros((SEQ_LEN, BATCH)).view())?, &["`ids`", "device"]),
    ] {
        refuse(with(right, |io| io.input = DeviceInput::Ids(&ids)), words);
    }
    let x = gpu.zeros(&[SEQ_LEN, BATCH, 5])?;
    let words = ["`x`", "features", "stages[0] is an embedding"];
    refuse(with(right, |io| io.input = DeviceInput::Features(&x)), &words);
    for (lengths, words) in [
        (gpu.upload(Array1::<u32>::ones(2).view())?, &["`lengths`", "[2]", "[3]"][..]),
        (other.upload(Array1::<u32>::ones(3).view())?, &["`lengths`", "device"]),
    ] {
        refuse(with(right, |io| io.lengths = Some(&lengths)), words);
    }
    gpu.queue().submit([encoder.finish()]);
    assert!(arrays.y.download()?.iter().all(|y| *y == 0.0), "something was recorded");
    Ok(())
}

/// What is refused leaves the states as they were.
fn stream(gpu: &Gpu) -> Outcome {
    let chain = classifier(5).with_states(6);
    let model = chain.on(gpu)?;
    let table = gpu.zeros(&[VOCABULARY, 18])?;
    let words = ["token ids alone", "stages[0] is an embedding"];
    expect(model.stream_tokens(BATCH, &table), &[&["`table`"], &words[..]].concat());
    expect(model.stream_projected(BATCH), &[&["`x_proj`"], &words[..]].concat());
    let mut stream = model.stream(BATCH)?;
    let begin = chain.states.clone().ok_or("the chain has states")?;
    stream.load(&begin)?;
    let words = ["`x_t`", "features", "token ids: stages[0] is an embedding"];
    expect(stream.step(Array2::zeros((BATCH, 5)).view()), &words);
    expect(stream.step(Array2::zeros((BATCH, 1)).view()), &words);
    let beyond = Array1::from(vec![0, VOCABULARY as u32, 0]);
    expect(stream.step_tokens(beyond.view()), &["`ids[1]`", "11"]);
    expect(stream.step_tokens(Array1::zeros(2).view()), &["`ids`", "[2]", "[3]"]);
    let (ids, y_t) = (gpu.upload(Array1::<u32>::zeros(3).view())?, gpu.zeros(&[BATCH, 3])?);
    let mut encoder = encoder(gpu);
    let x_t = gpu.zeros(&[BATCH, 1])?;
    expect(stream.encode_step(&mut encoder, &x_t, &y_t), &words);
    let wide = gpu.zeros(&[BATCH, 4])?;
    let mut call = |ids, y_t| stream.encode_step_tokens(&mut encoder, ids, y_t);
    expect(call(&ids, &wide), &["`y_t`", "[3, 4]", "[3, 3]"]);
    let short = gpu.upload(Array1::<u32>::zeros(2).view())?;
    expect(call(&short, &y_t), &["`ids`", "[2]", "[3]"]);
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(stream.save()?, begin, "a refused call leaves the states");
    Ok(())
}

/// Sizes that no device has.
fn sizes(gpu: &Gpu) -> Outcome {
    let model = classifier(7).on(gpu)?;
    for (t, b, name) in [(0, 1, "`seq_len`"), (1, 0, "`batch`")] {
        expect(model.plan(t, b), &[name, "0", "at least 1"]);
    }
    let error = expect(model.plan(1 << 40, 1), &["stages[0]", "max_storage_buffer"]);
    assert!(matches!(error, Error::Limit { .. }), "{error:?}");
    assert!(model.plan(usize::MAX, usize::MAX).is_err());
    let one = Array2::<u32>::zeros((1, 1));
    let ids = one.broadcast((1 << 30, 1 << 20)).ok_or("as many ids")?;
    let refused = model.forward_input(LayerInput::Ids(ids.into_dyn()), None, None);
    assert!(matches!(refused, Err(Error::Limit { .. })));
    // A function behind a stage that the device could still run.
    let chain = Chain::new(8).function(Function::Relu).linear(1);
    let error = expect(chain.on(gpu)?.plan(1 << 32, 1), &["stages[0]", "x needs"]);
    assert!(matches!(error, Error::Limit { .. }), "{error:?}");
    if gpu.caps().is_software {
        let table = Embedding::new(gpu, &Array2::zeros((1, 1_300_000)))?;
        let wide = Model::new(vec![table.into(), Function::Softmax.into()])?;
        expect(wide.plan(1, 1), &["stages[1]", "the loops of the softmax", "max_loop_iterations"]);
    }
    Ok(())
}
