//! Which problems share a winner.

use crate::plan::Options;
use crate::problem::{InputKind, LayerSizes, Problem};

/// Problems of the same layers, kind of input and forced options, whose `seq_len` and `batch` round up to the same
/// powers of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket(String);

impl Bucket {
    pub fn of(problem: &Problem, options: &Options) -> Self {
        let Problem {
            sizes, seq_len, batch, batch_first, has_lengths, flavour, weight_format, ..
        } = problem;
        let LayerSizes { cell, input_size, hidden_size, proj_size, num_layers, direction } = sizes;
        let Options { schedule, rows, chunk, split, resident, tune: _ } = options;
        let [t, b] = [seq_len, batch].map(|n| n.next_power_of_two());
        let input = match problem.input {
            InputKind::Features => "features",
            InputKind::Projected => "projected",
            InputKind::Tokens { .. } => "tokens",
        };
        let mut name = format!(
            "{cell} {flavour:?} T<={t} B<={b} I={input_size} H={hidden_size} P={proj_size} L={num_layers} \
             {direction:?} {input} {weight_format}"
        );
        let flags = [
            (*batch_first, "batch_first"),
            (*has_lengths, "lengths"),
            (problem.is_training, "training"),
        ];
        for (_, flag) in flags.into_iter().filter(|(is_set, _)| *is_set) {
            name = format!("{name} {flag}");
        }
        let forced = [
            schedule.map(|schedule| format!("schedule={schedule}")),
            rows.map(|rows| format!("rows={rows}")),
            chunk.map(|chunk| format!("chunk={chunk}")),
            split.map(|split| format!("split={split}")),
            resident.map(|resident| format!("resident={resident}")),
        ];
        for forced in forced.into_iter().flatten() {
            name = format!("{name} {forced}");
        }
        Bucket(name)
    }

    /// In words, the same for the same bucket.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Flavour};
    use crate::format::WeightFormat;
    use crate::plan::Schedule;
    use crate::problem::Direction;

    fn problem(seq_len: usize, batch: usize) -> Problem {
        Problem::new(LayerSizes::new(Cell::Lstm, 3, 5), seq_len, batch, false).unwrap()
    }

    fn bucket(problem: Problem) -> Bucket {
        Bucket::of(&problem, &Options::default())
    }

    #[test]
    fn sizes_of_a_run_are_rounded_up() {
        assert_eq!(
            bucket(problem(1000, 5)).name(),
            "LSTM Standard T<=1024 B<=8 I=3 H=5 P=0 L=1 Forward features f32"
        );
        assert_eq!(bucket(problem(513, 8)), bucket(problem(1024, 5)));
        assert_ne!(bucket(problem(512, 8)), bucket(problem(513, 8)));
        assert_ne!(bucket(problem(9, 4)), bucket(problem(9, 5)));
        assert_ne!(bucket(problem(1, 1)), bucket(problem(2, 1)));
    }

    #[test]
    fn all_else_that_kernels_differ_by_makes_another_bucket() {
        let one = problem(7, 3);
        let tokens = |vocabulary| Problem { input: InputKind::Tokens { vocabulary }, ..one };
        let sizes = |sizes| Problem { sizes, ..one };
        let others = [
            sizes(LayerSizes { cell: Cell::Rnn, ..one.sizes }),
            sizes(LayerSizes { cell: Cell::Gru { reset_after: true }, ..one.sizes }),
            sizes(LayerSizes { cell: Cell::Gru { reset_after: false }, ..one.sizes }),
            sizes(LayerSizes { input_size: 4, ..one.sizes }),
            sizes(LayerSizes { hidden_size: 6, ..one.sizes }),
            sizes(one.sizes.with_proj_size(2)),
            sizes(one.sizes.with_layers(2)),
            sizes(one.sizes.with_direction(Direction::Reverse)),
            sizes(one.sizes.with_direction(Direction::Bidirectional)),
            Problem { batch_first: true, ..one },
            Problem { has_lengths: true, ..one },
            Problem { is_training: true, ..one },
            Problem { flavour: Flavour::Chosen, ..one },
            Problem { input: InputKind::Projected, ..one },
            tokens(9),
            Problem { weight_format: WeightFormat::F16, ..one },
        ];
        let forced = [
            Options { schedule: Some(Schedule::Stepwise), ..Default::default() },
            Options { rows: Some(2), ..Default::default() },
            Options { chunk: Some(2), ..Default::default() },
            Options { split: Some(8), ..Default::default() },
            Options { resident: Some(true), ..Default::default() },
        ];
        let mut names: Vec<Bucket> = others.into_iter().map(bucket).collect();
        names.extend(forced.map(|forced| Bucket::of(&one, &forced)));
        names.push(bucket(one));
        let mut unique: Vec<&str> = names.iter().map(Bucket::name).collect();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{unique:#?}");
        // The size of a table changes no kernel.
        assert_eq!(bucket(tokens(9)), bucket(tokens(10)));
    }
}
