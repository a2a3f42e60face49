//! What is to be computed: the cell, the sizes of the layers, and the sizes of one run.

use crate::cell::{Cell, Flavour};
use crate::error::{Error, Result};
use crate::format::WeightFormat;

/// Which way a layer goes through the time steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the first to the last.
    #[default]
    Forward,
    /// From the last to the first; y is in the order of x.
    Reverse,
    /// Both, with weights of their own; their outputs lie side by side.
    Bidirectional,
}

impl Direction {
    /// Bidirectional or forward.
    pub fn of(is_bidirectional: bool) -> Self {
        if is_bidirectional { Direction::Bidirectional } else { Direction::Forward }
    }
}

/// The sizes of a stack of recurrent layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LayerSizes {
    /// The recurrent cell.
    pub cell: Cell,
    /// Features of one time step of the input.
    pub input_size: usize,
    /// Units of each layer and direction.
    pub hidden_size: usize,
    /// Features that an LSTM's h is projected to; 0 where it is not.
    pub proj_size: usize,
    /// Stacked layers.
    pub num_layers: usize,
    /// Which way the layers go through the time steps.
    pub direction: Direction,
}

impl LayerSizes {
    /// One forward layer.
    pub fn new(cell: Cell, input_size: usize, hidden_size: usize) -> Self {
        let direction = Direction::Forward;
        LayerSizes { cell, input_size, hidden_size, proj_size: 0, num_layers: 1, direction }
    }

    /// The same with `num_layers` stacked layers.
    pub fn with_layers(self, num_layers: usize) -> Self {
        LayerSizes { num_layers, ..self }
    }

    /// The same with an h that is projected to `proj_size` features; 0 is none.
    pub fn with_proj_size(self, proj_size: usize) -> Self {
        LayerSizes { proj_size, ..self }
    }

    /// The same in another direction.
    pub fn with_direction(self, direction: Direction) -> Self {
        LayerSizes { direction, ..self }
    }

    /// Whether each layer runs both ways.
    pub fn is_bidirectional(&self) -> bool {
        self.direction == Direction::Bidirectional
    }

    /// 2 for a bidirectional layer, else 1.
    pub fn num_directions(&self) -> usize {
        1 + usize::from(self.is_bidirectional())
    }

    /// Whether direction `direction` of a layer runs from the last time step to the first.
    pub fn is_reverse(&self, direction: usize) -> bool {
        direction == 1 || self.direction == Direction::Reverse
    }

    /// Features of h: `proj_size` where there is a projection, else `hidden_size`.
    pub fn recurrent_size(&self) -> usize {
        if self.proj_size > 0 { self.proj_size } else { self.hidden_size }
    }

    /// Features of one time step of a layer's output: `num_directions` times those of h.
    pub fn output_size(&self) -> usize {
        self.num_directions() * self.recurrent_size()
    }

    /// Features of one time step of x · W_ihᵀ of the first layer: the gates of all its units and directions.
    pub fn projected_size(&self) -> usize {
        self.num_directions() * self.cell.num_gates() * self.hidden_size
    }

    /// The input features of layer `layer`: those of x, or the output of the layer below.
    pub fn layer_input_size(&self, layer: usize) -> usize {
        if layer == 0 { self.input_size } else { self.output_size() }
    }

    /// The rows of `h_0`, `c_0`, `h_n` and `c_n`: `num_layers * num_directions`.
    pub fn num_states(&self) -> usize {
        self.num_layers * self.num_directions()
    }

    fn validate(&self) -> Result<()> {
        at_least_one("input_size", self.input_size)?;
        at_least_one("hidden_size", self.hidden_size)?;
        at_least_one("num_layers", self.num_layers)?;
        if self.proj_size == 0 || (self.cell == Cell::Lstm && self.proj_size < self.hidden_size) {
            return Ok(());
        }
        let expected = format!(
            "0, or in an LSTM less than hidden_size = {}; the cell is {}",
            self.hidden_size, self.cell
        );
        Err(Error::argument("proj_size", expected, self.proj_size))
    }
}

