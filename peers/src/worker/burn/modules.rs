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
    use wgpu_rnn::ndarray::{Ix1, Ix2};
    use wgpu_rnn::{Direction, Gpu, LayerSizes, Problem, reference};

    use super::*;
    use crate::compare::Deviation;
    use crate::measure::Data;
    use crate::worker::burn::setup;

    const GRU: Cell = Cell::Gru { reset_after: true };
    const GRU_RESET_BEFORE: Cell = Cell::Gru { reset_after: false };

    /// `x · weight + bias` on the host: burn would tune a kernel for every product, for minutes.
    fn product(linear: &Linear, x: &Array2<f64>) -> Array2<f64> {
        let weight = array(linear.weight.val()).unwrap().into_dimensionality::<Ix2>().unwrap();
        let bias = array(linear.bias.as_ref().unwrap().val()).unwrap();
        let bias = bias.into_dimensionality::<Ix1>().unwrap();
        x.dot(&weight.mapv(f64::from)) + bias.mapv(f64::from)
    }

    /// What burn's documentation says that a step does: h and c after it.
    fn step(module: &Module, x: &Array2<f64>, [h, c]: [Array2<f64>; 2]) -> [Array2<f64>; 2] {
        let sigmoid = |pre: Array2<f64>| pre.mapv(|pre| 1.0 / (1.0 + (-pre).exp()));
        let of_x = |gate: &GateController| product(&gate.input_transform, x);
        let of_h = |gate: &GateController, h| product(&gate.hidden_transform, h);
        let pre = |gate: &GateController| of_x(gate) + of_h(gate, &h);
        match module {
            Module::Lstm(lstm) => {
                let [i, o] = [&lstm.input_gate, &lstm.output_gate].map(|gate| sigmoid(pre(gate)));
                let f = sigmoid(pre(lstm.forget_gate.as_ref().unwrap()));
                let c = f * c + i * pre(&lstm.cell_gate).tanh();
                [o * c.tanh(), c]
            }
            Module::Gru(gru) => {
                let [r, z] = [&gru.reset_gate, &gru.update_gate].map(|gate| sigmoid(pre(gate)));
                let of_h = match gru.reset_after {
                    true => r * of_h(&gru.new_gate, &h),
                    false => of_h(&gru.new_gate, &(r * &h)),
                };
                let n = (of_x(&gru.new_gate) + of_h).tanh();
                [&n + z * (h - &n), c]
            }
            Module::Rnn(rnn) => [pre(&rnn.gate).tanh(), c],
            Module::BiLstm(_) | Module::BiGru(_) => panic!("a step has one direction"),
        }
    }

    /// No two sizes are alike.
    fn data(cell: Cell, direction: Direction) -> Data {
        let sizes = LayerSizes::new(cell, 3, 5).with_direction(direction);
        Data::new(&Problem::new(sizes, 4, 2, false).unwrap()).unwrap()
    }

    fn check(module: &Module, Data { weights, x }: &Data, direction: usize) {
        let inputs = reference::Inputs::new(x.view());
        let truth = reference::forward(weights, &inputs).y;
        let mut state = [(); 2].map(|()| Array2::zeros((2, 5)));
        for step_number in 0..4 {
            let t = if direction == 0 { step_number } else { 3 - step_number };
            let x = x.index_axis(Axis(0), t).mapv(f64::from);
            state = step(module, &x, state);
            let truth = truth.slice(s![t, .., 5 * direction..5 * (direction + 1)]);
            let given = state[0].clone().into_dyn();
            let Deviation { error, place } =
                Deviation::of("h", &given, &truth.to_owned().into_dyn());
            assert!(error <= 1e-12, "{} at step {t}: {place}", weights.sizes().cell);
        }
    }

    #[test]
    fn modules_do_what_their_weights_do() {
        let setup = setup(Gpu::new().expect("an adapter").info()).unwrap();
        let device = Device::wgpu_options().setup(setup).init().unwrap();
        for cell in [Cell::Lstm, GRU, GRU_RESET_BEFORE, Cell::Rnn] {
            let data = data(cell, Direction::Forward);
            check(&of(&data.weights, &device).unwrap()[0], &data, 0);
        }
        for cell in [Cell::Lstm, GRU, GRU_RESET_BEFORE] {
            let data = data(cell, Direction::Bidirectional);
            let directions = match of(&data.weights, &device).unwrap().remove(0) {
                Module::BiLstm(BiLstm { forward, reverse, .. }) => {
                    [forward, reverse].map(Module::Lstm)
                }
                Module::BiGru(BiGru { forward, reverse, .. }) => {
                    [forward, reverse].map(Module::Gru)
                }
                _ => panic!("of one direction"),
            };
            check(&directions[0], &data, 0);
            check(&directions[1], &data, 1);
        }
        let refused = of(&data(Cell::Rnn, Direction::Bidirectional).weights, &device);
        let refused = refused.err().unwrap().to_string();
        assert_eq!(refused, "unsupported: burn has no RNN of 2 directions");
    }
}
