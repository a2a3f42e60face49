//! Wrong arguments of a backward pass: each is refused by name, nothing has been recorded then, and the layer works on.

use wgpu_rnn::ndarray::{Array1, Array3, ArrayD};
use wgpu_rnn::{
    AnyLayer, AnyState, BackwardIo, Cell, DeviceArray, Error, Gpu, LayerConfig, Options, Reserve,
    Schedule, wgpu,
};

use super::arrays::{Arrays, submit, weights_len};
use crate::common::case::{Case, Shape};
use crate::common::compare::F32_GRADIENTS;
use crate::common::gradients::{Run, verdict};
use crate::common::trials::{GpuTest, Outcome, another};
use crate::common::variant::Variant;
use crate::errors::{borrowed, expect};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("backward::errors::arrays", arrays),
        GpuTest::new("backward::errors::states", states),
        GpuTest::new("backward::errors::reserve", reserve),
        GpuTest::new("backward::errors::shared_buffers", shared_buffers),
        GpuTest::new("backward::errors::shared_states", shared_states),
        GpuTest::new("backward::errors::no_cell_state", no_cell_state),
        GpuTest::new("backward::errors::options", options),
        GpuTest::new("backward::errors::tape", tape),
        GpuTest::new("backward::errors::tape_of_nothing", tape_of_nothing),
    ]
}

/// A layer of a small case (T 7, B 3, I 4, H 6, one layer) and the arrays of its run.
struct Ready {
    run: Run,
    layer: AnyLayer,
    arrays: Arrays,
}

impl Ready {
    fn new(gpu: &Gpu) -> wgpu_rnn::Result<Self> {
        let case = Case::new(1, Shape::default()).with_state(2);
        let run = Run::new(3, &case.but(|case| case.lengths = Some(vec![7, 3, 5])));
        let layer = AnyLayer::new(gpu, &run.weights, LayerConfig::default())?;
        let arrays = Arrays::new(&layer, &run, LayerConfig::default())?;
        submit(&layer, |encoder| arrays.forward(&layer, encoder))?;
        Ok(Ready { run, layer, arrays })
    }

    /// A backward pass over these arrays that is right but for one thing.
    #[track_caller]
    fn refused<'a>(
        &self,
        words: &[&str],
        arrays: &'a Arrays,
        spoil: impl FnOnce(&mut BackwardIo<'a>),
    ) -> Error {
        let mut io = arrays.io();
        spoil(&mut io);
        expect(submit(&self.layer, |encoder| self.layer.encode_backward(encoder, &io)), words)
    }

    /// Whatever was refused has left no trace, and the pass itself is right.
    fn finish(self) -> Outcome {
        let Ready { run, layer, arrays } = self;
        for array in [&arrays.d_x, &arrays.d_h0, &arrays.d_weights] {
            assert!(array.download()?.iter().all(|value| value.is_nan()), "nothing is written");
        }
        submit(&layer, |encoder| layer.encode_backward(encoder, &arrays.io()))?;
        let given = arrays.gradients(&layer, LayerConfig::default())?;
        Ok(verdict(&given, &run.gradients(), F32_GRADIENTS)?)
    }
}

/// The place of an array of f32 in [`Arrays`], its name, and its shape.
type Place = fn(&mut Arrays) -> &mut DeviceArray;

const ARRAYS: [(&str, Place, &[usize]); 5] = [
    ("x", |arrays| &mut arrays.x, &[7, 3, 4]),
    ("y", |arrays| &mut arrays.y, &[7, 3, 6]),
    ("d_y", |arrays| &mut arrays.d_y, &[7, 3, 6]),
    ("d_x", |arrays| &mut arrays.d_x, &[7, 3, 4]),
    ("d_weights", |arrays| &mut arrays.d_weights, &[24 * 12]),
];

