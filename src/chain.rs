//! What stages without weights do, and which stages can stand behind each other.

use crate::error::{Error, Result};

/// What a stage without weights computes of the features of each time step.
///
/// Large arguments saturate, NaN stays NaN: a softmax over features of which one is NaN is NaN throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Function {
    /// `max(0, x)`
    Relu,
    /// `tanh(x)`
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `exp(x) / sum(exp(x))`, the sum over the features.
    Softmax,
    /// `x - ln(sum(exp(x)))`, the sum over the features.
    LogSoftmax,
}

/// Which one time step a stage picks. Its output is `[1, B, F]`; `[B, 1, F]` if `batch_first`, `[1, F]` unbatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Last {
    /// Of the output of the stage before, the last one of each batch row: that at its length, where there are lengths.
    /// Of a row of length 0 it is the first one of those beyond.
    Step,
    /// The final hidden states of the last layer of the recurrent stage before, its directions side by side: `h_n[-1]`,
    /// or `torch.cat([h_n[-2], h_n[-1]], -1)` if bidirectional, as Keras' layers without `return_sequences` give them.
    States,
}

/// What a chain has to know of a stage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// From token ids.
    Embedding {
        output_size: usize,
    },
    Recurrent {
        input_size: usize,
        output_size: usize,
    },
    Linear {
        input_size: usize,
        output_size: usize,
    },
    Function,
    Last(Last),
}

/// The sizes of a chain whose stages fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Widths {
    /// Features of one time step of x; token ids count as one.
    pub input_size: usize,
    /// Features of one time step of each stage's output.
    pub outputs: Vec<usize>,
}

impl Widths {
    /// Features that a stage takes in.
    pub fn before(&self, stage: usize) -> usize {
        stage.checked_sub(1).map_or(self.input_size, |before| self.outputs[before])
    }

    /// Features of one time step of y.
    pub fn output_size(&self) -> usize {
        self.outputs.last().copied().unwrap_or(self.input_size)
    }
}

impl Link {
    /// Sizes of input and output, where the stage has its own.
    pub fn sizes(self) -> Option<(usize, usize)> {
        match self {
            Link::Embedding { output_size } => Some((1, output_size)),
            Link::Recurrent { input_size, output_size }
            | Link::Linear { input_size, output_size } => Some((input_size, output_size)),
            Link::Function | Link::Last(_) => None,
        }
    }
}

/// Whether each stage takes what the one before puts out.
pub(crate) fn check(links: &[Link]) -> Result<Widths> {
    if links.is_empty() {
        return Err(Error::argument("stages", "at least one", "empty"));
    }
    let sizes = links.iter().find_map(|link| link.sizes());
    let (input_size, _) = sizes.ok_or_else(no_weights)?;
    let mut widths = Widths { input_size, outputs: Vec::with_capacity(links.len()) };
    for (i, link) in links.iter().enumerate() {
        check_place(links, i)?;
        let before = widths.before(i);
        let (input_size, output_size) = link.sizes().unwrap_or((before, before));
        if input_size != before {
            let expected = format!("one of {before}, the output size of stages[{}]", i - 1);
            let given = format!("a stage of input size {input_size}");
            return Err(Error::argument(&format!("stages[{i}]"), expected, given));
        }
        widths.outputs.push(output_size);
    }
    Ok(widths)
}

/// What is said of a chain of nothing but functions.
pub(crate) fn no_weights() -> Error {
    let expected = "at least one with weights, which tell the number of features";
    Error::argument("stages", expected, "all without")
}

/// Whether a stage may stand where it does, whatever its size.
fn check_place(links: &[Link], i: usize) -> Result<()> {
    let before = i.checked_sub(1).map(|before| links[before]);
    let picked = links[..i].iter().position(|link| matches!(link, Link::Last(_)));
    let (expected, given) = match (links[i], before, picked) {
        (Link::Embedding { .. }, Some(_), _) => {
            ("one that takes features: an embedding is the first stage".into(), "an embedding")
        }
        (Link::Last(_), None, _) => {
            ("one with weights or a function, whose output a Last can pick from".into(), "a Last")
        }
        (Link::Last(_), _, Some(last)) => (one_step(last), "another Last"),
        (Link::Recurrent { .. }, _, Some(last)) => (one_step(last), "recurrent"),
        (Link::Last(Last::States), Some(before), _)
            if !matches!(before, Link::Recurrent { .. }) =>
        {
            let expected =
                format!("Last::Step: stages[{}] is not recurrent, it has no states", i - 1);
            (expected, "Last::States")
        }
        _ => return Ok(()),
    };
    Err(Error::argument(&format!("stages[{i}]"), expected, given))
}

fn one_step(last: usize) -> String {
    format!("linear or a function: stages[{last}] has left one time step")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMBEDDING: Link = Link::Embedding { output_size: 4 };
    const GRU: Link = Link::Recurrent { input_size: 4, output_size: 6 };
    const HEAD: Link = Link::Linear { input_size: 6, output_size: 3 };
    const STEP: Link = Link::Last(Last::Step);
    const STATES: Link = Link::Last(Last::States);
    const RELU: Link = Link::Function;

    #[test]
    fn stages_without_sizes_take_those_around_them() {
        let chains: [(&[Link], usize, &[usize]); 6] = [
            (&[EMBEDDING, GRU, STATES, RELU, HEAD, RELU], 1, &[4, 6, 6, 6, 3, 3]),
            (&[RELU, RELU, GRU, STEP], 4, &[4, 4, 6, 6]),
            (&[HEAD], 6, &[3]),
            (&[EMBEDDING, STEP], 1, &[4, 4]),
            (&[RELU, STEP, HEAD], 6, &[6, 6, 3]),
            (&[GRU, RELU, STEP, HEAD], 4, &[6, 6, 6, 3]),
        ];
        for (links, input_size, outputs) in chains {
            let expected = Widths { input_size, outputs: outputs.to_vec() };
            assert_eq!(check(links).unwrap(), expected, "{links:?}");
        }
    }

    #[test]
    fn wrong_chains_are_named() {
        let chains: [(&[Link], &str, &str); 11] = [
            (&[], "stages", "empty"),
            (&[RELU, RELU], "stages", "without"),
            (&[GRU, GRU], "stages[1]", "output size of stages[0]"),
            (&[GRU, RELU, GRU], "stages[2]", "output size of stages[1]"),
            (&[GRU, EMBEDDING], "stages[1]", "embedding"),
            (&[RELU, EMBEDDING], "stages[1]", "embedding"),
            (&[STEP, GRU], "stages[0]", "a Last"),
            (&[GRU, STEP, STEP], "stages[2]", "stages[1] has left"),
            (&[GRU, RELU, STATES], "stages[2]", "Last::States"),
            (&[EMBEDDING, STEP, GRU], "stages[2]", "recurrent"),
            (&[HEAD, STATES], "stages[1]", "stages[0] is not recurrent"),
        ];
        for (links, name, words) in chains {
            let error = check(links).unwrap_err();
            let text = error.to_string();
            assert!(
                matches!(&error, Error::Argument { argument, .. } if argument == name),
                "{text}"
            );
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
