//! Criterion benches of training runs on device arrays: the forward pass that keeps what the backward pass needs, and
//! the backward pass to the gradients of all that goes in. Verified, then timed.

#[path = "../tests/common/mod.rs"]
mod common;
mod shared;

use common::Random;
use common::compare::F32_GRADIENTS;
use common::gradients::{Named, Run, verdict};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use shared::{group, id, run};
use wgpu_rnn::ndarray::ArrayD;
use wgpu_rnn::{
    BackwardIo, Cell, DeviceArray, Direction, Error, Gpu, GruKind, Kind, Layer, LayerConfig,
    LayerIo, LayerSizes, LstmKind, Options, Reserve, Schedule, wgpu,
};

const GRU: Cell = Cell::Gru { reset_after: true };

fn backward(c: &mut Criterion) {
    let gpu = Gpu::new().expect("an adapter");
    let mut group = group(c, "backward");
    // T and B; the shapes of `wgpu-rnn bench`, a batch small enough for a software adapter, and a stack for the
    // wavefront.
    let small = Case::new("small", [1000, 1], LayerSizes::new(Cell::Lstm, 64, 64));
    schedules::<LstmKind>(&mut group, &gpu, &small);
    let sizes = LayerSizes::new(GRU, 384, 256).with_direction(Direction::Bidirectional);
    schedules::<GruKind>(&mut group, &gpu, &Case::new("bigru", [128, 1], sizes));
    let batch32 = Case::new("batch32", [10, 32], LayerSizes::new(Cell::Lstm, 256, 256));
    schedules::<LstmKind>(&mut group, &gpu, &batch32);
    let sizes = LayerSizes::new(Cell::Lstm, 256, 256).with_layers(3);
    schedules::<LstmKind>(&mut group, &gpu, &Case::new("stack3", [64, 1], sizes));
    group.finish();
}

/// A training run and what the CPU reference makes of it.
struct Case {
    /// The shape and the cell.
    name: String,
    run: Run,
    expected: Named,
}

impl Case {
    fn new(shape: &str, [t, b]: [usize; 2], sizes: LayerSizes) -> Self {
        let mut random = Random::new(7);
        let weights = random.weights_of(sizes);
        let x = random.array3([t, b, sizes.input_size]);
        let d_y = random.array3([t, b, sizes.output_size()]);
        let (h0, c0, d_h_n, d_c_n, lengths) = (None, None, None, None, None);
        let run = Run { weights, x, h0, c0, lengths, d_y, d_h_n, d_c_n };
        let expected = run.gradients();
        Case { name: format!("{shape} {}", sizes.cell), run, expected }
    }
}

/// Both passes on each schedule that can go back through the case.
fn schedules<K: Kind>(group: &mut BenchmarkGroup<'_, WallTime>, gpu: &Gpu, case: &Case) {
    let (seq_len, batch, _) = case.run.x.dim();
    group.throughput(Throughput::Elements(seq_len as u64));
    for schedule in Schedule::ALL {
        let backward = Options { schedule: Some(schedule), ..Default::default() };
        // No training run is a wavefront forward: the one before a wavefront backward is as the planner likes.
        let is_wave = schedule == Schedule::Wavefront;
        let options = if is_wave { Options::default() } else { backward };
        let config = LayerConfig { options, backward, ..Default::default() };
        let layer = Layer::<K>::new(gpu, &case.run.weights, config).expect("a layer");
        let plans = layer.plan_training(seq_len, batch).and_then(|forward| {
            Ok((forward.schedule, layer.plan_backward(seq_len, batch)?.schedule))
        });
        let (forward, backward) = match plans {
            Ok(schedules) => schedules,
            Err(Error::Schedule { .. }) => continue, // not for this case
            Err(error) => panic!("{}: {error}", case.name),
        };
        assert!(is_wave || forward == schedule, "a fallback must not be timed");
        assert_eq!(backward, schedule, "a fallback must not be timed");
        let arrays = Arrays::new(&layer, &case.run);
        let forward = || run(gpu, |encoder| arrays.forward(&layer, encoder));
        let backward = || run(gpu, |encoder| arrays.backward(&layer, encoder));
        forward();
        backward();
        verdict(&arrays.gradients(&layer), &case.expected, F32_GRADIENTS).expect("the right ones");
        let id = |pass: &str| id(&format!("{}/{schedule}/{pass}", case.name), gpu);
        if !is_wave {
            group.bench_function(id("forward"), |bencher| bencher.iter(forward));
        }
        group.bench_function(id("backward"), |bencher| bencher.iter(backward));
    }
}

/// The arrays of a training run, on the device.
struct Arrays {
    x: DeviceArray,
    y: DeviceArray,
    reserve: Reserve,
    d_y: DeviceArray,
    d_x: DeviceArray,
    d_h0: DeviceArray,
    d_c0: Option<DeviceArray>,
    d_weights: DeviceArray,
}

impl Arrays {
    fn new<K: Kind>(layer: &Layer<K>, run: &Run) -> Self {
        let (gpu, sizes) = (layer.gpu(), layer.sizes());
        let (seq_len, batch, _) = run.x.dim();
        let zeros = |shape: &[usize]| gpu.zeros(shape).expect("an array");
        let state = [sizes.num_states(), batch, sizes.hidden_size];
        Arrays {
            x: gpu.upload(run.x.view()).expect("x"),
            y: zeros(run.d_y.shape()),
            reserve: layer.reserve(seq_len, batch).expect("a reserve"),
            d_y: gpu.upload(run.d_y.view()).expect("d_y"),
            d_x: zeros(run.x.shape()),
            d_h0: zeros(&state),
            d_c0: sizes.cell.has_c().then(|| zeros(&state)),
            d_weights: zeros(&[layer.weights_len()]),
        }
    }

    fn forward<K: Kind>(&self, layer: &Layer<K>, encoder: &mut wgpu::CommandEncoder) {
        let io = LayerIo::new(&self.x, &self.y);
        layer.encode_training(encoder, &io, &self.reserve).expect("a run");
    }

    fn backward<K: Kind>(&self, layer: &Layer<K>, encoder: &mut wgpu::CommandEncoder) {
        let mut io = BackwardIo::new(&self.x, &self.y, &self.reserve, &self.d_y);
        (io.d_x, io.d_weights) = (Some(&self.d_x), Some(&self.d_weights));
        (io.d_h0, io.d_c0) = (Some(&self.d_h0), self.d_c0.as_ref());
        layer.encode_backward(encoder, &io).expect("a run");
    }

    fn gradients<K: Kind>(&self, layer: &Layer<K>) -> Named {
        let download = |array: &DeviceArray| array.download().expect("a result").mapv(f64::from);
        let d_weights = download(&self.d_weights).into_raw_vec_and_offset().0;
        let of_weights = layer.weight_tensors().iter().map(|tensor| {
            let part = d_weights[tensor.offset..][..tensor.num_elements()].to_vec();
            let part = ArrayD::from_shape_vec(tensor.shape.as_slice(), part).expect("its shape");
            (format!("grad.{}", tensor.name), part)
        });
        let of_inputs = [
            ("d_input", Some(&self.d_x)),
            ("d_h0", Some(&self.d_h0)),
            ("d_c0", self.d_c0.as_ref()),
        ];
        let of_inputs = of_inputs.into_iter().filter_map(|(name, array)| Some((name, array?)));
        of_weights.chain(of_inputs.map(|(name, array)| (name.into(), download(array)))).collect()
    }
}

criterion_group!(benches, backward);
criterion_main!(benches);
