//! A whole model by the CPU reference.

use wgpu_rnn::ndarray::{Array3, ArrayD, Axis, Ix3, concatenate, s};
use wgpu_rnn::reference::{self, Inputs};
use wgpu_rnn::{Function, Last, ModelWeights, StageWeights};

use crate::common::keras::Input;

/// From x or ids, batch first, to y `[B, T, F]`.
pub fn run(model: &ModelWeights, input: &Input) -> ArrayD<f64> {
    assert!(model.batch_first());
    let mut x: Array3<f64> = match input {
        Input::Features(x) => {
            let x = x.clone().into_dimensionality::<Ix3>().unwrap();
            x.permuted_axes([1, 0, 2]).mapv(f64::from)
        }
        Input::Ids(ids) => ids.t().mapv(f64::from).insert_axis(Axis(2)),
    };
    // The final hidden states of the recurrent stage before: [1, B, F].
    let mut states = None;
    for (name, stage) in model.stages() {
        x = match stage {
            StageWeights::Embedding { weight } => {
                let (t, b, _) = x.dim();
                Array3::from_shape_fn((t, b, weight.ncols()), |(t, b, f)| {
                    weight[[x[[t, b, 0]] as usize, f]].into()
                })
            }
            StageWeights::Recurrent(weights) => {
                let x = x.mapv(|value| value as f32);
                let outputs = reference::forward(weights, &Inputs::new(x.view()));
                let directions: Vec<_> = outputs.h_n.axis_iter(Axis(0)).collect();
                let last = concatenate(Axis(1), &directions).unwrap();
                states = Some(last.insert_axis(Axis(0)));
                outputs.y
            }
            StageWeights::Linear { weight, bias } => {
                let y = reference::linear(weight.view(), bias.as_ref(), &x.into_dyn());
                y.into_dimensionality::<Ix3>().unwrap()
            }
            StageWeights::Function(function) => apply(*function, x),
            StageWeights::Last(Last::States) => states.clone().expect("a recurrent stage before"),
            StageWeights::Last(Last::Step) => x.slice(s![-1.., .., ..]).to_owned(),
            other => panic!("{name}: {other:?}"),
        };
    }
    x.permuted_axes([1, 0, 2]).as_standard_layout().into_owned().into_dyn()
}

fn apply(function: Function, mut x: Array3<f64>) -> Array3<f64> {
    match function {
        Function::Relu => x.mapv_into(|x| x.max(0.0)),
        Function::Tanh => x.mapv_into(f64::tanh),
        Function::Sigmoid => x.mapv_into(|x| 1.0 / (1.0 + (-x).exp())),
        Function::Softmax | Function::LogSoftmax => {
            for mut row in x.rows_mut() {
                let sum = row.fold(0.0, |sum, x| sum + x.exp());
                row.mapv_inplace(|x| x - sum.ln());
            }
            if function == Function::Softmax { x.mapv_into(f64::exp) } else { x }
        }
        other => panic!("{other:?}"),
    }
}
