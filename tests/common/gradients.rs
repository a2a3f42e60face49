//! Runs with gradients of what comes out of them, and gradients by name.

use std::collections::BTreeMap;

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, Ix3};
use wgpu_rnn::reference::{self, Cotangents, Gradients, Inputs, WeightGradients};
use wgpu_rnn::{
    Cell, Gpu, Gradients as LayerGradients, GruKind, Kind, Layer, LayerConfig, LayerWeights,
    LstmKind, RnnKind, Tape, Weights,
};

use super::Random;
use super::case::{Case, edited};
use super::compare::compare;

/// What a backward pass starts from; shapes as in the reference.
#[derive(Clone, Debug)]
pub struct Run {
    pub weights: Weights,
    pub x: Array3<f32>,
    pub h0: Option<Array3<f32>>,
    pub c0: Option<Array3<f32>>,
    pub lengths: Option<Vec<usize>>,
    pub d_y: Array3<f32>,
    pub d_h_n: Option<Array3<f32>>,
    pub d_c_n: Option<Array3<f32>>,
}

impl Run {
    /// With seeded gradients of all that comes out.
    pub fn new(seed: u64, case: &Case) -> Self {
        let mut random = Random::new(seed);
        let outputs = case.expected();
        let [d_y, d_h_n, d_c_n] = [&outputs.y, &outputs.h_n, &outputs.c_n]
            .map(|output| random.array3(output.dim().into()));
        let part = |array: &ArrayD<f32>| array.clone().into_dimensionality::<Ix3>().unwrap();
        let has_c = case.weights.sizes().cell.has_c();
        Run {
            weights: case.weights.clone(),
            x: case.x.clone(),
            h0: case.state.as_ref().map(|state| part(&state.h)),
            c0: case.state.as_ref().filter(|_| has_c).map(|state| part(&state.c)),
            lengths: case.lengths.clone(),
            d_y,
            d_h_n: Some(d_h_n),
            d_c_n: has_c.then_some(d_c_n),
        }
    }

    /// The same but for what `edit` changes.
    pub fn but(&self, edit: impl FnOnce(&mut Run)) -> Self {
        let mut run = self.clone();
        edit(&mut run);
        run
    }

    /// The same with everything that goes in, but its gradients, off by a random part of itself, up to `relative`.
    pub fn nudged(&self, seed: u64, relative: f32) -> Self {
        let mut random = Random::new(seed);
        let mut nudge = |value: &mut f32| *value += *value * relative * random.next();
        self.but(|run| {
            run.x.iter_mut().for_each(&mut nudge);
            run.h0.iter_mut().flatten().for_each(&mut nudge);
            run.c0.iter_mut().flatten().for_each(&mut nudge);
            run.weights = edited(&run.weights, |layer| {
                layer.w_ih.iter_mut().chain(&mut layer.w_hh).for_each(&mut nudge);
                layer.b_ih.iter_mut().chain(&mut layer.b_hh).flatten().for_each(&mut nudge);
                layer.w_hr.iter_mut().chain(&mut layer.peepholes).flatten().for_each(&mut nudge);
            });
        })
    }

    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            x: self.x.view(),
            h0: self.h0.as_ref().map(|h0| h0.view()),
            c0: self.c0.as_ref().map(|c0| c0.view()),
            lengths: self.lengths.as_deref(),
        }
    }

    /// What the reference says.
    pub fn gradients(&self) -> Named {
        let cotangents = Cotangents {
            d_y: self.d_y.view(),
            d_h_n: self.d_h_n.as_ref().map(|d_h_n| d_h_n.view()),
            d_c_n: self.d_c_n.as_ref().map(|d_c_n| d_c_n.view()),
        };
        let gradients = reference::backward(&self.weights, &self.inputs(), &cotangents);
        named(gradients, self.weights.sizes().cell.has_c())
    }
}

/// The tensors that a direction of a layer can have, as PyTorch calls them.
pub const TENSORS: [&str; 6] =
    ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "peepholes"];

