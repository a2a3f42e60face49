//! Canonical weights as burn's modules, and gradients of these back under canonical names. burn keeps each gate as two
//! linear layers, whose weights are `[d_input, d_output]`: the transpose of a gate's rows.

use burn::module::Param;
use burn::nn::{
    BiGru, BiGruConfig, BiLstm, BiLstmConfig, GateController, Gru, GruConfig, Linear, Lstm,
    LstmConfig, Rnn, RnnConfig,
};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use wgpu_rnn::ndarray::{Array1, Array2, ArrayD, Axis, concatenate, s};
use wgpu_rnn::{Cell, LayerWeights, Weights};

use crate::case::Arrays;
use crate::failure::{Failure, Result};
use crate::gradients::of_weight;
use crate::worker::unsupported;

/// A layer.
#[allow(clippy::large_enum_variant, reason = "there are as many as layers")]
pub enum Module {
    Lstm(Lstm),
    BiLstm(BiLstm),
    Gru(Gru),
    BiGru(BiGru),
    Rnn(Rnn),
}

/// # Errors
/// Where burn has no such module.
pub fn of(weights: &Weights, device: &Device) -> Result<Vec<Module>> {
    let sizes = weights.sizes();
    let layer = |l| {
        let (i, h) = (sizes.layer_input_size(l), sizes.hidden_size);
        let directions: Vec<_> =
            (0..sizes.num_directions()).filter_map(|d| weights.layer(l, d)).collect();
        Ok(match (sizes.cell, directions.as_slice()) {
            (Cell::Lstm, [forward]) => {
                let mut module = LstmConfig::new(i, h, true).init(device);
                set_lstm(&mut module, forward, device);
                Module::Lstm(module)
            }
            (Cell::Lstm, [forward, reverse]) => {
                let mut module = BiLstmConfig::new(i, h, true).init(device);
                set_lstm(&mut module.forward, forward, device);
                set_lstm(&mut module.reverse, reverse, device);
                Module::BiLstm(module)
            }
            (Cell::Gru { reset_after }, [forward]) => {
                let config = GruConfig::new(i, h, true).with_reset_after(reset_after);
                let mut module = config.init(device);
                set_gru(&mut module, forward, device);
                Module::Gru(module)
            }
            (Cell::Gru { reset_after }, [forward, reverse]) => {
                let config = BiGruConfig::new(i, h, true).with_reset_after(reset_after);
                let mut module = config.init(device);
                set_gru(&mut module.forward, forward, device);
                set_gru(&mut module.reverse, reverse, device);
                Module::BiGru(module)
            }
            (Cell::Rnn, [forward]) => {
                let mut module = RnnConfig::new(i, h, true).init(device);
                [module.gate] = gates(forward, device);
                Module::Rnn(module)
            }
            (cell, directions) => {
                let count = directions.len();
                return Err(unsupported(&format!("burn has no {cell} of {count} directions")));
            }
        })
    };
    (0..sizes.num_layers).map(layer).collect()
}

fn set_lstm(module: &mut Lstm, weights: &LayerWeights, device: &Device) {
    let [i, f, g, o] = gates(weights, device);
    (module.input_gate, module.forget_gate) = (i, Some(f));
    (module.cell_gate, module.output_gate) = (g, o);
}

fn set_gru(module: &mut Gru, weights: &LayerWeights, device: &Device) {
    [module.reset_gate, module.update_gate, module.new_gate] = gates(weights, device);
}

/// In canonical order.
fn gates<const G: usize>(weights: &LayerWeights, device: &Device) -> [GateController; G] {
    std::array::from_fn(|gate| {
        let linear = |w: &Array2<f32>, b: &Option<Array1<f32>>| {
            let rows = w.nrows() / G * gate..w.nrows() / G * (gate + 1);
            let w = w.slice(s![rows.clone(), ..]).reversed_axes();
            let weight = TensorData::new(w.iter().copied().collect(), [w.nrows(), w.ncols()]);
            let bias = b.as_ref().map(|b| b.slice(s![rows]).to_vec());
            Linear {
                weight: Param::from_data(weight, device),
                bias: bias.map(|b| Param::from_data(b.as_slice(), device)),
            }
        };
        GateController {
            input_transform: linear(&weights.w_ih, &weights.b_ih),
            hidden_transform: linear(&weights.w_hh, &weights.b_hh),
        }
    })
}

impl Module {
    /// `[B, T, features]` to `[B, T, D·H]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Module::Lstm(module) => module.forward(x, None).0,
            Module::BiLstm(module) => module.forward(x, None).0,
            Module::Gru(module) => module.forward(x, None),
            Module::BiGru(module) => module.forward(x, None).0,
            Module::Rnn(module) => module.forward(x, None).0,
        }
    }

    /// Of each direction, in canonical order.
    fn gates(&self) -> Vec<Vec<&GateController>> {
        fn lstm(module: &Lstm) -> Vec<&GateController> {
            let [i, f] = [Some(&module.input_gate), module.forget_gate.as_ref()];
            let [g, o] = [Some(&module.cell_gate), Some(&module.output_gate)];
            [i, f, g, o].into_iter().flatten().collect()
        }
        fn gru(module: &Gru) -> Vec<&GateController> {
            vec![&module.reset_gate, &module.update_gate, &module.new_gate]
        }
        match self {
            Module::Lstm(module) => vec![lstm(module)],
            Module::BiLstm(module) => vec![lstm(&module.forward), lstm(&module.reverse)],
            Module::Gru(module) => vec![gru(module)],
            Module::BiGru(module) => vec![gru(&module.forward), gru(&module.reverse)],
            Module::Rnn(module) => vec![vec![&module.gate]],
        }
    }
}