/// What a run takes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InputKind {
    /// x.
    #[default]
    Features,
    /// x · W_ihᵀ of the first layer.
    Projected,
    /// Token ids, each of which picks a row of a table that holds x · W_ihᵀ.
    Tokens {
        /// Rows of the table.
        vocabulary: usize,
    },
}

/// One run: the layers, and how much goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The layers.
    pub sizes: LayerSizes,
    /// Time steps.
    pub seq_len: usize,
    /// Sequences that run side by side.
    pub batch: usize,
    /// Whether x and y are `[batch, seq_len, features]` instead of `[seq_len, batch, features]`.
    pub batch_first: bool,
    /// Whether each batch row has a length of its own.
    pub has_lengths: bool,
    /// Which code of the cell runs.
    pub flavour: Flavour,
    /// What the run takes in.
    pub input: InputKind,
    /// How the weights lie on the device.
    pub weight_format: WeightFormat,
    /// Whether the run keeps the output of every layer, as a backward pass needs it.
    pub is_training: bool,
    /// Whether the run is a tick of a [`StreamPool`](crate::StreamPool), whose `batch` slots need not all take part: one
    /// time step from x.
    pub is_pooled: bool,
}

impl Problem {
    /// A validated problem.
    ///
    /// # Errors
    /// [`Error::Argument`] where a size is 0, [`Error::Overflow`] where a product of sizes that the run needs
    /// does not fit in 64 bits.
    pub fn new(sizes: LayerSizes, seq_len: usize, batch: usize, batch_first: bool) -> Result<Self> {
        sizes.validate()?;
        at_least_one("seq_len", seq_len)?;
        at_least_one("batch", batch)?;
        let problem = Problem {
            sizes,
            seq_len,
            batch,
            batch_first,
            has_lengths: false,
            flavour: Flavour::Standard,
            input: InputKind::Features,
            weight_format: WeightFormat::F32,
            is_training: false,
            is_pooled: false,
        };
        // The largest products of each kind; every other size of a run is a part of one of these.
        let [t, b, i, h] = [seq_len, batch, sizes.input_size, sizes.hidden_size].map(|n| n as u64);
        let (l, d) = (sizes.num_layers as u64, sizes.num_directions() as u64);
        product("x", &[t, b, i, 4])?;
        product("the gates", &[t, b, d, h, 16, 8])?;
        product("the states", &[3, l.saturating_add(1), d, b, h, 4])?;
        let both = h.saturating_mul(d).saturating_add(h).saturating_add(16);
        let widest = i.checked_add(both);
        let widest = widest.ok_or_else(|| Error::Overflow { what: "the weights".into() })?;
        product("the weights", &[l, d, h, widest, 16])?;
        product("the work", &[t, b, l, d, h, widest, 8])?;
        Ok(problem)
    }

    /// Rows of the products over all time steps.
    pub(crate) fn rows(&self) -> u64 {
        (self.seq_len * self.batch) as u64
    }

    /// The shape of x, or of what the run takes in instead; token ids count as one feature.
    pub fn x_shape(&self) -> [usize; 3] {
        self.sequence_shape(match self.input {
            InputKind::Features => self.sizes.input_size,
            InputKind::Projected => self.sizes.projected_size(),
            InputKind::Tokens { .. } => 1,
        })
    }

    /// The shape of the table that token ids pick rows of.
    pub fn table_shape(&self) -> Option<[usize; 2]> {
        match self.input {
            InputKind::Tokens { vocabulary } => Some([vocabulary, self.sizes.projected_size()]),
            _ => None,
        }
    }

    /// The shape of y.
    pub fn y_shape(&self) -> [usize; 3] {
        self.sequence_shape(self.sizes.output_size())
    }

    /// The shape of h0 and h_n; `batch_first` does not change it.
    pub fn h_shape(&self) -> [usize; 3] {
        [self.sizes.num_states(), self.batch, self.sizes.recurrent_size()]
    }