/// A gradient for each of [`TENSORS`] that there is.
type Tensors = [Option<ArrayD<f64>>; 6];

/// The same on a device.
impl Run {
    pub fn initial_state<K: Kind>(&self) -> wgpu_rnn::Result<Option<K::State>> {
        state_of::<K>(&self.h0, &self.c0)
    }

    /// The gradient of the final state.
    pub fn final_d_state<K: Kind>(&self) -> wgpu_rnn::Result<Option<K::State>> {
        state_of::<K>(&self.d_h_n, &self.d_c_n)
    }

    /// What a new layer of the right kind gives on a device.
    pub fn on_device(&self, gpu: &Gpu, config: LayerConfig) -> wgpu_rnn::Result<Named> {
        let weights = &self.weights;
        match weights.sizes().cell {
            Cell::Lstm => self.on_layer::<LstmKind>(&Layer::new(gpu, weights, config)?, config),
            Cell::Gru { .. } => {
                self.on_layer::<GruKind>(&Layer::new(gpu, weights, config)?, config)
            }
            _ => self.on_layer::<RnnKind>(&Layer::new(gpu, weights, config)?, config),
        }
    }

    fn on_layer<K: Kind>(&self, layer: &Layer<K>, config: LayerConfig) -> wgpu_rnn::Result<Named> {
        self.back(&self.tape(layer, config)?, config)
    }

    /// The forward pass.
    pub fn tape<K: Kind>(
        &self,
        layer: &Layer<K>,
        config: LayerConfig,
    ) -> wgpu_rnn::Result<Tape<K>> {
        let state = self.initial_state::<K>()?;
        let x = laid_out(&self.x, config);
        Ok(layer.forward_tape(x.view(), self.lengths.as_deref(), state.as_ref())?.2)
    }

    /// The backward pass.
    pub fn back<K: Kind>(&self, tape: &Tape<K>, config: LayerConfig) -> wgpu_rnn::Result<Named> {
        let d_state = self.final_d_state::<K>()?;
        let given = tape.backward(laid_out(&self.d_y, config).view(), d_state.as_ref())?;
        Ok(named_of_layer(given, config))
    }
}

/// A sequence in the layout that the layer takes.
pub fn laid_out(array: &Array3<f32>, config: LayerConfig) -> Array3<f32> {
    let mut array = array.clone();
    if config.batch_first {
        array.swap_axes(0, 1);
    }
    array
}

/// The state, or its gradient, that this kind of layer takes.
fn state_of<K: Kind>(
    h: &Option<Array3<f32>>,
    c: &Option<Array3<f32>>,
) -> wgpu_rnn::Result<Option<K::State>> {
    assert!(h.is_some() || c.is_none(), "a state is h, or both");
    let part = |part: &Option<Array3<f32>>| part.clone().map(Array3::into_dyn);
    part(h).map(|h| K::state(h, part(c))).transpose()
}

/// The names of the fixtures: `d_input`, `d_h0`, `d_c0`, `grad.weight_ih_l0`.
pub type Named = BTreeMap<String, ArrayD<f64>>;

/// What a layer gave.
pub fn named_of_layer<K: Kind>(given: LayerGradients<K>, config: LayerConfig) -> Named {
    let mut d_x = given.d_x;
    if config.batch_first {
        d_x.swap_axes(0, 1);
    }
    let (d_h0, d_c0) = K::parts(&given.d_state);
    let inputs = [Some(exact(&d_x)), Some(exact(d_h0)), d_c0.map(exact)];
    let sizes = given.d_weights.sizes();
    let places = (0..sizes.num_layers)
        .flat_map(|layer| (0..sizes.num_directions()).map(move |direction| (layer, direction)));
    collect(inputs, places.map(|(l, d)| (l, d, tensors_of(given.d_weights.layer(l, d).unwrap()))))
}