fn arrays(gpu: &Gpu) -> Outcome {
    let ready = Ready::new(gpu)?;
    assert_eq!(weights_len(&ready.layer), 24 * 12);
    let other = &another(gpu)?;
    for (name, place, shape) in ARRAYS {
        let quoted = format!("`{name}`");
        let with = |array: DeviceArray| {
            let mut arrays = ready.arrays.clone();
            *place(&mut arrays) = array;
            arrays
        };
        let mut longer = shape.to_vec();
        *longer.last_mut().ok_or("an axis")? += 1;
        let mut more_axes = shape.to_vec();
        more_axes.push(1);
        for wrong in [longer, more_axes, vec![1]] {
            let spoilt = with(gpu.zeros(&wrong)?);
            ready.refused(&[&quoted, &format!("{wrong:?}")], &spoilt, |_| ());
        }
        let foreign = with(other.zeros(shape)?);
        let error = ready.refused(&[&quoted, "device"], &foreign, |_| ());
        assert!(matches!(error, Error::WrongDevice { .. }), "{error:?}");
    }
    // One step more or less: it is the reserve that does not fit x, or y that does not.
    for shape in [[6, 3, 4], [7, 2, 4]] {
        let x = gpu.zeros(&shape)?;
        ready.refused(&["seq_len", "batch"], &Arrays { x, ..ready.arrays.clone() }, |_| ());
    }
    for shape in [[6, 3, 6], [7, 2, 6]] {
        let d_y = gpu.zeros(&shape)?;
        let words = ["`d_y`", &format!("{shape:?}"), "[7, 3, 6]"];
        ready.refused(&words, &Arrays { d_y, ..ready.arrays.clone() }, |_| ());
    }
    for (gpu, lengths, words) in [
        (gpu, vec![7, 7], ["`lengths`", "[2]", "[3]"]),
        (gpu, vec![7, 7, 7, 7], ["`lengths`", "[4]", "[3]"]),
        (other, vec![7, 7, 7], ["`lengths`", "device", "belongs"]),
    ] {
        let lengths = Some(gpu.upload(Array1::<u32>::from(lengths).view())?);
        ready.refused(&words, &Arrays { lengths, ..ready.arrays.clone() }, |_| ());
    }
    ready.finish()
}

fn states(gpu: &Gpu) -> Outcome {
    let ready = Ready::new(gpu)?;
    let other = &another(gpu)?;
    type Part = for<'a, 'b> fn(&'a mut BackwardIo<'b>) -> &'a mut Option<&'b DeviceArray>;
    let parts: [(&str, Part, &str); 6] = [
        ("h0", |io| &mut io.h0, "COPY_SRC"),
        ("c0", |io| &mut io.c0, "COPY_SRC"),
        ("d_h_n", |io| &mut io.d_h_n, "COPY_SRC"),
        ("d_c_n", |io| &mut io.d_c_n, "COPY_SRC"),
        ("d_h0", |io| &mut io.d_h0, "COPY_DST"),
        ("d_c0", |io| &mut io.d_c0, "COPY_DST"),
    ];
    let arrays = &ready.arrays;
    for (name, part, usage) in parts {
        let name = format!("`{name}`");
        for wrong in [&[3, 6][..], &[1, 3, 7], &[2, 3, 6], &[1, 2, 6]] {
            let array = gpu.zeros(wrong)?;
            let words = [&name, &format!("{wrong:?}"), "[1, 3, 6]"];
            ready.refused(&words, arrays, |io| *part(io) = Some(&array));
        }
        let array = other.zeros(&[1, 3, 6])?;
        ready.refused(&[&name, "device"], arrays, |io| *part(io) = Some(&array));
        let array = borrowed(gpu, &[1, 3, 6], wgpu::BufferUsages::STORAGE)?;
        ready.refused(&[&name, "STORAGE", usage], arrays, |io| *part(io) = Some(&array));
    }
    ready.finish()
}

