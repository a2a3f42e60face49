//! Problems by name: the standing shapes of the benchmarks, and `T,B,I,H,L`.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use wgpu_rnn::{Cell, Direction, LayerSizes, Problem, WeightFormat};

use crate::cells::{CellName, GRU, ResetArgs};
use crate::failure::Result;

/// The sizes of a run: of a standing shape, or of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Of a standing shape.
    pub id: Option<String>,
    pub seq_len: usize,
    pub batch: usize,
    input_size: usize,
    hidden_size: usize,
    num_layers: usize,
    bidirectional: bool,
    cell: Cell,
    pub weight_format: WeightFormat,
}

/// What of a shape can be told otherwise.
#[derive(Clone, Copy, clap::Args)]
pub struct ShapeArgs {
    /// The cell [default: that of a standing shape, else lstm]
    #[arg(long, value_name = "NAME")]
    cell: Option<CellName>,
    #[command(flatten)]
    reset: ResetArgs,
    /// Every layer also runs from the last time step to the first
    #[arg(long)]
    bidirectional: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl ShapeArgs {
    pub fn weight_format(&self) -> WeightFormat {
        self.format.weight_format
    }
}

/// How the weights lie on the device.
#[derive(Clone, Copy, clap::Args)]
pub struct FormatArgs {
    /// The format of the weights on the device
    #[arg(long = "weights", value_name = "FORMAT", default_value_t, value_parser = format_parser())]
    pub weight_format: WeightFormat,
}

fn format_parser() -> impl TypedValueParser<Value = WeightFormat> {
    let names = WeightFormat::ALL.map(|format| format.to_string());
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// id, [T, B, I, H, L], bidirectional, cell; T = 1 is a stream of single steps.
type Row = (&'static str, [usize; 5], bool, Cell);

const STANDING: [Row; 13] = [
    ("vad", [1, 1, 128, 128, 1], false, Cell::Lstm),
    ("amp", [1000, 1, 1, 40, 1], false, Cell::Lstm),
    ("small", [1000, 1, 64, 64, 1], false, Cell::Lstm),
    ("small-gru", [1000, 1, 64, 64, 1], false, GRU),
    ("small-rnn", [1000, 1, 64, 64, 1], false, Cell::Rnn),
    ("mlx", [300, 1, 512, 512, 1], false, Cell::Lstm),
    ("mlx-gru", [300, 1, 512, 512, 1], false, GRU),
    ("mlx-rnn", [300, 1, 512, 512, 1], false, Cell::Rnn),
    ("flash", [1024, 16, 768, 768, 1], false, Cell::Lstm),
    ("bigru", [128, 1, 384, 256, 1], true, GRU),
    ("bilstm", [60, 32, 293, 128, 2], true, Cell::Lstm),
    ("smallh4", [5654, 5, 232, 64, 4], false, Cell::Lstm),
    ("wide", [256, 64, 1024, 1024, 2], false, Cell::Lstm),
];

/// Standing shapes are cut so that a software adapter does no more than this in a run.
const SOFTWARE_FLOPS: u64 = 1 << 30;
const FEWEST_STEPS: usize = 2;

/// The ids of the standing shapes, as the help and an error list them.
pub fn ids() -> String {
    STANDING.map(|row| row.0).join(", ")
}

impl Shape {
    pub fn standing() -> Vec<Shape> {
        STANDING.into_iter().map(Shape::of_row).collect()
    }

    fn of_row((id, [t, b, i, h, l], bidirectional, cell): Row) -> Self {
        Shape {
            id: Some(id.into()),
            seq_len: t,
            batch: b,
            input_size: i,
            hidden_size: h,
            num_layers: l,
            bidirectional,
            cell,
            weight_format: WeightFormat::F32,
        }
    }

    pub fn with(self, args: &ShapeArgs) -> Result<Self> {
        let cell = args.reset.apply(args.cell.map_or(self.cell, Cell::from))?;
        let bidirectional = self.bidirectional || args.bidirectional;
        Ok(Shape { cell, bidirectional, weight_format: args.format.weight_format, ..self })
    }

    /// With so few time steps, if it is a standing shape, that a software adapter ends a run of so many forward passes
    /// within a second or so.
    ///
    /// # Errors
    /// Where a size is 0.
    pub fn affordable(&self, passes: u64, is_software: bool) -> wgpu_rnn::Result<Self> {
        let problem = self.problem()?;
        if self.id.is_none() || !is_software {
            return Ok(self.clone());
        }
        let step_flops = (passes * (problem.flops() / problem.seq_len as u64)).max(1);
        let steps = (SOFTWARE_FLOPS / step_flops) as usize;
        Ok(Shape { seq_len: steps.max(FEWEST_STEPS).min(self.seq_len), ..self.clone() })
    }

    pub fn sizes(&self) -> LayerSizes {
        LayerSizes::new(self.cell, self.input_size, self.hidden_size)
            .with_layers(self.num_layers)
            .with_direction(Direction::of(self.bidirectional))
    }

    /// # Errors
    /// Where a size is 0.
    pub fn problem(&self) -> wgpu_rnn::Result<Problem> {
        let problem = Problem::new(self.sizes(), self.seq_len, self.batch, false)?;
        Ok(Problem { weight_format: self.weight_format, ..problem })
    }

    /// `T,B,I,H,L`, as it is written on the command line.
    pub fn numbers(&self) -> String {
        let Shape { seq_len, batch, input_size, hidden_size, num_layers, .. } = self;
        format!("{seq_len},{batch},{input_size},{hidden_size},{num_layers}")
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(row) = STANDING.into_iter().find(|row| row.0 == text) {
            return Ok(Shape::of_row(row));
        }
        let sizes: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
        match sizes.as_deref() {
            Some(&[t, b, i, h, l]) => {
                Ok(Shape { id: None, ..Shape::of_row(("", [t, b, i, h, l], false, Cell::Lstm)) })
            }
            _ => Err(format!("expected five sizes T,B,I,H,L or one of {}", ids())),
        }
    }
}
