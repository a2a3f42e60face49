//! A repeated run makes no GPU object.

use wgpu_rnn::ndarray::{Array2, Axis, s};
use wgpu_rnn::{Gpu, GpuStats, LayerIo, Linear, Options, Schedule};

use crate::common::case::{Case, Shape};
use crate::common::trials::{GpuTest, Outcome, another};

pub fn tests() -> Vec<GpuTest> {
    vec![
        GpuTest::new("reuse::forward", forward),
        GpuTest::new("reuse::encode", encode),
        GpuTest::new("reuse::step", step),
        GpuTest::new("reuse::linear", linear),
        GpuTest::new("reuse::layers_share_pipelines", layers_share_pipelines),
    ]
}

/// What `work` makes the first time, and when it is done twice more.
pub fn made(
    gpu: &Gpu,
    mut work: impl FnMut() -> Outcome,
) -> Result<[GpuStats; 2], Box<dyn std::error::Error>> {
    let before = gpu.stats();
    work()?;
    let first = gpu.stats();
    work()?;
    work()?;
    Ok([since(first, before), since(gpu.stats(), first)])
}

pub fn since(now: GpuStats, then: GpuStats) -> GpuStats {
    GpuStats {
        buffers: now.buffers - then.buffers,
        bind_groups: now.bind_groups - then.bind_groups,
        pipelines: now.pipelines - then.pipelines,
        tuned: now.tuned - then.tuned,
    }
}

pub const NOTHING: GpuStats = GpuStats { buffers: 0, bind_groups: 0, pipelines: 0, tuned: 0 };

/// The first time something, later nothing.
pub fn check([first, later]: [GpuStats; 2], what: &str) {
    assert!(first.buffers > 0 && first.bind_groups > 0, "{what} at first: {first:?}");
    assert_eq!(later, NOTHING, "{what} again");
}

fn case_for(schedule: Schedule) -> Case {
    let bidirectional = schedule != Schedule::Wavefront;
    Case::new(1, Shape { l: 3, bidirectional, ..Default::default() }).with_state(1)
}

fn options(schedule: Schedule) -> Options {
    Options { schedule: Some(schedule), chunk: Some(2), ..Default::default() }
}

fn forward(gpu: &Gpu) -> Outcome {
    // Other tests must not count.
    let gpu = &another(gpu)?;
    for schedule in Schedule::ALL {
        let case = case_for(schedule);
        let layer = case.lstm(gpu, options(schedule))?;
        check(made(gpu, || Ok(case.check_layer(&layer)?))?, &format!("forward, {schedule}"));
        // A second shape leaves the first one ready.
        let shorter = case_for(schedule).with_x(case.x.slice(s![..3, .., ..]).to_owned());
        check(made(gpu, || Ok(shorter.check_layer(&layer)?))?, "another shape");
        let before = gpu.stats();
        case.check_layer(&layer)?;
        assert_eq!(since(gpu.stats(), before), NOTHING, "the first shape, {schedule}");
    }
    Ok(())
}

fn encode(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    for schedule in Schedule::ALL {
        let case = case_for(schedule);
        let layer = case.lstm(gpu, options(schedule))?;
        let (x, y) = (gpu.upload(case.x.view())?, gpu.zeros(&[7, 3, layer.sizes().output_size()])?);
        let work = || {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            layer.encode(&mut encoder, &LayerIo::new(&x, &y))?;
            gpu.queue().submit([encoder.finish()]);
            Ok(())
        };
        check(made(gpu, work)?, &format!("encode, {schedule}"));
    }
    Ok(())
}

/// Both halves of the h ring are in use after two steps.
fn step(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = case_for(Schedule::Stepwise);
    let layer = case.lstm(gpu, Options::default())?;
    let mut stream = layer.stream(3)?;
    let x_t = case.x.index_axis(Axis(0), 0);
    let two_steps = || {
        stream.step(x_t)?;
        stream.step(x_t)?;
        Ok(())
    };
    check(made(gpu, two_steps)?, "step");
    let (x_t, y_t) = (gpu.upload(x_t)?, gpu.zeros(&[3, layer.sizes().output_size()])?);
    let two_steps = || {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        stream.encode_step(&mut encoder, &x_t, &y_t)?;
        stream.encode_step(&mut encoder, &x_t, &y_t)?;
        gpu.queue().submit([encoder.finish()]);
        Ok(())
    };
    let [first, later] = made(gpu, two_steps)?;
    assert!(first.bind_groups > 0, "{first:?}");
    assert_eq!(later, NOTHING, "encode_step again");
    let before = gpu.stats();
    stream.reset()?;
    stream.reset_row(1)?;
    stream.load(case.state.as_ref().ok_or("the case has a state")?)?;
    assert_eq!(since(gpu.stats(), before), NOTHING, "reset, reset_row and load");
    Ok(())
}

fn linear(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let layer = Linear::new(gpu, &Array2::ones((3, 5)), None)?;
    let x = Array2::ones((4, 5));
    let work = || {
        layer.forward(x.view())?;
        Ok(())
    };
    check(made(gpu, work)?, "forward");
    let (x, y) = (gpu.upload(x.view())?, gpu.zeros(&[4, 3])?);
    let work = || {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        layer.encode(&mut encoder, &x, &y)?;
        gpu.queue().submit([encoder.finish()]);
        Ok(())
    };
    let [first, later] = made(gpu, work)?;
    assert_eq!((first.bind_groups, later), (1, NOTHING), "encode");
    Ok(())
}

/// A second layer of the same kind compiles nothing.
fn layers_share_pipelines(gpu: &Gpu) -> Outcome {
    let gpu = &another(gpu)?;
    let case = case_for(Schedule::Stepwise);
    case.check(gpu, Options::default())?;
    let before = gpu.stats();
    case.check(gpu, Options::default())?;
    assert_eq!(gpu.stats().pipelines, before.pipelines);
    assert!(gpu.stats().buffers > before.buffers);
    Ok(())
}