fn reserve(gpu: &Gpu) -> Outcome {
    let ready = Ready::new(gpu)?;
    let other = &another(gpu)?;
    let layer = |gpu: &Gpu, shape: Shape| {
        AnyLayer::new(gpu, &Case::new(1, shape).weights, LayerConfig::default())
    };
    let deep = layer(gpu, Shape { l: 2, ..Default::default() })?;
    let wide = layer(gpu, Shape { h: 7, ..Default::default() })?;
    let both = layer(gpu, Shape { bidirectional: true, ..Default::default() })?;
    let foreign = layer(other, Shape::default())?;
    let wrong: [(Reserve, &[&str]); 6] = [
        (ready.layer.reserve(8, 3)?, &["`reserve`", "seq_len 8", "seq_len 7"]),
        (ready.layer.reserve(7, 2)?, &["`reserve`", "batch 2", "batch 3"]),
        (deep.reserve(7, 3)?, &["`reserve`", "num_layers: 2", "num_layers: 1"]),
        (wide.reserve(7, 3)?, &["`reserve`", "hidden_size: 7", "hidden_size: 6"]),
        (both.reserve(7, 3)?, &["`reserve`", "Bidirectional", "Forward"]),
        (foreign.reserve(7, 3)?, &["`reserve`", "device"]),
    ];
    for (reserve, words) in wrong {
        let spoilt = Arrays { reserve, ..ready.arrays.clone() };
        ready.refused(words, &spoilt, |_| ());
        // The forward pass takes no other one either.
        expect(submit(&ready.layer, |encoder| spoilt.forward(&ready.layer, encoder)), words);
    }
    for (t, b) in [(0, 3), (7, 0)] {
        expect(ready.layer.reserve(t, b), &["0", "at least 1"]);
    }
    assert!(matches!(ready.layer.reserve(1 << 40, 1), Err(Error::Limit { .. })));
    assert!(matches!(ready.layer.reserve(usize::MAX, 1), Err(Error::Overflow { .. })));
    ready.finish()
}

/// A buffer that a pass writes belongs to no other array.
fn shared_buffers(gpu: &Gpu) -> Outcome {
    let ready = Ready::new(gpu)?;
    let buffer = gpu.zeros(&[1000])?.buffer().clone();
    let shared = |shape: &[usize]| DeviceArray::from_buffer(gpu, buffer.clone(), shape);
    let lengths = || DeviceArray::<u32>::from_buffer(gpu, buffer.clone(), &[3]);
    for (written, place, shape) in &ARRAYS[3..] {
        for (read, other_place, other_shape) in &ARRAYS[..4] {
            if read == written {
                continue;
            }
            let mut arrays = ready.arrays.clone();
            *place(&mut arrays) = shared(shape)?;
            *other_place(&mut arrays) = shared(other_shape)?;
            let words = [&format!("`{written}`"), "a buffer of its own", *read];
            ready.refused(&words, &arrays, |_| ());
        }
        let mut arrays = ready.arrays.clone();
        *place(&mut arrays) = shared(shape)?;
        arrays.lengths = Some(lengths()?);
        let words = [&format!("`{written}`"), "a buffer of its own", "lengths"];
        ready.refused(&words, &arrays, |_| ());
    }
    ready.finish()
}

/// Copies at the end would take the place of what kernels have written, or of each other.
fn shared_states(gpu: &Gpu) -> Outcome {
    let ready = Ready::new(gpu)?;
    let buffer = gpu.zeros(&[1000])?.buffer().clone();
    let shared = |shape: &[usize]| DeviceArray::from_buffer(gpu, buffer.clone(), shape);
    let state = [1, 3, 6];
    for (name, place, shape) in &ARRAYS[3..] {
        let mut arrays = ready.arrays.clone();
        *place(&mut arrays) = shared(shape)?;
        let array = shared(&state)?;
        for d_state in ["d_h0", "d_c0"] {
            ready.refused(&["a buffer of its own", name], &arrays, |io| match d_state {
                "d_h0" => io.d_h0 = Some(&array),
                _ => io.d_c0 = Some(&array),
            });
        }
    }
    let mut arrays = ready.arrays.clone();
    (arrays.d_h0, arrays.d_c0) = (shared(&state)?, Some(shared(&state)?));
    ready.refused(&["`d_c0`", "a buffer of its own", "d_h0"], &arrays, |_| ());
    ready.finish()
}

