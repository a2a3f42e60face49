//! Curves on two logarithmic axes, as an SVG.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use wgpu_rnn::Schedule;

/// Points (size, µs per step) of a schedule.
pub struct Curve {
    pub schedule: Schedule,
    pub measured: Vec<(f64, f64)>,
    pub predicted: Vec<(f64, f64)>,
}

pub struct Figure {
    pub title: String,
    /// What grows.
    pub axis: &'static str,
    pub curves: Vec<Curve>,
}

/// Above the highest curve, as a factor.
const LEGEND_ROOM: f64 = 4.0;
/// One for each schedule.
const COLORS: [RGBColor; 3] = [BLUE, RED, RGBColor(0, 130, 70)];

impl Curve {
    pub fn new(schedule: Schedule) -> Self {
        Curve { schedule, measured: Vec::new(), predicted: Vec::new() }
    }
}

impl Figure {
    /// Measured with dots and lines, predicted as thin lines.
    pub fn draw(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let points =
            || self.curves.iter().flat_map(|curve| curve.measured.iter().chain(&curve.predicted));
        let (left, right) = range(points().map(|point| point.0));
        let (low, high) = range(points().map(|point| point.1));
        let canvas = SVGBackend::new(path, (800, 500)).into_drawing_area();
        canvas.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&canvas)
            .caption(&self.title, ("sans-serif", 16))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(
                (left..right).log_scale().base(2.0),
                (low / 1.5..high * LEGEND_ROOM).log_scale(),
            )?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.axis)
            .y_desc("µs per step")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| y.to_string())
            .draw()?;
        for curve in &self.curves {
            let at = Schedule::ALL.iter().position(|schedule| *schedule == curve.schedule);
            let color = COLORS[at.unwrap_or(0) % COLORS.len()];
            let (thick, thin) = (color.stroke_width(2), color.mix(0.5).stroke_width(1));
            chart
                .draw_series(LineSeries::new(curve.measured.iter().copied(), thick).point_size(3))?
                .label(curve.schedule.to_string())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], thick));
            chart
                .draw_series(LineSeries::new(curve.predicted.iter().copied(), thin))?
                .label(format!("{}, predicted", curve.schedule))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], thin));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        canvas.present()?;
        Ok(())
    }
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
}
