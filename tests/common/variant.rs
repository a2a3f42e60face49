//! The cells of the family, each with what can be chosen about it.

use wgpu_rnn::{Activation, Activations, Cell, CellOptions, LayerSizes};

/// A cell and what is chosen about it. The default is PyTorch's LSTM.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    pub name: &'static str,
    pub cell: Cell,
    pub is_projected: bool,
    pub has_peepholes: bool,
    pub options: CellOptions,
}

impl Default for Variant {
    fn default() -> Self {
        let options = CellOptions::default();
        Variant {
            name: "lstm",
            cell: Cell::Lstm,
            is_projected: false,
            has_peepholes: false,
            options,
        }
    }
}

impl Variant {
    pub fn plain(name: &'static str, cell: Cell) -> Self {
        Variant { name, cell, ..Default::default() }
    }

    /// Whether a step is two products, one after the other.
    pub fn has_two_phases(&self) -> bool {
        self.is_projected || self.cell == Cell::Gru { reset_after: false }
    }
}

/// One of each code path: the cells, and for the LSTM what has a kernel of its own.
pub fn variants() -> [Variant; 8] {
    let lstm = Variant::default();
    let rnn = Variant::plain("rnn_tanh", Cell::Rnn);
    let chosen = Activations {
        f: Activation::HardSigmoid { alpha: 0.3, beta: 0.4 },
        g: Activation::Softsign,
        h: Activation::ScaledTanh { alpha: 1.2, beta: 0.7 },
    };
    let options = CellOptions {
        activations: [Some(chosen); 2],
        coupled: true,
        preact_clip: Some(0.8),
        cell_clip: Some(0.3),
    };
    let relu = Activations { f: Activation::Relu, ..Cell::Rnn.standard_activations() };
    let relu = CellOptions { activations: [Some(relu); 2], ..Default::default() };
    [
        lstm,
        Variant { name: "lstm_projected", is_projected: true, ..lstm },
        Variant { name: "lstm_chosen", has_peepholes: true, options, ..lstm },
        Variant {
            name: "lstm_projected_chosen",
            is_projected: true,
            has_peepholes: true,
            options,
            ..lstm
        },
        Variant::plain("gru_reset_after", Cell::Gru { reset_after: true }),
        Variant::plain("gru_reset_before", Cell::Gru { reset_after: false }),
        rnn,
        Variant { name: "rnn_relu", options: relu, ..rnn },
    ]
}

/// Without those that the cell or the layers have not got, which would be refused.
pub fn that_count(
    sizes: &LayerSizes,
    [first, second]: [Option<Activations>; 2],
) -> [Option<Activations>; 2] {
    let standard = sizes.cell.standard_activations();
    let those = |activations| match sizes.cell {
        Cell::Lstm => activations,
        Cell::Gru { .. } => Activations { h: standard.h, ..activations },
        _ => Activations { f: activations.f, ..standard },
    };
    [first.map(those), second.map(those).filter(|_| sizes.is_bidirectional())]
}

/// All activations, alpha and beta other than ONNX' defaults.
pub const ACTIVATIONS: [(&str, Activation); 11] = [
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu { alpha: 0.3 }),
    ("thresholded_relu", Activation::ThresholdedRelu { alpha: 0.2 }),
    ("scaled_tanh", Activation::ScaledTanh { alpha: 1.4, beta: 0.6 }),
    ("hard_sigmoid", Activation::HardSigmoid { alpha: 0.4, beta: 0.3 }),
    ("elu", Activation::Elu { alpha: 0.5 }),
    ("softsign", Activation::Softsign),
    ("softplus", Activation::Softplus),
    ("affine", Activation::Affine { alpha: 0.6, beta: 0.2 }),
];