/// A GRU has no c, and no gradients of it.
fn no_cell_state(gpu: &Gpu) -> Outcome {
    let gru = Variant::plain("", Cell::Gru { reset_after: true });
    let run = Run::new(3, &Case::of(1, &gru, Shape::default()));
    let config = LayerConfig::default();
    let layer = AnyLayer::new(gpu, &run.weights, config)?;
    let arrays = Arrays::new(&layer, &run, config)?;
    let c = gpu.zeros(&[1, 3, 6])?;
    for name in ["c0", "d_c_n", "d_c0"] {
        let mut io = arrays.io();
        match name {
            "c0" => io.c0 = Some(&c),
            "d_c_n" => io.d_c_n = Some(&c),
            _ => io.d_c0 = Some(&c),
        }
        let words = [&format!("`{name}`"), "none", "GRU"];
        expect(submit(&layer, |encoder| layer.encode_backward(encoder, &io)), &words);
    }
    let (_, _, tape) = layer.forward_tape(run.x.view(), None, None)?;
    let zeros = ArrayD::zeros(vec![1, 3, 6]);
    let d_state = AnyState { h: zeros.clone(), c: Some(zeros) };
    expect(tape.backward(run.d_y.view(), Some(&d_state)), &["`d_c_n`", "none", "GRU"]);
    arrays.run(&layer)?;
    Ok(verdict(&arrays.gradients(&layer, config)?, &run.gradients(), F32_GRADIENTS)?)
}

/// Options that make no sense, and schedules that cannot be: where a backward pass could begin, and nowhere else.
fn options(gpu: &Gpu) -> Outcome {
    let case = Case::new(1, Shape { l: 2, ..Default::default() });
    let run = Run::new(2, &case);
    let make = |options, backward| {
        let config = LayerConfig { options, backward, ..Default::default() };
        AnyLayer::new(gpu, &run.weights, config)
    };
    let right = make(Options::default(), Options::default())?;
    let arrays = Arrays::new(&right, &run, LayerConfig::default())?;
    arrays.run(&right)?;
    let wavefront = Options { schedule: Some(Schedule::Wavefront), ..Default::default() };
    let in_parts = Options { chunk: Some(3), ..wavefront };
    let wrong: [(Options, &[&str]); 5] = [
        (in_parts, &["wavefront", "all 7 steps in one chunk", "3"]),
        (Options { chunk: Some(0), ..Default::default() }, &["`chunk`", "0", "at least 1"]),
        (Options { rows: Some(3), ..Default::default() }, &["`rows`", "3", "1, 2, 4, 8 or 16"]),
        (Options { rows: Some(0), ..Default::default() }, &["`rows`", "0", "1, 2, 4, 8 or 16"]),
        (Options { rows: Some(u32::MAX), ..Default::default() }, &["`rows`", "4294967295"]),
    ];
    for (options, words) in wrong {
        let layer = make(Options::default(), options)?;
        let io = arrays.io();
        let error = expect(submit(&layer, |encoder| layer.encode_backward(encoder, &io)), words);
        assert_eq!(matches!(error, Error::Schedule { .. }), options == in_parts, "{error:?}");
        expect(layer.plan_backward(7, 3), words);
        expect(layer.reserve(7, 3), words);
        expect(layer.forward_tape(run.x.view(), None, None), words);
        // A run that is not gone back does not mind.
        layer.forward(case.x.view(), None)?;
    }
    // A forward pass that keeps nothing between its layers.
    let layer = make(wavefront, Options::default())?;
    layer.forward(case.x.view(), None)?;
    for error in [
        expect(layer.forward_tape(run.x.view(), None, None), &["wavefront"]),
        expect(submit(&layer, |encoder| arrays.forward(&layer, encoder)), &["wavefront"]),
    ] {
        assert!(
            matches!(error, Error::Schedule { schedule: Schedule::Wavefront, .. }),
            "{error:?}"
        );
    }
    let far = Options { chunk: Some(usize::MAX), ..Default::default() };
    let given = run.on_device(gpu, LayerConfig { backward: far, ..Default::default() })?;
    verdict(&given, &run.gradients(), F32_GRADIENTS)?;
    // Wider than a workgroup.
    let wide = Case::new(2, Shape { t: 2, b: 1, i: 1, h: 1025, ..Default::default() });
    let fused = Options { schedule: Some(Schedule::SequenceFused), ..Default::default() };
    let config = LayerConfig { backward: fused, ..Default::default() };
    let layer = AnyLayer::new(gpu, &wide.weights, config)?;
    let error = expect(layer.plan_backward(2, 1), &["sequence-fused", "1025"]);
    assert!(matches!(error, Error::Schedule { .. }), "{error:?}");
    Ok(())
}

