//! Forecasts a chaotic series with an LSTM trained in PyTorch: the job this library is for, from file to result.
//!
//! ```text
//! cargo run --release --example forecast [-- OUT.svg]
//! ```
//!
//! The Mackey-Glass series (tau = 17) is the standard benchmark of forecasting; it is made from its equation. A
//! two-layer LSTM and a linear head, trained by tools/train_mackey_glass.py, predict the next sample: one step ahead
//! over the held-out stretch, and then free-running on their own output.

#[path = "forecast/draw.rs"]
mod draw;
#[path = "forecast/mackey_glass.rs"]
mod mackey_glass;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mackey_glass::Series;
use wgpu_rnn::io::safetensors::{self, File};
use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD};
use wgpu_rnn::{Gpu, Linear, Lstm, LstmStream, reference};

/// Samples that a free run is compared over.
const FREE_RUN: usize = 300;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What either engine makes of the series, in its own units, and how long a time step took.
struct Forecast {
    one_step: Vec<f32>,
    free_run: Vec<f32>,
    one_step_time: Duration,
    free_run_time: Duration,
}

fn main() -> Outcome<()> {
    let svg = std::env::args_os().nth(1).map_or("target/forecast.svg".into(), PathBuf::from);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/mackey_glass_lstm.safetensors");
    let model = safetensors::open(path)?;
    let series = Series::held_out(&model)?;
    println!(
        "Mackey-Glass, tau = {}: {} held-out samples, LSTM {} x {} layers from PyTorch\n",
        model.metadata()["tau"],
        series.values.len(),
        model.metadata()["hidden_size"],
        model.metadata()["num_layers"],
    );

    let on_cpu = on_cpu(&model, &series)?;
    let forecast = match Gpu::new() {
        Ok(gpu) => {
            let info = gpu.info();
            println!(
                "adapter   {} ({}, {} {})",
                info.name, info.backend, info.driver, info.driver_info
            );
            let forecast = on_gpu(&gpu, &model, &series)?;
            let difference = largest_difference(&forecast.one_step, &on_cpu.one_step);
            println!("checked   largest difference from the CPU reference: {difference:.1e}\n");
            if !(difference <= 1e-4) {
                return Err(format!("the GPU and the CPU reference differ by {difference}").into());
            }
            forecast
        }
        Err(error) => {
            println!("{error}");
            println!("No GPU: this is the CPU reference, which is right but slow.\n");
            on_cpu
        }
    };
    report(&series, &forecast);
    draw::terminal(&series.free_run_truth(FREE_RUN), &forecast.free_run)?;
    draw::svg(&svg, &series, &forecast.one_step, &forecast.free_run)?;
    println!("\ndrawn to  {}", svg.display());
    Ok(())
}

fn on_gpu(gpu: &Gpu, model: &File, series: &Series) -> Outcome<Forecast> {
    let lstm = Lstm::load(gpu, model, "lstm")?;
    let head = Linear::load(gpu, model, "head")?;
    let x = gpu.upload(series.input().view())?;
    let h = gpu.zeros(&[series.values.len(), 1, lstm.sizes().output_size()])?;
    let y = gpu.zeros(&[series.values.len(), 1, 1])?;
    let run = || -> Outcome<ArrayD<f32>> {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        lstm.encode(&mut encoder, &wgpu_rnn::LayerIo::new(&x, &h))?;
        head.encode(&mut encoder, &h, &y)?;
        gpu.queue().submit([encoder.finish()]);
        Ok(y.download()?)
    };
    run()?; // the first run compiles the kernels
    let start = Instant::now();
    let one_step: Vec<f32> = run()?.into_iter().collect();
    let one_step_time = start.elapsed() / series.values.len() as u32;

    let mut stream = lstm.stream(1)?;
    let next = |stream: &mut LstmStream, value: f32| -> Outcome<f32> {
        let h = stream.step(Array2::from_elem((1, 1), value).view())?;
        Ok(head.forward(h.view())?[[0, 0]])
    };
    let mut value = 0.0;
    for known in &series.values[..series.warm_up] {
        value = next(&mut stream, *known)?;
    }
    let start = Instant::now();
    let mut free_run = Vec::with_capacity(FREE_RUN);
    for _ in 0..FREE_RUN {
        free_run.push(value);
        value = next(&mut stream, value)?;
    }
    let free_run_time = start.elapsed() / FREE_RUN as u32;

    println!(
        "plan      {}",
        lstm.plan(series.values.len(), 1)?.to_string().replace('\n', "\n          ")
    );
    Ok(Forecast { one_step, free_run, one_step_time, free_run_time })
}

