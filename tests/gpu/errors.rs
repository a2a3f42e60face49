//! Wrong arguments: each is refused by name, with what was expected and what was given, and the layer works on.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, ArrayView1};
use wgpu_rnn::{
    Cell, DeviceArray, Error, Gpu, Gru, LayerConfig, LayerIo, LayerSizes, Linear, Lstm, LstmState,
    Options, Rnn, Schedule, wgpu,
};

use crate::common::Random;
use crate::common::case::{Case, Shape};
use crate::common::trials::{GpuTest, Outcome, another};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("errors::forward", forward),
        GpuTest::new("errors::encode", encode),
        GpuTest::new("errors::lengths", lengths),
        GpuTest::new("errors::other_cells", other_cells),
        GpuTest::new("errors::stream", stream),
        GpuTest::new("errors::linear", linear),
        GpuTest::new("errors::device_array", device_array),
        GpuTest::new("errors::too_large", too_large),
        GpuTest::new("errors::impossible_schedule", impossible_schedule),
        GpuTest::new("errors::no_adapter", |_| no_adapter()),
    ]
}

/// The error that a call must give, and the words that its text must have.
#[track_caller]
pub fn expect<T: std::fmt::Debug>(call: wgpu_rnn::Result<T>, words: &[&str]) -> Error {
    let error = call.expect_err("must be refused");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "\"{text}\" does not say \"{word}\"");
    }
    error
}

/// The layer of a small case: T 7, B 3, I 4, H 6.
fn layer(gpu: &Gpu) -> wgpu_rnn::Result<(Case, Lstm)> {
    let case = Case::new(1, Shape::default());
    let layer = case.lstm(gpu, Options::default())?;
    Ok((case, layer))
}

fn forward(gpu: &Gpu) -> Outcome {
    let (case, layer) = layer(gpu)?;
    let x = |shape: &[usize]| layer.forward(ArrayD::zeros(shape).view(), None);
    expect(x(&[7, 3, 5]), &["`x`", "[7, 3, 5]", "[7, 3, 4]"]);
    expect(x(&[7, 5]), &["`x`", "5", "4"]);
    expect(x(&[4]), &["`x`", "[4]", "3 axes"]);
    expect(x(&[]), &["`x`", "[]", "3 axes"]);
    expect(x(&[1, 7, 3, 4]), &["`x`", "[1, 7, 3, 4]", "3 axes"]);
    expect(x(&[0, 3, 4]), &["`seq_len`", "0", "at least 1"]);
    expect(x(&[7, 0, 4]), &["`batch`", "0", "at least 1"]);
    expect(x(&[7, 3, 0]), &["`x`", "[7, 3, 0]", "[7, 3, 4]"]);
    expect(x(&[0, 4]), &["`seq_len`", "0", "at least 1"]);

    let with = |h: &[usize], c: &[usize], x: &[usize]| {
        let state = LstmState { h: ArrayD::zeros(h), c: ArrayD::zeros(c) };
        layer.forward(ArrayD::zeros(x).view(), Some(&state))
    };
    let (right, x3) = (&[1, 3, 6][..], &[7, 3, 4][..]);
    expect(with(&[1, 3, 5], right, x3), &["`h0`", "[1, 3, 5]", "[1, 3, 6]"]);
    expect(with(right, &[1, 2, 6], x3), &["`c0`", "[1, 2, 6]", "[1, 3, 6]"]);
    expect(with(&[3, 6], right, x3), &["`h0`", "[3, 6]", "3 axes"]);
    expect(with(right, &[2, 3, 6], x3), &["`c0`", "[2, 3, 6]", "[1, 3, 6]"]);
    expect(with(right, right, &[7, 4]), &["`h0`", "[1, 3, 6]", "2 axes"]);

    for (t, b) in [(0, 1), (1, 0)] {
        expect(layer.plan(t, b), &["0", "at least 1"]);
    }
    Ok(case.check_layer(&layer)?)
}