fn tape(gpu: &Gpu) -> Outcome {
    let Ready { run, layer, .. } = Ready::new(gpu)?;
    let config = LayerConfig::default();
    let tape = run.tape(&layer, config)?;
    for shape in [vec![7, 3, 7], vec![6, 3, 6], vec![7, 2, 6], vec![3, 7, 6], vec![7, 3, 4]] {
        let call = tape.backward(ArrayD::zeros(shape.clone()).view(), None);
        expect(call, &["`d_y`", &format!("{shape:?}"), "[7, 3, 6]"]);
    }
    for shape in [vec![7, 6], vec![], vec![1, 7, 3, 6]] {
        let call = tape.backward(ArrayD::zeros(shape.clone()).view(), None);
        expect(call, &["`d_y`", &format!("{shape:?}"), "3 axes"]);
    }
    // A huge view of one element is refused before it is copied.
    let one = Array3::<f32>::zeros((1, 1, 6));
    let call = tape.backward(one.broadcast((1 << 30, 1, 6)).ok_or("as many features")?, None);
    expect(call, &["1073741824"]);

    let right = vec![1, 3, 6];
    for shape in [vec![1, 3, 5], vec![2, 3, 6], vec![1, 2, 6], vec![3, 6]] {
        for is_c in [false, true] {
            let [h, c] = if is_c { [&right, &shape] } else { [&shape, &right] };
            let [h, c] = [h, c].map(|shape| ArrayD::zeros(shape.clone()));
            let name = if is_c { "`d_c_n`" } else { "`d_h_n`" };
            let call = tape.backward(run.d_y.view(), Some(&AnyState { h, c: Some(c) }));
            expect(call, &[name, &format!("{shape:?}")]);
        }
    }

    let x = run.x.view();
    expect(layer.forward_tape(x, Some(&[7, 7]), None), &["`lengths`", "[2]", "[3]"]);
    expect(layer.forward_tape(x, Some(&[7, 8, 7]), None), &["`lengths[1]`", "8", "7"]);
    let state = AnyState { h: ArrayD::zeros(right), c: Some(ArrayD::zeros(vec![1, 3, 5])) };
    expect(layer.forward_tape(x, None, Some(&state)), &["`c0`", "[1, 3, 5]", "[1, 3, 6]"]);
    let wrong = Array3::<f32>::zeros((7, 3, 5));
    expect(layer.forward_tape(wrong.view(), None, None), &["`x`", "[7, 3, 5]", "[7, 3, 4]"]);
    Ok(verdict(&run.back(&tape, config)?, &run.gradients(), F32_GRADIENTS)?)
}

/// Sides of length 0 and a state without its c are named as what they are given for.
fn tape_of_nothing(gpu: &Gpu) -> Outcome {
    let Ready { run, layer, .. } = Ready::new(gpu)?;
    let tape = run.tape(&layer, LayerConfig::default())?;
    let h = || ArrayD::zeros(vec![1, 3, 6]);
    let call = tape.backward(run.d_y.view(), Some(&AnyState { h: h(), c: None }));
    expect(call, &["`d_c_n`", "none"]);
    let empty = ArrayD::zeros(vec![1, 0, 6]);
    let call = tape.backward(run.d_y.view(), Some(&AnyState { h: empty, c: Some(h()) }));
    expect(call, &["`d_h_n`", "[1, 0, 6]", "[1, 3, 6]"]);
    for shape in [vec![0, 3, 6], vec![7, 0, 6], vec![7, 3, 0]] {
        let call = tape.backward(ArrayD::zeros(shape.clone()).view(), None);
        expect(call, &["`d_y`", &format!("{shape:?}"), "[7, 3, 6]"]);
    }
    Ok(())
}
