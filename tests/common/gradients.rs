//! Runs with gradients of what comes out of them, and gradients by name.

use std::collections::BTreeMap;

use wgpu_rnn::ndarray::{Array3, ArrayD, Ix3};
use wgpu_rnn::reference::{self, Cotangents, Gradients, Inputs};
use wgpu_rnn::{
    Cell, Gpu, GruKind, Kind, Layer, LayerConfig, LayerWeights, LstmKind, RnnKind, Weights,
};

use super::Random;
use super::case::Case;
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

impl Run {
    /// What a layer of the right kind gives on a device.
    pub fn on_device(&self, gpu: &Gpu, config: LayerConfig) -> wgpu_rnn::Result<Named> {
        match self.weights.sizes().cell {
            Cell::Lstm => {
                self.of_layer::<LstmKind>(&Layer::new(gpu, &self.weights, config)?, config)
            }
            Cell::Gru { .. } => {
                self.of_layer::<GruKind>(&Layer::new(gpu, &self.weights, config)?, config)
            }
            _ => self.of_layer::<RnnKind>(&Layer::new(gpu, &self.weights, config)?, config),
        }
    }

    fn of_layer<K: Kind>(&self, layer: &Layer<K>, config: LayerConfig) -> wgpu_rnn::Result<Named> {
        let laid_out = |array: &Array3<f32>| {
            let mut array = array.clone();
            if config.batch_first {
                array.swap_axes(0, 1);
            }
            array
        };
        let state = |h: &Option<Array3<f32>>, c: &Option<Array3<f32>>| {
            let part = |part: &Option<Array3<f32>>| part.clone().map(Array3::into_dyn);
            part(h).map(|h| K::state(h, part(c))).transpose()
        };
        let (x, d_y) = (laid_out(&self.x), laid_out(&self.d_y));
        let (h0, d_state) = (state(&self.h0, &self.c0)?, state(&self.d_h_n, &self.d_c_n)?);
        let (_, _, tape) = layer.forward_tape(x.view(), self.lengths.as_deref(), h0.as_ref())?;
        let given = tape.backward(d_y.view(), d_state.as_ref())?;
        let mut d_x = given.d_x;
        if config.batch_first {
            d_x.swap_axes(0, 1);
        }
        let (d_h0, d_c0) = K::parts(&given.d_state);
        let exact = |array: &ArrayD<f32>| array.mapv(f64::from).as_standard_layout().into_owned();
        let mut named =
            Named::from([("d_input".into(), exact(&d_x)), ("d_h0".into(), exact(d_h0))]);
        named.extend(d_c0.map(|d_c0| ("d_c0".into(), exact(d_c0))));
        let sizes = given.d_weights.sizes();
        for (l, d) in
            (0..sizes.num_layers).flat_map(|l| (0..sizes.num_directions()).map(move |d| (l, d)))
        {
            let layer = given.d_weights.layer(l, d).unwrap();
            let LayerWeights { w_ih, w_hh, b_ih, b_hh, w_hr, peepholes, .. } = layer.clone();
            let parts = [
                ("weight_ih", Some(w_ih.into_dyn())),
                ("weight_hh", Some(w_hh.into_dyn())),
                ("bias_ih", b_ih.map(|b| b.into_dyn())),
                ("bias_hh", b_hh.map(|b| b.into_dyn())),
                ("weight_hr", w_hr.map(|w| w.into_dyn())),
                ("peepholes", peepholes.map(|p| p.into_dyn())),
            ];
            for (tensor, gradient) in parts {
                named.extend(gradient.map(|gradient| (name_of(tensor, l, d), exact(&gradient))));
            }
        }
        Ok(named)
    }
}

/// The names of the fixtures: `d_input`, `d_h0`, `d_c0`, `grad.weight_ih_l0`.
pub type Named = BTreeMap<String, ArrayD<f64>>;

/// Without `d_c0` where the cell has no c.
pub fn named(gradients: Gradients, has_c: bool) -> Named {
    let Gradients { d_x, d_h0, d_c0, weights } = gradients;
    let mut named = Named::new();
    let inputs = [("d_input", Some(d_x)), ("d_h0", Some(d_h0)), ("d_c0", has_c.then_some(d_c0))];
    for (name, gradient) in inputs {
        named.extend(gradient.map(|gradient| (name.to_string(), gradient.into_dyn())));
    }
    for (l, directions) in weights.into_iter().enumerate() {
        for (d, layer) in directions.into_iter().enumerate() {
            let parts = [
                ("weight_ih", Some(layer.d_w_ih.into_dyn())),
                ("weight_hh", Some(layer.d_w_hh.into_dyn())),
                ("bias_ih", layer.d_b_ih.map(|d_b| d_b.into_dyn())),
                ("bias_hh", layer.d_b_hh.map(|d_b| d_b.into_dyn())),
                ("weight_hr", layer.d_w_hr.map(|d_w| d_w.into_dyn())),
                ("peepholes", layer.d_peepholes.map(|d_p| d_p.into_dyn())),
            ];
            for (tensor, gradient) in parts {
                named.extend(gradient.map(|gradient| (name_of(tensor, l, d), gradient)));
            }
        }
    }
    named
}

pub fn name_of(tensor: &str, layer: usize, direction: usize) -> String {
    format!("grad.{tensor}_l{layer}{}", if direction == 0 { "" } else { "_reverse" })
}

/// # Errors
/// What is wrong; also where one has a gradient that the other has not.
pub fn verdict(given: &Named, expected: &Named, allowed: f64) -> Result<(), String> {
    let [names, expected_names] = [given, expected].map(|named| Vec::from_iter(named.keys()));
    if names != expected_names {
        return Err(format!("gradients of {names:?}, expected {expected_names:?}"));
    }
    let mut pairs = given.iter().zip(expected.values());
    pairs
        .try_for_each(|((name, given), expected)| compare(name, given, expected, allowed).verdict())
}