fn on_cpu(model: &File, series: &Series) -> Outcome<Forecast> {
    let lstm = model.lstm("lstm")?;
    let (weight, bias): (Array2<f32>, Array1<f32>) =
        (model.array("head.weight")?, model.array("head.bias")?);
    let head = |h: Array3<f64>| reference::linear(weight.view(), Some(&bias), &h.into_dyn());
    let start = Instant::now();
    let outputs = reference::forward(&lstm, &reference::Inputs::new(series.input().view()));
    let one_step: Vec<f32> = head(outputs.y).iter().map(|value| *value as f32).collect();
    let one_step_time = start.elapsed() / series.values.len() as u32;

    let start = Instant::now();
    let warm =
        Array3::from_shape_vec((series.warm_up, 1, 1), series.values[..series.warm_up].to_vec())?;
    let outputs = reference::forward(&lstm, &reference::Inputs::new(warm.view()));
    let (mut h, mut c) = (outputs.h_n, outputs.c_n);
    let mut value = one_step[series.warm_up - 1];
    let mut free_run = Vec::with_capacity(FREE_RUN);
    for _ in 0..FREE_RUN {
        free_run.push(value);
        let [h0, c0] = [&h, &c].map(|state| state.mapv(|value| value as f32));
        let x = Array3::from_elem((1, 1, 1), value);
        let (h0, c0) = (Some(h0.view()), Some(c0.view()));
        let inputs = reference::Inputs { h0, c0, ..reference::Inputs::new(x.view()) };
        let outputs = reference::forward(&lstm, &inputs);
        (h, c) = (outputs.h_n, outputs.c_n);
        value = head(outputs.y)[[0, 0, 0]] as f32;
    }
    let free_run_time = start.elapsed() / (FREE_RUN + series.warm_up) as u32;
    Ok(Forecast { one_step, free_run, one_step_time, free_run_time })
}

fn report(series: &Series, forecast: &Forecast) {
    // The state starts at zero and needs the warm-up to catch on.
    let (first, last) = (series.warm_up, series.values.len() - 1);
    let truth = &series.values[first + 1..];
    let free_truth = series.free_run_truth(FREE_RUN);
    let persistence = vec![series.values[first - 1]; FREE_RUN];
    println!("NRMSE after {first} samples of warm-up      LSTM   persistence");
    println!(
        "  one step ahead, {} samples       {:.4}   {:.4}",
        truth.len(),
        series.nrmse(&forecast.one_step[first..last], truth),
        series.nrmse(&series.values[first..last], truth)
    );
    for samples in [100, 200, FREE_RUN] {
        println!(
            "  free-running, {samples} samples          {:.4}   {:.4}",
            series.nrmse(&forecast.free_run[..samples], &free_truth[..samples]),
            series.nrmse(&persistence[..samples], &free_truth[..samples])
        );
    }
    let micros = |time: Duration| 1e6 * time.as_secs_f64();
    println!(
        "time per step: {:.1} us in a sequence of {}, {:.1} us in a stream with a round trip to the host each\n",
        micros(forecast.one_step_time),
        series.values.len(),
        micros(forecast.free_run_time)
    );
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    // f32::max would drop a NaN.
    differences.fold(0.0, |most, next| if next <= most { most } else { next })
}