fn encode(gpu: &Gpu) -> Outcome {
    let (case, layer) = layer(gpu)?;
    let other = &another(gpu)?;
    let zeros = |shape: &[usize]| gpu.zeros(shape);
    let (x, y, state) = (zeros(&[7, 3, 4])?, zeros(&[7, 3, 6])?, zeros(&[1, 3, 6])?);
    // The commands of a refused call would show as an error when the encoder is finished and submitted.
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut call = |io: LayerIo<'_>| layer.encode(&mut encoder, &io);

    for (shape, words) in [
        (&[7, 3, 5][..], ["`x`", "[7, 3, 5]", "[7, 3, 4]"]),
        (&[21, 4], ["`x`", "[21, 4]", "three axes"]),
    ] {
        expect(call(LayerIo::new(&zeros(shape)?, &y)), &words);
    }
    let wrong = zeros(&[7, 3, 5])?;
    expect(call(LayerIo::new(&x, &wrong)), &["`y`", "[7, 3, 5]", "[7, 3, 6]"]);
    expect(call(LayerIo::new(&x, &zeros(&[8, 3, 6])?)), &["`y`", "[8, 3, 6]", "[7, 3, 6]"]);
    for name in ["h0", "c0", "h_n", "c_n"] {
        let wrong = zeros(&[3, 6])?;
        expect(call(with(name, &x, &y, &wrong)), &[&format!("`{name}`"), "[3, 6]", "[1, 3, 6]"]);
        let foreign = other.zeros(&[1, 3, 6])?;
        expect(call(with(name, &x, &y, &foreign)), &[&format!("`{name}`"), "device"]);
        let storage = borrowed(gpu, &[1, 3, 6], wgpu::BufferUsages::STORAGE)?;
        let needed = if name.ends_with('0') { "COPY_SRC" } else { "COPY_DST" };
        let words = [&format!("`{name}`"), "STORAGE", needed];
        expect(call(with(name, &x, &y, &storage)), &words);
    }
    let (foreign_x, foreign_y) = (other.zeros(&[7, 3, 4])?, other.zeros(&[7, 3, 6])?);
    expect(call(LayerIo::new(&foreign_x, &y)), &["`x`", "device"]);
    expect(call(LayerIo::new(&x, &foreign_y)), &["`y`", "device"]);

    // One buffer for two arrays of which one is written.
    let buffer = zeros(&[1000])?.buffer().clone();
    let shared = |shape: &[usize]| DeviceArray::from_buffer(gpu, buffer.clone(), shape);
    let words = ["`y`", "another buffer", "input"];
    expect(call(LayerIo::new(&shared(&[7, 3, 4])?, &shared(&[7, 3, 6])?)), &words);

    let mut right = LayerIo::new(&x, &y);
    (right.h0, right.c_n) = (Some(&state), Some(&state));
    call(right)?;
    gpu.queue().submit([encoder.finish()]);
    Ok(case.check_layer(&layer)?)
}

/// A run with one state array, called `name`.
fn with<'a>(
    name: &str,
    x: &'a DeviceArray,
    y: &'a DeviceArray,
    state: &'a DeviceArray,
) -> LayerIo<'a> {
    let mut io = LayerIo::new(x, y);
    let place = match name {
        "h0" => &mut io.h0,
        "c0" => &mut io.c0,
        "h_n" => &mut io.h_n,
        _ => &mut io.c_n,
    };
    *place = Some(state);
    io
}

/// An array in a buffer of the caller's with these usages.
pub fn borrowed(
    gpu: &Gpu,
    shape: &[usize],
    usage: wgpu::BufferUsages,
) -> wgpu_rnn::Result<DeviceArray> {
    let size = 4 * shape.iter().product::<usize>() as u64;
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    DeviceArray::from_buffer(gpu, gpu.device().create_buffer(&descriptor), shape)
}

