//! Each stage around the recurrent ones alone: every size around those of workgroups, every value that is special.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, Axis, Ix2, s};
use wgpu_rnn::{
    Cell, DeviceInput, Direction, Embedding, Function, Gpu, Last, LayerInput, LayerSizes, Model,
    ModelIo, reference,
};

use super::chain::{Chain, FORWARD, GRU, Part, encoder};
use crate::common::Random;
use crate::common::compare::{F32, compare};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("model::stages_functions", functions),
        GpuTest::new("model::stages_special_values", special_values),
        GpuTest::new("model::stages_many_rows", many_rows),
        GpuTest::new("model::stages_embedding", embedding),
        GpuTest::new("model::stages_last_sizes", last_sizes),
        GpuTest::new("model::stages_last_of_nothing", last_of_nothing),
    ]
}

const FUNCTIONS: [Function; 5] =
    [Function::Relu, Function::Tanh, Function::Sigmoid, Function::Softmax, Function::LogSoftmax];
const BOTH: Direction = Direction::Bidirectional;

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
        let sizes = LayerSizes::new(Cell::Lstm, 4, 9).with_layers(2).with_proj_size(5);
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
