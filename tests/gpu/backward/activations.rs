//! The derivative of each activation, in all places of each cell, with and without clips.

use wgpu_rnn::{Activation, Activations, Cell, CellOptions, Gpu};

use super::{SCHEDULES, forced};
use crate::common::case::{Case, Shape};
use crate::common::compare::{F32_CHOSEN, F32_GRADIENTS};
use crate::common::gradients::{Run, verdict};
use crate::common::trials::{GpuTest, Outcome};
use crate::common::variant::{ACTIVATIONS, Variant};

const CELLS: [(&str, Cell); 4] = [
    ("lstm", Cell::Lstm),
    ("gru_reset_after", Cell::Gru { reset_after: true }),
    ("gru_reset_before", Cell::Gru { reset_after: false }),
    ("rnn", Cell::Rnn),
];

pub fn tests() -> Vec<GpuTest> {
    let of_cell = |(cell_name, cell)| {
        ACTIVATIONS.map(|(name, activation)| {
            let name = format!("backward::activation::{name}::{cell_name}");
            GpuTest::new(name, move |gpu| of_activation(gpu, cell, activation))
        })
    };
    CELLS.into_iter().flat_map(of_cell).collect()
}

fn of_activation(gpu: &Gpu, cell: Cell, activation: Activation) -> Outcome {
    let standard = cell.standard_activations();
    let (f, g, h) = (activation, activation, activation);
    // Places that the cell has not got stay as they are.
    let chosen = match cell {
        Cell::Lstm => Activations { f, g, h },
        Cell::Gru { .. } => Activations { f, g, ..standard },
        _ => Activations { f, ..standard },
    };
    let is_lstm = cell == Cell::Lstm;
    for (preact_clip, cell_clip) in [(None, None), (Some(0.5), None), (None, Some(0.2))] {
        if cell_clip.is_some() && !is_lstm {
            continue;
        }
        let activations = [Some(chosen), None];
        let options = CellOptions { activations, preact_clip, cell_clip, coupled: false };
        let variant = Variant { options, ..Variant::plain("", cell) };
        let shape = Shape { t: 4, b: 2, i: 3, h: 9, l: 1, bidirectional: false };
        let case = Case::of(1, &variant, shape).with_state(2).but(|case| case.x *= 2.0);
        let run = Run::new(3, &case);
        // A clip that nothing reaches would have no derivative of its own.
        if (preact_clip, cell_clip) != (None, None) {
            let free = CellOptions { preact_clip: None, cell_clip: None, ..options };
            let weights = run.weights.clone().with_options(free)?;
            let without = run.but(|run| run.weights = weights).gradients();
            assert!(verdict(&without, &run.gradients(), 1e-2).is_err(), "nothing is clipped");
        }
        for schedule in SCHEDULES {
            let given = run.on_device(gpu, forced(schedule))?;
            verdict(&given, &run.gradients(), F32_GRADIENTS + F32_CHOSEN).map_err(|problem| {
                format!("{schedule}, clips {preact_clip:?} {cell_clip:?}: {problem}")
            })?;
        }
    }
    Ok(())
}