/// One length for each row, none beyond the sequence.
fn lengths(gpu: &Gpu) -> Outcome {
    let (case, layer) = layer(gpu)?;
    let call = |lengths: &[usize]| layer.forward_lengths(case.x.view(), lengths, None);
    expect(call(&[7, 7]), &["`lengths`", "[2]", "[3]"]);
    expect(call(&[]), &["`lengths`", "[0]", "[3]"]);
    expect(call(&[7, 8, 7]), &["`lengths[1]`", "8", "7"]);
    expect(call(&[7, 7, usize::MAX]), &["`lengths[2]`", "7"]);
    call(&[7, 0, 3])?;

    let upload = |lengths: &[u32]| gpu.upload(ArrayView1::from(lengths));
    expect(upload(&[]), &["[0]", "no side of length 0"]);
    let buffer = gpu.zeros(&[2])?.buffer().clone();
    let lent = DeviceArray::<u32>::from_buffer(gpu, buffer, &[3]);
    expect(lent, &["`buffer`", "8 bytes", "at least 12"]);
    let storage = borrowed(gpu, &[3], wgpu::BufferUsages::STORAGE)?.buffer().clone();
    let storage = DeviceArray::<u32>::from_buffer(gpu, storage, &[3])?;
    let (x, y) = (gpu.upload(case.x.view())?, gpu.zeros(&[7, 3, 6])?);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut call = |lengths: &DeviceArray<u32>| {
        let mut io = LayerIo::new(&x, &y);
        io.lengths = Some(lengths);
        layer.encode(&mut encoder, &io)
    };
    expect(call(&upload(&[7, 7])?), &["`lengths`", "[2]", "[3]"]);
    expect(call(&storage), &["`lengths`", "COPY_SRC", "STORAGE"]);
    let elsewhere = another(gpu)?.upload(ArrayView1::from(&[7u32, 7, 7][..]))?;
    expect(call(&elsewhere), &["`lengths`", "device"]);
    call(&upload(&[7, 7, 7])?)?;
    gpu.queue().submit([encoder.finish()]);
    Ok(case.check_layer(&layer)?)
}

/// Weights of one cell for a layer of another, and a cell state for a cell without.
fn other_cells(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(1);
    let lstm = random.weights_of(LayerSizes::new(Cell::Lstm, 4, 6));
    let gru = random.weights_of(LayerSizes::new(Cell::Gru { reset_after: true }, 4, 6));
    let config = LayerConfig::default();
    expect(Lstm::new(gpu, &gru, config), &["`weights`", "GRU", "an LSTM"]);
    expect(Gru::new(gpu, &lstm, config), &["`weights`", "LSTM", "a GRU"]);
    expect(Rnn::new(gpu, &lstm, config), &["`weights`", "LSTM", "an RNN"]);

    let layer = Gru::new(gpu, &gru, config)?;
    let (x, y, c) = (gpu.zeros(&[7, 3, 4])?, gpu.zeros(&[7, 3, 6])?, gpu.zeros(&[1, 3, 6])?);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    for name in ["c0", "c_n"] {
        let word = format!("`{name}`");
        expect(layer.encode(&mut encoder, &with(name, &x, &y, &c)), &[&word, "GRU"]);
    }
    layer.encode(&mut encoder, &with("h0", &x, &y, &c))?;
    gpu.queue().submit([encoder.finish()]);
    Ok(())
}

fn stream(gpu: &Gpu) -> Outcome {
    let (case, layer) = layer(gpu)?;
    expect(layer.stream(0), &["`batch`", "0", "at least 1"]);
    let mut stream = layer.stream(3)?;
    let x_t = Array2::zeros((3, 4));
    stream.step(x_t.view())?;
    let before = stream.save()?;
    for shape in [(2, 4), (3, 5), (4, 3), (0, 4), (3, 0)] {
        let given = format!("[{}, {}]", shape.0, shape.1);
        expect(stream.step(Array2::zeros(shape).view()), &["`x_t`", &given, "[3, 4]"]);
    }
    expect(stream.reset_row(3), &["`row`", "3", "less than batch = 3"]);
    let state = |h: &[usize], c: &[usize]| LstmState { h: ArrayD::zeros(h), c: ArrayD::zeros(c) };
    expect(stream.load(&state(&[1, 2, 6], &[1, 3, 6])), &["`h`", "[1, 2, 6]", "[1, 3, 6]"]);
    expect(stream.load(&state(&[1, 3, 6], &[3, 6])), &["`c`", "[3, 6]", "[1, 3, 6]"]);

    let other = &another(gpu)?;
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut call = |x: &DeviceArray, y: &DeviceArray| stream.encode_step(&mut encoder, x, y);
    let (x, y) = (gpu.zeros(&[3, 4])?, gpu.zeros(&[3, 6])?);
    expect(call(&gpu.zeros(&[3, 5])?, &y), &["`x_t`", "[3, 5]", "[3, 4]"]);
    expect(call(&x, &gpu.zeros(&[3, 4])?), &["`y_t`", "[3, 4]", "[3, 6]"]);
    expect(call(&other.zeros(&[3, 4])?, &y), &["`x_t`", "device"]);
    expect(call(&x, &other.zeros(&[3, 6])?), &["`y_t`", "device"]);
    let buffer = gpu.zeros(&[18])?.buffer().clone();
    let shared = |shape: &[usize]| DeviceArray::from_buffer(gpu, buffer.clone(), shape);
    expect(call(&shared(&[3, 4])?, &shared(&[3, 6])?), &["`y_t`", "another buffer", "input"]);
    drop(encoder);

    assert_eq!(stream.save()?, before, "a refused call leaves the state");
    Ok(case.check_layer(&layer)?)
}

