//! The activations that a recurrent node names.

use crate::cell::{Activation, Activations, Cell};
use crate::error::Result;
use crate::io::onnx::{Node, Reader};

/// Alphas and betas are used up in order, by the functions that take one: onnxruntime's reading of ONNX' text.
struct Values<'a> {
    node: &'a Node,
    name: &'static str,
    left: std::slice::Iter<'a, f32>,
}

impl Values<'_> {
    fn next(&mut self, default: f32) -> f32 {
        self.left.next().copied().unwrap_or(default)
    }

    fn end(self) -> Result<()> {
        match self.left.len() {
            0 => Ok(()),
            more => {
                let name = self.name;
                Err(self.node.invalid(format!("{name} has {more} values that no activation takes")))
            }
        }
    }
}

/// Those of both directions; none where they are the standard ones.
pub(super) fn activations(
    node: &Node,
    attributes: Reader<'_>,
    cell: Cell,
    num_directions: usize,
) -> Result<[Option<Activations>; 2]> {
    let values = |name| -> Result<Values<'_>> {
        let left = attributes.floats(name)?.unwrap_or_default().iter();
        Ok(Values { node, name, left })
    };
    let (mut alphas, mut betas) = (values("activation_alpha")?, values("activation_beta")?);
    let names = attributes.strings("activations")?.unwrap_or_default();
    let each = match cell {
        Cell::Lstm => 3,
        Cell::Gru { .. } => 2,
        Cell::Rnn => 1,
    };
    let mut chosen = [None, None];
    if !names.is_empty() {
        if names.len() != each * num_directions {
            let (given, wanted) = (names.len(), each * num_directions);
            return Err(node.invalid(format!("names {given} activations, expected {wanted}")));
        }
        let standard = cell.standard_activations();
        for (direction, names) in names.chunks(each).enumerate() {
            let mut functions = Vec::with_capacity(each);
            for name in names {
                functions.push(activation(node, name, &mut alphas, &mut betas)?);
            }
            let place = |place: usize, standard| functions.get(place).copied().unwrap_or(standard);
            let activations = Activations {
                f: place(0, standard.f),
                g: place(1, standard.g),
                h: place(2, standard.h),
            };
            chosen[direction] = Some(activations).filter(|chosen| *chosen != standard);
        }
    }
    alphas.end()?;
    betas.end()?;
    Ok(chosen)
}

/// By name, whatever its case. Defaults are those of the ONNX operators of these names.
fn activation(
    node: &Node,
    name: &str,
    alphas: &mut Values<'_>,
    betas: &mut Values<'_>,
) -> Result<Activation> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        "relu" => Activation::Relu,
        "softsign" => Activation::Softsign,
        "softplus" => Activation::Softplus,
        "leakyrelu" => Activation::LeakyRelu { alpha: alphas.next(0.01) },
        "thresholdedrelu" => Activation::ThresholdedRelu { alpha: alphas.next(1.0) },
        "elu" => Activation::Elu { alpha: alphas.next(1.0) },
        "scaledtanh" => Activation::ScaledTanh { alpha: alphas.next(1.0), beta: betas.next(1.0) },
        "hardsigmoid" => Activation::HardSigmoid { alpha: alphas.next(0.2), beta: betas.next(0.5) },
        "affine" => Activation::Affine { alpha: alphas.next(1.0), beta: betas.next(0.0) },
        _ => return Err(node.unsupported(format!("activation `{name}` is not one of ONNX'"))),
    })
}
