//! Problems by name: the standing shapes of the benchmarks, and `T,B,I,H,L`.

use std::str::FromStr;

use wgpu_rnn::{Cell, Direction, Error, LayerSizes, Problem};

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
    cell: &'static str,
}

const LSTM: &str = "LSTM";

/// id, [T, B, I, H, L], bidirectional, cell; T = 1 is a stream of single steps.
type Row = (&'static str, [usize; 5], bool, &'static str);

const STANDING: [Row; 9] = [
    ("vad", [1, 1, 128, 128, 1], false, LSTM),
    ("amp", [1000, 1, 1, 40, 1], false, LSTM),
    ("small", [1000, 1, 64, 64, 1], false, LSTM),
    ("mlx", [300, 1, 512, 512, 1], false, LSTM),
    ("flash", [1024, 16, 768, 768, 1], false, LSTM),
    ("bigru", [128, 1, 384, 256, 1], true, "GRU"),
    ("bilstm", [60, 32, 293, 128, 2], true, LSTM),
    ("smallh4", [5654, 5, 232, 64, 4], false, LSTM),
    ("wide", [256, 64, 1024, 1024, 2], false, LSTM),
];

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
        }
    }

    /// The same in both directions, if so wished.
    pub fn widened(self, bidirectional: bool) -> Self {
        Shape { bidirectional: self.bidirectional || bidirectional, ..self }
    }

    pub fn cut(self, seq_len: usize) -> Self {
        Shape { seq_len, ..self }
    }

    pub fn sizes(&self) -> LayerSizes {
        LayerSizes::new(Cell::Lstm, self.input_size, self.hidden_size)
            .with_layers(self.num_layers)
            .with_direction(Direction::of(self.bidirectional))
    }

    /// # Errors
    /// Where this version has not got the cell, or a size is 0.
    pub fn problem(&self) -> wgpu_rnn::Result<Problem> {
        if self.cell != LSTM {
            let what = format!("cell {}", self.cell);
            return Err(Error::Unsupported {
                what,
                reason: "only LSTM shapes are benchmarked so far".into(),
            });
        }
        Problem::new(self.sizes(), self.seq_len, self.batch, false)
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
                Ok(Shape { id: None, ..Shape::of_row(("", [t, b, i, h, l], false, LSTM)) })
            }
            _ => {
                let ids = STANDING.map(|row| row.0).join(", ");
                Err(format!("expected five sizes T,B,I,H,L or one of {ids}"))
            }
        }
    }
}