fn linear(gpu: &Gpu) -> Outcome {
    let weight = Array2::<f32>::ones((2, 3));
    expect(Linear::new(gpu, &Array2::zeros((0, 3)), None), &["`weight`", "[0, 3]", "0"]);
    expect(Linear::new(gpu, &Array2::zeros((2, 0)), None), &["`weight`", "[2, 0]", "0"]);
    let bias = Array1::zeros(3);
    expect(Linear::new(gpu, &weight, Some(&bias)), &["`bias`", "[3]", "[2]"]);

    let layer = Linear::new(gpu, &weight, None)?;
    for shape in [&[4, 2][..], &[3, 0], &[0, 3], &[2, 0, 3], &[], &[4]] {
        let given = format!("{shape:?}");
        expect(layer.forward(ArrayD::zeros(shape).view()), &["`x`", &given, "[.., 3]"]);
    }
    let other = &another(gpu)?;
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut call = |x: &DeviceArray, y: &DeviceArray| layer.encode(&mut encoder, x, y);
    let (x, y) = (gpu.zeros(&[4, 3])?, gpu.zeros(&[4, 2])?);
    expect(call(&gpu.zeros(&[4, 4])?, &y), &["`x`", "[4, 4]", "[.., 3]"]);
    expect(call(&x, &gpu.zeros(&[4, 3])?), &["`y`", "[4, 3]", "[4, 2]"]);
    expect(call(&other.zeros(&[4, 3])?, &y), &["`x`", "device"]);
    expect(call(&x, &other.zeros(&[4, 2])?), &["`y`", "device"]);
    let buffer = gpu.zeros(&[12])?.buffer().clone();
    let shared = |shape: &[usize]| DeviceArray::from_buffer(gpu, buffer.clone(), shape);
    expect(call(&shared(&[4, 3])?, &shared(&[4, 2])?), &["`y`", "another buffer", "x"]);
    call(&x, &y)?;
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(layer.forward(Array1::ones(3).view())?, Array1::from_elem(2, 3.0));
    Ok(())
}

fn device_array(gpu: &Gpu) -> Outcome {
    use wgpu::BufferUsages as Usage;
    let buffer = gpu.zeros(&[11])?.buffer().clone();
    expect(
        DeviceArray::<f32>::from_buffer(gpu, buffer.clone(), &[3, 4]),
        &["`buffer`", "at least 48", "44 bytes"],
    );
    expect(borrowed(gpu, &[4], Usage::COPY_SRC), &["`buffer`", "STORAGE", "COPY_SRC"]);
    for shape in [&[0][..], &[3, 0, 2]] {
        let given = format!("{shape:?}");
        expect(gpu.zeros(shape), &["`shape`", &given, "no side of length 0"]);
        expect(DeviceArray::<f32>::from_buffer(gpu, buffer.clone(), shape), &["`shape`", &given]);
    }
    for shape in [&[usize::MAX][..], &[1 << 40, 1 << 40]] {
        let given = format!("{shape:?}");
        expect(gpu.zeros(shape), &["overflows", &given]);
        expect(DeviceArray::<f32>::from_buffer(gpu, buffer.clone(), shape), &["overflows", &given]);
    }
    expect(gpu.zeros(&[1 << 40]), &["max_storage_buffer_binding_size", "4398046511104"]);
    let no_source = borrowed(gpu, &[4], Usage::STORAGE)?;
    expect(no_source.download(), &["COPY_SRC", "STORAGE"]);
    let scalar = gpu.upload(ArrayD::from_elem(vec![], 2.5).view())?;
    assert_eq!(scalar.download()?, ArrayD::from_elem(vec![], 2.5));
    Ok(())
}

