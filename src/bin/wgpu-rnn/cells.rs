//! Naming cells on the command line, and running the kind of layer that a cell asks for.

use clap::ValueEnum;
use wgpu_rnn::Cell;

use crate::failure::{Failure, Result};

pub const GRU: Cell = Cell::Gru { reset_after: true };

#[derive(Clone, Copy, ValueEnum)]
pub enum CellName {
    Lstm,
    Gru,
    Rnn,
}

impl From<CellName> for Cell {
    fn from(name: CellName) -> Self {
        match name {
            CellName::Lstm => Cell::Lstm,
            CellName::Gru => GRU,
            CellName::Rnn => Cell::Rnn,
        }
    }
}

/// What a GRU can be told to do otherwise than PyTorch's.
#[derive(Clone, Copy, clap::Args)]
pub struct ResetArgs {
    /// GRU: the reset gate scales h before the product with w_hh (ONNX linear_before_reset=0), not the product
    #[arg(long)]
    reset_before: bool,
}

impl ResetArgs {
    pub fn is_given(self) -> bool {
        self.reset_before
    }

    pub fn apply(self, cell: Cell) -> Result<Cell> {
        check_option("--reset-before", self.reset_before, GRU, cell)?;
        Ok(if self.reset_before { Cell::Gru { reset_after: false } } else { cell })
    }
}

/// An option that means nothing to the cell is refused, not ignored.
pub fn check_option(option: &str, is_given: bool, whose: Cell, cell: Cell) -> Result<()> {
    if is_given && cell != whose {
        return Err(Failure::Request(format!("{option} is for cell {whose}, not {cell}")));
    }
    Ok(())
}

/// Calls a function that is generic over the kind of layer with the kind that has this cell.
macro_rules! by_kind {
    ($cell:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $cell {
            wgpu_rnn::Cell::Lstm => $function::<wgpu_rnn::LstmKind>($($argument),*),
            wgpu_rnn::Cell::Gru { .. } => $function::<wgpu_rnn::GruKind>($($argument),*),
            wgpu_rnn::Cell::Rnn => $function::<wgpu_rnn::RnnKind>($($argument),*),
            other => Err(wgpu_rnn::Error::Unsupported {
                what: format!("cell {other}"),
                reason: "this tool does not know it".into(),
            }
            .into()),
        }
    };
}
pub(crate) use by_kind;
