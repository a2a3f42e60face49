//! The recurrent cells, and what can be chosen about them.

use crate::error::{Error, Result};

/// The recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cell {
    /// Long short-term memory, gates in the order i, f, g, o.
    Lstm,
    /// Gated recurrent unit, gates in the order r, z, n.
    Gru {
        /// Whether the reset gate scales the product `W_hn h` (PyTorch, Keras' default, ONNX linear_before_reset=1), or
        /// h before the product (Cho et al. 2014, ONNX linear_before_reset=0).
        reset_after: bool,
    },
    /// The vanilla (Elman) cell: one gate.
    Rnn,
}

impl Cell {
    /// The number of gates: the weights of a layer have `num_gates * hidden_size` rows.
    pub fn num_gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru { .. } => 3,
            Cell::Rnn => 1,
        }
    }

    /// Whether the cell has a state c beside h.
    pub fn has_c(self) -> bool {
        self == Cell::Lstm
    }

    /// The activations that PyTorch uses.
    pub fn standard_activations(self) -> Activations {
        let (f, g, h) = (Activation::Sigmoid, Activation::Tanh, Activation::Tanh);
        match self {
            Cell::Lstm | Cell::Gru { .. } => Activations { f, g, h },
            Cell::Rnn => Activations { f: Activation::Tanh, g, h },
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Cell::Lstm => "LSTM",
            Cell::Gru { reset_after: true } => "GRU",
            Cell::Gru { reset_after: false } => "GRU (reset before)",
            Cell::Rnn => "RNN",
        })
    }
}

/// An activation function, as ONNX defines them; alpha and beta as there.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `tanh(x)`
    Tanh,
    /// `max(0, x)`
    Relu,
    /// `x` where x >= 0, else `alpha * x`
    LeakyRelu {
        /// Slope below zero; ONNX' default is 0.01.
        alpha: f32,
    },
    /// `x` where x >= alpha, else 0
    ThresholdedRelu {
        /// The threshold; ONNX' default is 1.
        alpha: f32,
    },
    /// `alpha * tanh(beta * x)`
    ScaledTanh {
        /// Outer factor.
        alpha: f32,
        /// Inner factor.
        beta: f32,
    },
    /// `min(max(alpha * x + beta, 0), 1)`
    HardSigmoid {
        /// Slope; ONNX' default is 0.2.
        alpha: f32,
        /// Value at 0; ONNX' default is 0.5.
        beta: f32,
    },
    /// `x` where x >= 0, else `alpha * (exp(x) - 1)`
    Elu {
        /// Negative limit; ONNX' default is 1.
        alpha: f32,
    },
    /// `x / (1 + |x|)`
    Softsign,
    /// `ln(1 + exp(x))`
    Softplus,
    /// `alpha * x + beta`
    Affine {
        /// Slope; ONNX' default is 1.
        alpha: f32,
        /// Value at 0; ONNX' default is 0.
        beta: f32,
    },
}

impl Activation {
    /// The number in `activation/chosen.wgsl`, alpha and beta.
    pub(crate) fn encode(self) -> (u32, f32, f32) {
        match self {
            Activation::Sigmoid => (0, 0.0, 0.0),
            Activation::Tanh => (1, 0.0, 0.0),
            Activation::Relu => (2, 0.0, 0.0),
            Activation::LeakyRelu { alpha } => (3, alpha, 0.0),
            Activation::ThresholdedRelu { alpha } => (4, alpha, 0.0),
            Activation::ScaledTanh { alpha, beta } => (5, alpha, beta),
            Activation::HardSigmoid { alpha, beta } => (6, alpha, beta),
            Activation::Elu { alpha } => (7, alpha, 0.0),
            Activation::Softsign => (8, 0.0, 0.0),
            Activation::Softplus => (9, 0.0, 0.0),
            Activation::Affine { alpha, beta } => (10, alpha, beta),
        }
    }
}

