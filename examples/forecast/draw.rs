//! Forecast against truth, in the terminal and as an SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::mackey_glass::Series;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A free run as two curves of characters.
pub fn terminal(truth: &[f32], forecast: &[f32]) -> Outcome {
    const COLUMNS: usize = 100;
    const ROWS: usize = 14;
    let (low, high) = range(truth.iter().chain(forecast));
    let mut cells = vec![vec![' '; COLUMNS]; ROWS];
    let mut mark = |values: &[f32], sign: char| {
        for column in 0..COLUMNS {
            let value = values[column * values.len() / COLUMNS];
            let height = f64::from((value - low) / (high - low)) * (ROWS - 1) as f64;
            let cell = &mut cells[ROWS - 1 - height.round() as usize][column];
            *cell = if *cell == ' ' { sign } else { '#' };
        }
    };
    mark(truth, '.');
    mark(forecast, 'o');
    println!("free run, {} samples: truth '.', forecast 'o', both '#'", truth.len());
    for row in cells {
        println!("  {}", row.into_iter().collect::<String>().trim_end());
    }
    Ok(())
}

/// Above one step ahead, below free-running.
pub fn svg(path: &Path, series: &Series, one_step: &[f32], free_run: &[f32]) -> Outcome {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let canvas = SVGBackend::new(path, (1000, 600)).into_drawing_area();
    canvas.fill(&WHITE)?;
    let samples = free_run.len();
    let (upper, lower) = canvas.split_vertically(300);
    // The prediction made at t is for t + 1.
    let from = series.warm_up;
    let truth = series.free_run_truth(samples);
    chart(&upper, "One step ahead", &truth, &one_step[from - 1..from - 1 + samples])?;
    chart(&lower, "Free-running on its own output", &truth, free_run)?;
    canvas.present()?;
    Ok(())
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    truth: &[f32],
    forecast: &[f32],
) -> Outcome {
    let (low, high) = range(truth.iter().chain(forecast));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("Mackey-Glass, tau = 17: {title}"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(40)
        .build_cartesian_2d(0..truth.len(), low..high)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).draw()?;
    let curves = [("truth", truth, BLACK.stroke_width(1)), ("LSTM", forecast, RED.stroke_width(2))];
    for (name, values, style) in curves {
        chart
            .draw_series(LineSeries::new(values.iter().copied().enumerate(), style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(())
}

fn range<'a>(values: impl Iterator<Item = &'a f32>) -> (f32, f32) {
    values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
}
