//! The linear layer, alone and behind an LSTM.

use wgpu_rnn::ndarray::{Array1, Array2, ArrayD, Ix1, Ix2, Ix4};
use wgpu_rnn::{Gpu, LayerIo, Linear, Options, reference, wgpu};

use crate::common::Random;
use crate::common::case::{Case, Shape};
use crate::common::compare::{F32, compare};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("linear::features", features),
        GpuTest::new("linear::rows", rows),
        GpuTest::new("linear::ranks", ranks),
        GpuTest::new("linear::behind_an_lstm", behind_an_lstm),
        GpuTest::new("linear::rows_are_apart", rows_are_apart),
    ]
}

/// A layer's weight and bias.
pub struct Head {
    pub weight: Array2<f32>,
    pub bias: Option<Array1<f32>>,
}

impl Head {
    pub fn new(random: &mut Random, inputs: usize, outputs: usize, has_bias: bool) -> Self {
        let weight = Array2::from_shape_simple_fn((outputs, inputs), || random.next());
        let bias = has_bias.then(|| Array1::from_shape_simple_fn(outputs, || random.next()));
        Head { weight, bias }
    }

    pub fn on(&self, gpu: &Gpu) -> wgpu_rnn::Result<Linear> {
        Linear::new(gpu, &self.weight, self.bias.as_ref())
    }

    pub fn expected(&self, x: &ArrayD<f32>) -> ArrayD<f64> {
        reference::linear(self.weight.view(), self.bias.as_ref(), &x.mapv(f64::from))
    }

    /// Twice from the host, blocking and not, and once encoded.
    fn check(&self, gpu: &Gpu, x: &ArrayD<f32>) -> Outcome {
        let layer = self.on(gpu)?;
        let expected = self.expected(x);
        compare("forward", &layer.forward(x.view())?, &expected, F32).verdict()?;
        let y = pollster::block_on(send(layer.forward_async(x.view())))?;
        compare("forward_async", &y, &expected, F32).verdict()?;
        let (x, y) = (gpu.upload(x.view())?, gpu.zeros(expected.shape())?);
        encode(gpu, |encoder| layer.encode(encoder, &x, &y))?;
        Ok(compare("encode", &y.download()?, &expected, F32).verdict()?)
    }
}

/// An executor may move a future from thread to thread.
fn send<F: Future + Send>(future: F) -> F {
    future
}

fn encode(
    gpu: &Gpu,
    record: impl FnOnce(&mut wgpu::CommandEncoder) -> wgpu_rnn::Result<()>,
) -> wgpu_rnn::Result<()> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder)?;
    gpu.queue().submit([encoder.finish()]);
    Ok(())
}

fn random_x(random: &mut Random, shape: &[usize]) -> ArrayD<f32> {
    ArrayD::from_shape_simple_fn(shape, || random.next())
}

/// Outputs come in groups of four, inputs in tiles of sixteen.
fn features(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(1);
    for inputs in [1, 2, 3, 4, 5, 15, 16, 17, 33] {
        for outputs in [1, 2, 3, 4, 5, 16, 17, 63, 64, 65] {
            let head = Head::new(&mut random, inputs, outputs, (inputs + outputs) % 3 != 0);
            let x = random_x(&mut random, &[3, inputs]);
            let problem = |problem| format!("{inputs} to {outputs}: {problem}");
            head.check(gpu, &x).map_err(problem)?;
        }
    }
    Ok(())
}

fn rows(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(2);
    let head = Head::new(&mut random, 5, 6, true);
    for rows in [1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 1000] {
        let x = random_x(&mut random, &[rows, 5]);
        head.check(gpu, &x).map_err(|problem| format!("{rows} rows: {problem}"))?;
    }
    Ok(())
}

/// y has the rank of x.
fn ranks(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(3);
    let head = Head::new(&mut random, 5, 3, true);
    for shape in [&[5][..], &[4, 5], &[4, 3, 5], &[4, 1, 3, 5]] {
        head.check(gpu, &random_x(&mut random, shape))?;
    }
    let layer = head.on(gpu)?;
    let x = random_x(&mut random, &[2, 3, 4, 5]);
    let y = layer.forward(x.view().into_dimensionality::<Ix4>()?)?;
    assert_eq!(y.dim(), (2, 3, 4, 3));
    let transposed = random_x(&mut random, &[5, 4]).into_dimensionality::<Ix2>()?.reversed_axes();
    let y = layer.forward(transposed.view())?.into_dyn();
    compare("strided", &y, &head.expected(&transposed.into_dyn()), F32).verdict()?;
    let single = random_x(&mut random, &[5]).into_dimensionality::<Ix1>()?;
    assert_eq!(layer.forward(single.view())?.len(), 3);
    Ok(())
}

/// Nothing comes to the host between the layers: y of the one is x of the other.
fn behind_an_lstm(gpu: &Gpu) -> Outcome {
    for batch_first in [false, true] {
        let case = Case::new(4, Shape::default()).with_batch_first(batch_first);
        let head = Head::new(&mut Random::new(5), 6, 2, true);
        let (lstm, linear) = (case.lstm(gpu, Options::default())?, head.on(gpu)?);
        let (a, b, _) = case.laid_out().dim();
        let x = gpu.upload(case.laid_out().view())?;
        let [y, z] = [gpu.zeros(&[a, b, 6])?, gpu.zeros(&[a, b, 2])?];
        encode(gpu, |encoder| {
            lstm.encode(encoder, &LayerIo::new(&x, &y))?;
            linear.encode(encoder, &y, &z)
        })?;
        let mut hidden = case.expected().y.clone();
        if batch_first {
            hidden.swap_axes(0, 1);
        }
        let expected =
            reference::linear(head.weight.view(), head.bias.as_ref(), &hidden.into_dyn());
        compare("z", &z.download()?, &expected, F32).verdict()?;
    }
    Ok(())
}

/// A row that is not a number spoils its own output only.
fn rows_are_apart(gpu: &Gpu) -> Outcome {
    let mut random = Random::new(6);
    let head = Head::new(&mut random, 5, 6, true);
    let layer = head.on(gpu)?;
    let x = random_x(&mut random, &[40, 5]).into_dimensionality::<Ix2>()?;
    let y = layer.forward(x.view())?;
    for value in [f32::NAN, f32::INFINITY] {
        let mut bad = x.clone();
        bad[[17, 2]] = value;
        let bad_y = layer.forward(bad.view())?;
        for (row, (y, bad_y)) in y.outer_iter().zip(bad_y.outer_iter()).enumerate() {
            let same = y.iter().zip(&bad_y).all(|(y, bad)| y.to_bits() == bad.to_bits());
            assert_eq!(same, row != 17, "{value}: row {row}");
        }
        assert!(bad_y.row(17).iter().all(|y| !y.is_finite()), "{value}: {}", bad_y.row(17));
    }
    Ok(())
}