/// The activations of one direction, by ONNX' letters. One that the cell has not got stays the standard one, anything
/// else there is refused:
///
/// ```
/// use wgpu_rnn::{Activation, Activations, Cell};
///
/// let gru = Cell::Gru { reset_after: true };
/// let softsign = Activations { g: Activation::Softsign, ..gru.standard_activations() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activations {
    /// Of the gates i, f, o (LSTM) or z, r (GRU); of the only one (RNN).
    pub f: Activation,
    /// Of the candidate: g (LSTM) or n (GRU). An RNN has none.
    pub g: Activation,
    /// Of c on its way to h (LSTM). A GRU or RNN has none.
    pub h: Activation,
}

/// What can be chosen about a cell beside its weights. The default is PyTorch's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellOptions {
    /// The activations of a layer's first and second direction; none are the standard ones. A layer of one direction,
    /// forward or reverse, has only the first: the second must be none there, or say the same as the first.
    pub activations: [Option<Activations>; 2],
    /// LSTM: the forget gate is `1 - i` (ONNX `input_forget`); its own weights are ignored.
    pub coupled: bool,
    /// Bounds pre-activations to `[-clip, clip]` (ONNX `clip`).
    pub preact_clip: Option<f32>,
    /// LSTM: bounds the cell state to `[-clip, clip]` (cuDNN, burn).
    pub cell_clip: Option<f32>,
}

/// Which code of a cell a kernel has: the standard one knows no choices and pays for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// PyTorch's activations and nothing else.
    #[default]
    Standard,
    /// An RNN with relu.
    Relu,
    /// Activations, clips, coupling and peepholes as the parameters say.
    Chosen,
}

impl CellOptions {
    /// The activations of a direction.
    pub fn activations_of(&self, cell: Cell, direction: usize) -> Activations {
        self.activations.get(direction).copied().flatten().unwrap_or(cell.standard_activations())
    }

    pub(crate) fn flavour(
        &self,
        cell: Cell,
        num_directions: usize,
        has_peepholes: bool,
    ) -> Flavour {
        let plain = CellOptions { activations: self.activations, ..Default::default() };
        let all = |wanted: Activations| {
            (0..num_directions).all(|direction| self.activations_of(cell, direction) == wanted)
        };
        let standard = cell.standard_activations();
        if *self != plain || has_peepholes {
            Flavour::Chosen
        } else if all(standard) {
            Flavour::Standard
        } else if cell == Cell::Rnn && all(Activations { f: Activation::Relu, ..standard }) {
            Flavour::Relu
        } else {
            Flavour::Chosen
        }
    }

    /// Refuses also what would have no effect: who chose it expects one.
    pub(crate) fn validate(&self, cell: Cell, num_directions: usize) -> Result<()> {
        for (name, clip) in [("preact_clip", self.preact_clip), ("cell_clip", self.cell_clip)] {
            if let Some(clip) = clip.filter(|clip| !(*clip > 0.0)) {
                return Err(Error::argument(name, "more than 0", clip));
            }
        }
        let only_lstm = [("coupled", self.coupled), ("cell_clip", self.cell_clip.is_some())];
        match only_lstm.into_iter().find(|(_, is_set)| *is_set && cell != Cell::Lstm) {
            Some((name, _)) => Err(Error::argument(name, "unset: only an LSTM has it", cell)),
            None => self.validate_activations(cell, num_directions),
        }
    }

    fn validate_activations(&self, cell: Cell, num_directions: usize) -> Result<()> {
        let standard = cell.standard_activations();
        for (direction, activations) in self.activations.iter().enumerate() {
            let Some(Activations { g, h, .. }) = *activations else { continue };
            let places =
                [("g", g, standard.g, cell != Cell::Rnn), ("h", h, standard.h, cell == Cell::Lstm)];
            for (place, given, standard, is_there) in places {
                if !is_there && given != standard {
                    let expected =
                        format!("{standard:?}, the standard one: {cell} has no activation {place}");
                    let name = format!("activations[{direction}].{place}");
                    return Err(Error::argument(&name, expected, format!("{given:?}")));
                }
            }
        }
        let first = self.activations_of(cell, 0);
        match self.activations[1].filter(|second| num_directions == 1 && *second != first) {
            None => Ok(()),
            Some(second) => {
                let expected =
                    format!("none, or {first:?} as activations[0]: the layers have one direction");
                Err(Error::argument("activations[1]", expected, format!("{second:?}")))
            }
        }
    }
}
