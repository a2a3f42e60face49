//! A whole model by the CPU reference.

use wgpu_rnn::ndarray::{Array3, ArrayD, Ix3};
use wgpu_rnn::reference::{self, Inputs};
use wgpu_rnn::{Last, ModelWeights, StageWeights};

use crate::common::keras::Input;

/// From x or ids, batch first, to y `[B, T, F]`.
pub fn run(model: &ModelWeights, input: &Input) -> ArrayD<f64> {
    assert!(model.batch_first());
    let cube = |array: ArrayD<f64>| -> Array3<f64> { array.into_dimensionality::<Ix3>().unwrap() };
    let steps_first =
        |array: ArrayD<f64>| cube(array).permuted_axes([1, 0, 2]).as_standard_layout().into_owned();
    let mut x = match (input, &model.stages()[0].1) {
        (Input::Features(x), _) => steps_first(x.mapv(f64::from)),
        (Input::Ids(ids), StageWeights::Embedding { weight }) => {
            steps_first(reference::embedding(weight.view(), &ids.clone().into_dyn()))
        }
        (Input::Ids(_), other) => panic!("token ids for {other:?}"),
    };
    // The final hidden states of the recurrent stage before.
    let mut states = None;
    for (name, stage) in model.stages() {
        x = match stage {
            StageWeights::Embedding { .. } => x,
            StageWeights::Recurrent(weights) => {
                let x = x.mapv(|value| value as f32);
                let outputs = reference::forward(weights, &Inputs::new(x.view()));
                let directions = weights.sizes().num_directions();
                states = Some(reference::last_states(&outputs.h_n, directions));
                outputs.y
            }
            StageWeights::Linear { weight, bias } => {
                cube(reference::linear(weight.view(), bias.as_ref(), &x.into_dyn()))
            }
            StageWeights::Function(function) => cube(reference::function(*function, &x.into_dyn())),
            StageWeights::Last(Last::States) => states.take().expect("a recurrent stage before"),
            other => panic!("{name}: {other:?}"),
        };
    }
    steps_first(x.into_dyn()).into_dyn()
}