/// Huge views of one element: nothing of their size may be allocated before they are refused.
fn too_large(gpu: &Gpu) -> Outcome {
    let (case, layer) = layer(gpu)?;
    let one = Array3::<f32>::zeros((1, 1, 4));
    for (shape, limits) in [
        ((1 << 30, 1, 4), ["max_storage_buffer_binding_size", "`max_"]),
        ((1, 1 << 30, 4), ["max_storage_buffer_binding_size", "`max_"]),
        ((1 << 30, 1 << 20, 4), ["max_storage_buffer_binding_size", "`max_"]),
    ] {
        let x = one.broadcast(shape).ok_or("as many features")?;
        let error = expect(layer.forward(x, None), &limits);
        assert!(matches!(error, Error::Limit { .. }), "{error:?}");
    }
    for (t, b) in [(1 << 40, 1), (1, 1 << 40)] {
        assert!(matches!(layer.plan(t, b), Err(Error::Limit { .. })), "{t} {b}");
        assert!(matches!(layer.stream(b.max(1 << 40)), Err(Error::Limit { .. })));
    }
    for (t, b) in [(usize::MAX, 1), (1, usize::MAX), (usize::MAX, usize::MAX)] {
        assert!(matches!(layer.plan(t, b), Err(Error::Overflow { .. })), "{t} {b}");
    }
    let linear = Linear::new(gpu, &Array2::ones((2, 4)), None)?;
    let error = expect(linear.forward(one.broadcast((1 << 30, 1, 4)).ok_or("as many")?), &["x"]);
    assert!(matches!(error, Error::Limit { .. }), "{error:?}");
    Ok(case.check_layer(&layer)?)
}

/// Forced schedules that cannot be, and options that make no sense.
fn impossible_schedule(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape::default());
    let make =
        |options| Lstm::new(gpu, &case.weights, LayerConfig { options, ..Default::default() });
    let wavefront = Options { schedule: Some(Schedule::Wavefront), ..Default::default() };
    let layer = make(wavefront)?;
    expect(case.forward(&layer), &["wavefront", "num_layers is 1", "at least 2"]);
    expect(layer.stream(3), &["wavefront", "num_layers"]);
    for options in [
        Options { rows: Some(3), ..Default::default() },
        Options { rows: Some(0), ..Default::default() },
        Options { rows: Some(u32::MAX), ..Default::default() },
    ] {
        let given = options.rows.unwrap_or_default().to_string();
        expect(case.forward(&make(options)?), &["`rows`", &given, "1, 2, 4, 8 or 16"]);
    }
    let options = Options { chunk: Some(0), ..Default::default() };
    expect(case.forward(&make(options)?), &["`chunk`", "0", "at least 1"]);
    let options = Options { chunk: Some(usize::MAX), ..Default::default() };
    case.check(gpu, options)?;

    // Wider than a workgroup: stepwise runs it, one workgroup cannot.
    let wide = Case::new(2, Shape { t: 2, b: 1, i: 1, h: 1025, ..Default::default() });
    let fused = Options { schedule: Some(Schedule::SequenceFused), ..Default::default() };
    let error =
        expect(wide.forward(&wide.lstm(gpu, fused)?), &["sequence-fused", "hidden_size", "1025"]);
    assert!(
        matches!(error, Error::Schedule { schedule: Schedule::SequenceFused, .. }),
        "{error:?}"
    );
    Ok(wide.check(gpu, Options::default())?)
}

fn no_adapter() -> Outcome {
    let call = Gpu::builder().adapter_name("no such adapter").build();
    let error = expect(call, &["no GPU adapter", "no such adapter"]);
    assert!(matches!(error, Error::NoAdapter { .. }), "{error:?}");
    let none = Gpu::builder().backends(wgpu::Backends::empty()).build();
    assert!(matches!(none, Err(Error::NoAdapter { .. })), "{none:?}");
    assert!(Gpu::builder().adapter_name("no such adapter").adapters().is_empty());
    Ok(())
}
