//! Naming schedules on the command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use wgpu_rnn::{Options, Schedule};

/// What `--schedule all|NAME` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Every schedule that can run the problem.
    All,
    /// This one.
    Forced(Schedule),
}

impl Choice {
    pub fn schedules(self) -> Vec<Schedule> {
        match self {
            Choice::All => Schedule::ALL.to_vec(),
            Choice::Forced(schedule) => vec![schedule],
        }
    }
}

/// The forward pass of a training run whose backward pass is forced to a schedule. It keeps the outputs of all layers,
/// so it is no wavefront: there the planner chooses.
pub fn of_training(forced: Option<Schedule>) -> Options {
    let schedule = forced.filter(|schedule| *schedule != Schedule::Wavefront);
    Options { schedule, ..Default::default() }
}

const ALL: &str = "all";

pub fn parser() -> impl TypedValueParser<Value = Schedule> {
    let names = Schedule::ALL.map(|schedule| schedule.to_string());
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

pub fn choice_parser() -> impl TypedValueParser<Value = Choice> {
    let names = Schedule::ALL.map(|schedule| schedule.to_string());
    PossibleValuesParser::new(std::iter::once(ALL.to_string()).chain(names)).try_map(|name| {
        if name == ALL { Ok(Choice::All) } else { name.parse().map(Choice::Forced) }
    })
}

/// The width of a column of their names.
pub fn width() -> usize {
    Schedule::ALL.iter().map(|schedule| schedule.to_string().len()).max().unwrap_or(0)
}