    /// The shape of c0 and c_n, in a cell that has them.
    pub fn c_shape(&self) -> [usize; 3] {
        [self.sizes.num_states(), self.batch, self.sizes.hidden_size]
    }

    /// Floating-point operations of the matrix products, two per multiply-add.
    pub fn flops(&self) -> u64 {
        let sizes = &self.sizes;
        // All layers above the first are of one size.
        let inputs = |layer| sizes.layer_input_size(layer) + sizes.recurrent_size();
        let inputs = inputs(0) + (sizes.num_layers - 1) * inputs(1);
        let inputs = match self.input {
            InputKind::Features => inputs,
            _ => inputs - sizes.input_size,
        };
        let gates = sizes.num_directions() * sizes.cell.num_gates() * sizes.hidden_size;
        let projections = sizes.num_states() * sizes.hidden_size * sizes.proj_size;
        2 * (self.seq_len * self.batch) as u64 * (inputs * gates + projections) as u64
    }

    fn sequence_shape(&self, features: usize) -> [usize; 3] {
        if self.batch_first {
            [self.batch, self.seq_len, features]
        } else {
            [self.seq_len, self.batch, features]
        }
    }
}

pub(crate) fn at_least_one(argument: &str, value: usize) -> Result<()> {
    if value == 0 { Err(Error::argument(argument, "at least 1", value)) } else { Ok(()) }
}

fn product(what: &str, factors: &[u64]) -> Result<u64> {
    factors
        .iter()
        .try_fold(1u64, |product, factor| product.checked_mul(*factor))
        .ok_or_else(|| Error::Overflow { what: what.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: LayerSizes = LayerSizes {
        cell: Cell::Lstm,
        input_size: 3,
        hidden_size: 5,
        num_layers: 2,
        proj_size: 0,
        direction: Direction::Bidirectional,
    };

    #[test]
    fn zero_sizes_are_refused_by_name() {
        let cases = [
            ("input_size", LayerSizes { input_size: 0, ..SIZES }, 1, 1),
            ("hidden_size", LayerSizes { hidden_size: 0, ..SIZES }, 1, 1),
            ("num_layers", LayerSizes { num_layers: 0, ..SIZES }, 1, 1),
            ("seq_len", SIZES, 0, 1),
            ("batch", SIZES, 1, 0),
        ];
        for (name, sizes, seq_len, batch) in cases {
            match Problem::new(sizes, seq_len, batch, false) {
                Err(Error::Argument { argument, .. }) => assert_eq!(argument, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn products_that_overflow_are_refused() {
        let huge = usize::MAX / 2;
        let problems = [
            Problem::new(SIZES, huge, 1, false),
            Problem::new(SIZES, 1, huge, false),
            Problem::new(LayerSizes { hidden_size: huge, ..SIZES }, 1, 1, false),
            Problem::new(LayerSizes { input_size: usize::MAX, ..SIZES }, 1, 1, false),
            Problem::new(LayerSizes { num_layers: huge, ..SIZES }, 1, 1, false),
            Problem::new(LayerSizes { hidden_size: 1 << 31, ..SIZES }, 1 << 16, 1, false),
        ];
        for problem in problems {
            assert!(matches!(problem, Err(Error::Overflow { .. })), "{problem:?}");
        }
    }

    #[test]
    fn shapes_follow_the_layout() {
        let problem = Problem::new(SIZES, 7, 4, true).unwrap();
        assert_eq!(problem.x_shape(), [4, 7, 3]);
        assert_eq!(problem.y_shape(), [4, 7, 10]);
        assert_eq!(problem.h_shape(), [4, 4, 5]);
        // Two directions, 20 outputs each; layer 0: 3 + 5 inputs, layer 1: 10 + 5.
        assert_eq!(problem.flops(), 2 * 28 * 40 * (8 + 15));
    }
}