/// What the reference says, without `d_c0` where the cell has no c.
fn named(gradients: Gradients, has_c: bool) -> Named {
    let Gradients { d_x, d_h0, d_c0, weights } = gradients;
    let inputs = [Some(d_x.into_dyn()), Some(d_h0.into_dyn()), has_c.then_some(d_c0.into_dyn())];
    let tensors = |layer: WeightGradients| -> Tensors {
        [
            Some(layer.d_w_ih.into_dyn()),
            Some(layer.d_w_hh.into_dyn()),
            layer.d_b_ih.map(|d_b| d_b.into_dyn()),
            layer.d_b_hh.map(|d_b| d_b.into_dyn()),
            layer.d_w_hr.map(|d_w| d_w.into_dyn()),
            layer.d_peepholes.map(|d_p| d_p.into_dyn()),
        ]
    };
    let layers = weights.into_iter().enumerate().flat_map(|(l, directions)| {
        directions.into_iter().enumerate().map(move |(d, layer)| (l, d, tensors(layer)))
    });
    collect(inputs, layers)
}

fn tensors_of(layer: &LayerWeights) -> Tensors {
    let matrix = |w: &Array2<f32>| exact(&w.clone().into_dyn());
    let bias = |b: &Array1<f32>| exact(&b.clone().into_dyn());
    [
        Some(matrix(&layer.w_ih)),
        Some(matrix(&layer.w_hh)),
        layer.b_ih.as_ref().map(bias),
        layer.b_hh.as_ref().map(bias),
        layer.w_hr.as_ref().map(matrix),
        layer.peepholes.as_ref().map(matrix),
    ]
}

/// Each gradient under its name: of x, h0 and c0, and of each tensor by layer and direction.
fn collect(
    inputs: [Option<ArrayD<f64>>; 3],
    layers: impl IntoIterator<Item = (usize, usize, Tensors)>,
) -> Named {
    let names = ["d_input", "d_h0", "d_c0"].map(String::from);
    let inputs = names.into_iter().zip(inputs);
    let weights = layers.into_iter().flat_map(|(l, d, tensors)| {
        TENSORS.map(|tensor| name_of(tensor, l, d)).into_iter().zip(tensors)
    });
    inputs.chain(weights).filter_map(|(name, gradient)| Some((name, gradient?))).collect()
}

/// In f64 no bit is lost.
pub fn exact(array: &ArrayD<f32>) -> ArrayD<f64> {
    array.mapv(f64::from).as_standard_layout().into_owned()
}

pub fn name_of(tensor: &str, layer: usize, direction: usize) -> String {
    format!("grad.{tensor}_l{layer}{}", if direction == 0 { "" } else { "_reverse" })
}

/// # Errors
/// Where the two have not got the same gradients bit for bit; a NaN is nobody's equal.
pub fn same_bits(given: &Named, expected: &Named) -> Result<(), String> {
    check_names(given, expected)?;
    for ((name, given), expected) in given.iter().zip(expected.values()) {
        if given.shape() != expected.shape() {
            return Err(format!("{name}: shape {:?}, not {:?}", given.shape(), expected.shape()));
        }
        let differs = |(given, expected): (&f64, &f64)| {
            given.is_nan() || given.to_bits() != expected.to_bits()
        };
        let differ = given.iter().zip(expected).filter(|pair| differs(*pair)).count();
        if differ > 0 {
            return Err(format!("{name}: {differ} of {} are other bits", given.len()));
        }
    }
    Ok(())
}

fn check_names(given: &Named, expected: &Named) -> Result<(), String> {
    let [names, expected_names] = [given, expected].map(|named| Vec::from_iter(named.keys()));
    if names == expected_names && !names.is_empty() {
        return Ok(());
    }
    Err(format!("gradients of {names:?}, expected {expected_names:?}"))
}

/// # Errors
/// What is wrong; also where one has a gradient that the other has not.
pub fn verdict(given: &Named, expected: &Named, allowed: f64) -> Result<(), String> {
    check_names(given, expected)?;
    let mut pairs = given.iter().zip(expected.values());
    pairs
        .try_for_each(|((name, given), expected)| compare(name, given, expected, allowed).verdict())
}
