//! The Mackey-Glass series, as tools/train_mackey_glass.py makes it, bit for bit.

use wgpu_rnn::io::safetensors::File;
use wgpu_rnn::ndarray::Array3;

/// The part of the series that the training has not seen, normalised.
pub struct Series {
    pub values: Vec<f32>,
    /// Samples that a free run is shown before it goes on by itself.
    pub warm_up: usize,
}

/// Samples of the held-out part.
const HELD_OUT: usize = 2000;

impl Series {
    pub fn held_out(model: &File) -> Result<Self, Box<dyn std::error::Error>> {
        let text = |key: &str| {
            model.metadata().get(key).ok_or_else(|| format!("the file has no metadata `{key}`"))
        };
        let number = |key: &str| Ok::<_, Box<dyn std::error::Error>>(text(key)?.parse::<f64>()?);
        let count = |key: &str| Ok::<_, Box<dyn std::error::Error>>(text(key)?.parse::<usize>()?);
        let (mean, std, trained) = (number("mean")?, number("std")?, count("train_steps")?);
        let series = generate(count("transient")?, trained + HELD_OUT);
        let values = series[trained..].iter().map(|x| ((x - mean) / std) as f32).collect();
        Ok(Series { values, warm_up: count("warm_up")? })
    }

    /// `[T, 1, 1]`.
    pub fn input(&self) -> Array3<f32> {
        Array3::from_shape_fn((self.values.len(), 1, 1), |(t, _, _)| self.values[t])
    }

    /// What a free run after the warm-up should be.
    pub fn free_run_truth(&self, samples: usize) -> Vec<f32> {
        self.values[self.warm_up..self.warm_up + samples].to_vec()
    }

    /// Root mean square error over the standard deviation of the whole stretch.
    pub fn nrmse(&self, forecast: &[f32], truth: &[f32]) -> f64 {
        let mean = |values: &mut dyn Iterator<Item = f64>, n: usize| values.sum::<f64>() / n as f64;
        let all = self.values.len();
        let center = mean(&mut self.values.iter().map(|x| f64::from(*x)), all);
        let variance = mean(&mut self.values.iter().map(|x| (f64::from(*x) - center).powi(2)), all);
        let squares = forecast.iter().zip(truth).map(|(a, b)| f64::from(a - b).powi(2));
        (mean(&mut { squares }, truth.len()) / variance).sqrt()
    }
}

/// dx/dt = 0.2 x(t-17) / (1 + x(t-17)^10) - 0.1 x(t), x = 1.2 up to t = 0 (Mackey & Glass 1977), by Heun's method with
/// steps of 0.1; a sample per unit of time, the first `transient` dropped.
///
/// The series is chaotic: another order of the operations gives another series after some hundred samples.
fn generate(transient: usize, samples: usize) -> Vec<f64> {
    const DT: f64 = 0.1;
    const LAG: usize = 170;
    const STEPS_PER_SAMPLE: usize = 10;
    let slope = |x: f64, delayed: f64| {
        let d2 = delayed * delayed;
        let d4 = d2 * d2;
        0.2 * delayed / (1.0 + d4 * d4 * d2) - 0.1 * x
    };
    let mut x = vec![1.2; LAG + 1]; // x[LAG] is t = 0
    for k in LAG..LAG + STEPS_PER_SAMPLE * (transient + samples) {
        let k1 = slope(x[k], x[k - LAG]);
        let k2 = slope(x[k] + DT * k1, x[k - LAG + 1]);
        x.push(x[k] + 0.5 * DT * (k1 + k2));
    }
    let first = LAG + STEPS_PER_SAMPLE * transient;
    x[first..].iter().step_by(STEPS_PER_SAMPLE).take(samples).copied().collect()
}