/// Those of all weights, by their names in [`crate::gradients`].
pub fn gradients(layers: &[Module], gradients: &Gradients) -> Result<Arrays> {
    let mut named = Arrays::new();
    for (l, layer) in layers.iter().enumerate() {
        for (d, gates) in layer.gates().into_iter().enumerate() {
            let suffix = format!("_l{l}{}", if d == 0 { "" } else { "_reverse" });
            for (of, side) in [
                ("ih", gates.iter().map(|gate| &gate.input_transform).collect::<Vec<_>>()),
                ("hh", gates.iter().map(|gate| &gate.hidden_transform).collect()),
            ] {
                let weights = side.iter().map(|linear| linear.weight.grad(gradients));
                named.push((of_weight(&format!("weight_{of}{suffix}")), rows(weights)?));
                let biases = side.iter().filter_map(|linear| linear.bias.as_ref());
                let biases: Vec<_> = biases.map(|bias| bias.grad(gradients)).collect();
                if !biases.is_empty() {
                    named.push((of_weight(&format!("bias_{of}{suffix}")), rows(biases)?));
                }
            }
        }
    }
    Ok(named)
}

/// Gradients of the gates as one array, `[K, H]` each as rows of `[G·H, K]`.
fn rows<const D: usize>(gates: impl IntoIterator<Item = Option<Tensor<D>>>) -> Result<ArrayD<f32>> {
    let missing = || unsupported("a gradient of a weight");
    let gates = gates.into_iter().map(|gate| Ok(array(gate.ok_or_else(missing)?)?.reversed_axes()));
    let gates = gates.collect::<Result<Vec<_>>>()?;
    let views: Vec<_> = gates.iter().map(|gate| gate.view()).collect();
    concatenate(Axis(0), &views).map_err(|error| Failure::Request(error.to_string()))
}

/// On the host.
pub fn array<const D: usize>(tensor: Tensor<D>) -> Result<ArrayD<f32>> {
    let failed = |error: &dyn std::fmt::Debug| Failure::Request(format!("{error:?}"));
    let shape: [usize; D] = tensor.dims();
    let data = tensor.try_into_data().map_err(|error| failed(&error))?;
    let values = data.try_to_vec::<f32>().map_err(|error| failed(&error))?;
    ArrayD::from_shape_vec(shape.as_slice(), values).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use wgpu_rnn::ndarray::Array3;
    use wgpu_rnn::{Direction, Gpu, LayerSizes, Problem, reference};

    use super::*;
    use crate::compare::Deviation;
    use crate::gradients::{self, Named};
    use crate::layout::Layout;
    use crate::measure::Data;
    use crate::worker::burn::{array3, setup, tensor};

    const GRU: Cell = Cell::Gru { reset_after: true };
    const GRU_RESET_BEFORE: Cell = Cell::Gru { reset_after: false };

    /// Whether outputs and gradients of burn's modules are those of the reference. No two sizes are alike.
    fn check(device: &Device, cell: Cell, num_layers: usize, direction: Direction) {
        let sizes = LayerSizes::new(cell, 3, 5).with_layers(num_layers).with_direction(direction);
        let data = Data::new(&Problem::new(sizes, 4, 2, false).unwrap()).unwrap();
        let d_y = data.cotangent();
        let layers = of(&data.weights, device).unwrap();
        let x = tensor(&data.x, device).require_grad();
        let y = layers.iter().fold(x.clone(), |x, layer| layer.forward(x));
        let of_burn = (y.clone() * tensor(&d_y, device)).sum().backward();
        let mut given: Named = super::gradients(&layers, &of_burn)
            .unwrap()
            .into_iter()
            .map(|(name, gradient)| (name, gradient.mapv(f64::from)))
            .collect();
        let d_x = array3(x.grad(&of_burn).unwrap()).unwrap();
        given.insert("d_input".into(), d_x.mapv(f64::from));

        let inputs = reference::Inputs::new(data.x.view());
        let truth: Array3<f64> = reference::forward(&data.weights, &inputs).y;
        let y = array3(y).unwrap().mapv(f64::from);
        let outputs = Deviation::of("y", &y, &truth.into_dyn());
        let cotangents = reference::Cotangents { d_y: d_y.view(), d_h_n: None, d_c_n: None };
        let truth = reference::backward(&data.weights, &inputs, &cotangents);
        let layout = Layout { batched: true, batch_first: false };
        let mut expected = gradients::of_reference(truth, layout, false);
        expected.remove("d_h0");
        let gradients = gradients::deviation(&given, &expected);
        for Deviation { error, place } in [outputs, gradients] {
            assert!(error <= 1e-6, "{sizes:?}: error {error:.1e}: {place}");
        }
    }

    /// One test: burn tunes its kernels once per process.
    #[test]
    fn weights_become_modules_and_gradients_come_back() {
        let setup = setup(Gpu::new().expect("an adapter").info()).unwrap();
        let device = Device::wgpu_options().setup(setup).init().unwrap().autodiff();
        for cell in [Cell::Lstm, GRU, GRU_RESET_BEFORE] {
            check(&device, cell, 1, Direction::Forward);
            check(&device, cell, 2, Direction::Bidirectional);
        }
        check(&device, Cell::Rnn, 2, Direction::Forward);

        let sizes = LayerSizes::new(Cell::Rnn, 3, 5).with_direction(Direction::Bidirectional);
        let data = Data::new(&Problem::new(sizes, 4, 2, false).unwrap()).unwrap();
        let refused = of(&data.weights, &device).err().unwrap().to_string();
        assert_eq!(refused, "unsupported: burn has no RNN of 2 directions");
    }
}
