//! Canonical weights on the host: PyTorch's names, shapes and gate order.

#[cfg(any(feature = "onnx", feature = "keras"))]
mod gates;
mod model;
mod rounded;

#[cfg(any(feature = "onnx", feature = "keras"))]
pub(crate) use gates::GateOrder;
pub use model::{ModelWeights, StageWeights};
pub(crate) use model::{check_linear, check_table};

use ndarray::{Array1, Array2};

use crate::cell::{Activation, Activations, Cell, CellOptions, Flavour};
use crate::error::{Error, Result};
use crate::problem::{Direction, LayerSizes};

/// The weights of one direction of one layer. G is the number of gates, H the hidden size, I the layer's input size.
///
/// ```
/// use ndarray::{Array1, Array2};
/// use wgpu_rnn::LayerWeights;
///
/// let (input_size, hidden_size) = (3, 5);
/// let w_ih = Array2::zeros((4 * hidden_size, input_size));
/// let w_hh = Array2::zeros((4 * hidden_size, hidden_size));
/// let bias = Array1::zeros(4 * hidden_size);
/// let layer = LayerWeights::new(w_ih, w_hh).with_bias(Some(bias), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerWeights {
    /// `weight_ih`: `[G*H, I]`.
    pub w_ih: Array2<f32>,
    /// `weight_hh`: `[G*H, H]`; `[G*H, P]` with a projection.
    pub w_hh: Array2<f32>,
    /// `bias_ih`: `[G*H]`; none is zero.
    pub b_ih: Option<Array1<f32>>,
    /// `bias_hh`: `[G*H]`; none is zero.
    pub b_hh: Option<Array1<f32>>,
    /// `weight_hr`: `[P, H]`, the projection of an LSTM's h; `w_hh` is `[G*H, P]` then.
    pub w_hr: Option<Array2<f32>>,
    /// Peephole weights of an LSTM from c to the gates i, f and o: `[3, H]`; none is zero.
    pub peepholes: Option<Array2<f32>>,
}

/// The weights of a stack of layers, their sizes checked against each other.
///
/// ```
/// use ndarray::Array2;
/// use wgpu_rnn::{Cell, LayerWeights, Weights};
///
/// let (input_size, hidden_size) = (3, 5);
/// let w_ih = Array2::zeros((4 * hidden_size, input_size));
/// let w_hh = Array2::zeros((4 * hidden_size, hidden_size));
/// let layer = LayerWeights::new(w_ih, w_hh);
/// let weights = Weights::new(Cell::Lstm, vec![vec![layer]])?;
/// assert_eq!(weights.sizes().hidden_size, 5);
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    sizes: LayerSizes,
    options: CellOptions,
    layers: Vec<Vec<LayerWeights>>,
}

impl Weights {
    /// Weights by layer and direction (`layers[layer][direction]`, direction 1 the reverse one); the sizes are
    /// inferred from the first layer.
    ///
    /// # Errors
    /// [`Error::Shape`] where an array does not fit the others, [`Error::Argument`] where there is no layer, or a
    /// layer has not 1 or 2 directions.
    pub fn new(cell: Cell, layers: Vec<Vec<LayerWeights>>) -> Result<Self> {
        let Some(first) = layers.first().and_then(|directions| directions.first()) else {
            return Err(Error::argument(
                "layers",
                "at least one layer with one direction",
                "empty",
            ));
        };
        let num_directions = layers[0].len();
        if num_directions > 2 {
            return Err(Error::argument("layers[0]", "1 or 2 directions", num_directions));
        }
        let sizes = LayerSizes {
            cell,
            input_size: first.w_ih.ncols(),
            hidden_size: first.w_hr.as_ref().unwrap_or(&first.w_hh).ncols(),
            proj_size: first.w_hr.as_ref().map_or(0, |w_hr| w_hr.nrows()),
            num_layers: layers.len(),
            direction: match num_directions {
                1 => Direction::Forward,
                _ => Direction::Bidirectional,
            },
        };
        if sizes.proj_size > 0 && cell != Cell::Lstm {
            let given = first.w_hr.as_ref().map_or(&[][..], |w_hr| w_hr.shape());
            return Err(Error::shape("weight_hr_l0", "none: only an LSTM has it", given));
        }
        for (l, directions) in layers.iter().enumerate() {
            if directions.len() != num_directions {
                let expected = format!("{num_directions} directions, as layer 0");
                return Err(Error::argument(&format!("layers[{l}]"), expected, directions.len()));
            }
            for (direction, weights) in directions.iter().enumerate() {
                weights.validate(&sizes, l, direction)?;
            }
        }
        Ok(Weights { sizes, layers, options: CellOptions::default() })
    }

    /// From parts that are known to fit.
    pub(crate) fn from_parts(
        sizes: LayerSizes,
        options: CellOptions,
        layers: Vec<Vec<LayerWeights>>,
    ) -> Self {
        Weights { sizes, options, layers }
    }

    /// The same weights for a cell with choices.
    ///
    /// # Errors
    /// [`Error::Argument`] where the cell, or a layer of one direction, has not got what was chosen.
    pub fn with_options(mut self, options: CellOptions) -> Result<Self> {
        options.validate(self.sizes.cell, self.sizes.num_directions())?;
        self.options = options;
        Ok(self)
    }

    /// The same weights for an RNN with relu instead of tanh (PyTorch's `nonlinearity="relu"`).
    ///
    /// # Errors
    /// [`Error::Argument`] where the cell is another.
    pub fn with_relu(self) -> Result<Self> {
        if self.sizes.cell != Cell::Rnn {
            return Err(Error::argument("weights", "those of an RNN", self.sizes.cell));
        }
        let relu = Activations { f: Activation::Relu, ..Cell::Rnn.standard_activations() };
        let activations = [Some(relu); 2];
        let options = CellOptions { activations, ..self.options };
        self.with_options(options)
    }

    /// The same weights for layers that run from the last time step to the first.
    ///
    /// # Errors
    /// [`Error::Argument`] where the layers are bidirectional.
    pub fn reversed(mut self) -> Result<Self> {
        if self.sizes.direction == Direction::Bidirectional {
            return Err(Error::argument("weights", "those of one direction", "bidirectional"));
        }
        self.sizes.direction = Direction::Reverse;
        Ok(self)
    }

    /// What was chosen about the cell.
    pub fn options(&self) -> &CellOptions {
        &self.options
    }

    pub(crate) fn flavour(&self) -> Flavour {
        let has_peepholes = self.directions().any(|(.., layer)| layer.peepholes.is_some());
        self.options.flavour(self.sizes.cell, self.sizes.num_directions(), has_peepholes)
    }

    /// The sizes of the layers.
    pub fn sizes(&self) -> LayerSizes {
        self.sizes
    }

    /// The weights of one direction of one layer.
    pub fn layer(&self, layer: usize, direction: usize) -> Option<&LayerWeights> {
        self.layers.get(layer)?.get(direction)
    }

    pub(crate) fn map_layers(&self, map: impl Fn(&LayerWeights) -> LayerWeights) -> Weights {
        let layers = self.layers.iter().map(|layer| layer.iter().map(&map).collect()).collect();
        Weights { layers, ..self.clone() }
    }

    pub(crate) fn directions(&self) -> impl Iterator<Item = (usize, usize, &LayerWeights)> {
        self.layers.iter().enumerate().flat_map(|(l, directions)| {
            directions.iter().enumerate().map(move |(d, weights)| (l, d, weights))
        })
    }
}

impl LayerWeights {
    /// Without bias.
    pub fn new(w_ih: Array2<f32>, w_hh: Array2<f32>) -> Self {
        LayerWeights { w_ih, w_hh, b_ih: None, b_hh: None, w_hr: None, peepholes: None }
    }

    /// With these biases, `[G*H]` each.
    pub fn with_bias(mut self, b_ih: Option<Array1<f32>>, b_hh: Option<Array1<f32>>) -> Self {
        (self.b_ih, self.b_hh) = (b_ih, b_hh);
        self
    }

    /// With a projection of h, `[P, H]`.
    pub fn with_projection(mut self, w_hr: Array2<f32>) -> Self {
        self.w_hr = Some(w_hr);
        self
    }

    /// With peepholes from c to the gates i, f and o, `[3, H]`.
    pub fn with_peepholes(mut self, peepholes: Array2<f32>) -> Self {
        self.peepholes = Some(peepholes);
        self
    }

    /// The matrices and their names in PyTorch.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = (&'static str, &Array2<f32>)> {
        let always = [("weight_ih", &self.w_ih), ("weight_hh", &self.w_hh)];
        always.into_iter().chain(self.w_hr.as_ref().map(|w_hr| ("weight_hr", w_hr)))
    }

    fn validate(&self, sizes: &LayerSizes, layer: usize, direction: usize) -> Result<()> {
        let name = |tensor: &str| tensor_name(tensor, layer, direction);
        let h = sizes.hidden_size;
        let rows = h
            .checked_mul(sizes.cell.num_gates())
            .ok_or_else(|| Error::Overflow { what: name("weight_hh") })?;
        let i = sizes.layer_input_size(layer);
        check(&name("weight_ih"), self.w_ih.shape(), &[rows, i])?;
        check(&name("weight_hh"), self.w_hh.shape(), &[rows, sizes.recurrent_size()])?;
        match &self.w_hr {
            Some(w_hr) => check(&name("weight_hr"), w_hr.shape(), &[sizes.proj_size, h])?,
            None if sizes.proj_size > 0 => {
                let expected = format!("{:?}, as layer 0", [sizes.proj_size, h]);
                return Err(Error::shape(&name("weight_hr"), expected, &[]));
            }
            None => {}
        }
        for (tensor, bias) in [("bias_ih", &self.b_ih), ("bias_hh", &self.b_hh)] {
            if let Some(bias) = bias {
                check(&name(tensor), bias.shape(), &[rows])?;
            }
        }
        if let Some(peepholes) = &self.peepholes {
            if sizes.cell != Cell::Lstm {
                let expected = "none: only an LSTM has them";
                return Err(Error::shape(&name("peepholes"), expected, peepholes.shape()));
            }
            check(&name("peepholes"), peepholes.shape(), &[3, h])?;
        }
        if h == 0 || i == 0 || sizes.recurrent_size() == 0 {
            return Err(Error::shape(&name("weight_ih"), "no side of length 0", self.w_ih.shape()));
        }
        Ok(())
    }
}

/// PyTorch's name of a tensor: `weight_ih_l0`, `bias_hh_l2_reverse`.
pub(crate) fn tensor_name(tensor: &str, layer: usize, direction: usize) -> String {
    format!("{tensor}_l{layer}{}", if direction == 0 { "" } else { "_reverse" })
}

fn check(name: &str, given: &[usize], expected: &[usize]) -> Result<()> {
    if given == expected { Ok(()) } else { Err(Error::shape(name, format!("{expected:?}"), given)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(input_size: usize, hidden_size: usize) -> LayerWeights {
        let rows = 4 * hidden_size;
        LayerWeights::new(Array2::zeros((rows, input_size)), Array2::zeros((rows, hidden_size)))
            .with_bias(Some(Array1::zeros(rows)), None)
    }

    #[test]
    fn sizes_are_inferred() {
        let layers = vec![vec![layer(3, 5), layer(3, 5)], vec![layer(10, 5), layer(10, 5)]];
        let sizes = Weights::new(Cell::Lstm, layers).unwrap().sizes();
        let expected = LayerSizes {
            cell: Cell::Lstm,
            input_size: 3,
            hidden_size: 5,
            proj_size: 0,
            num_layers: 2,
            direction: Direction::Bidirectional,
        };
        assert_eq!(sizes, expected);
    }

    fn of(cell: Cell, num_directions: usize) -> Weights {
        let rows = cell.num_gates() * 5;
        let layer = LayerWeights::new(Array2::zeros((rows, 3)), Array2::zeros((rows, 5)));
        Weights::new(cell, vec![vec![layer; num_directions]]).unwrap()
    }

    const GRU: Cell = Cell::Gru { reset_after: true };

    #[test]
    fn choices_without_effect_are_named() {
        let softsign = Activation::Softsign;
        let f = |cell: Cell| Some(Activations { f: softsign, ..cell.standard_activations() });
        let g = |cell: Cell| Some(Activations { g: softsign, ..cell.standard_activations() });
        let h = |cell: Cell| Some(Activations { h: softsign, ..cell.standard_activations() });
        let (lstm, rnn) = (Cell::Lstm, Cell::Rnn);
        let refused = [
            (GRU, 2, [h(GRU), None], "activations[0].h"),
            (GRU, 2, [None, h(GRU)], "activations[1].h"),
            (rnn, 1, [h(rnn), None], "activations[0].h"),
            (rnn, 1, [g(rnn); 2], "activations[0].g"),
            (rnn, 2, [f(rnn), g(rnn)], "activations[1].g"),
            (lstm, 1, [None, f(lstm)], "activations[1]"),
            (lstm, 1, [g(lstm), Some(lstm.standard_activations())], "activations[1]"),
        ];
        for (cell, num_directions, activations, name) in refused {
            let options = CellOptions { activations, ..Default::default() };
            match of(cell, num_directions).with_options(options) {
                Err(Error::Argument { argument, .. }) => assert_eq!(argument, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        let options = CellOptions { activations: [h(GRU), None], ..Default::default() };
        let error = of(GRU, 1).with_options(options).unwrap_err().to_string();
        let words = "`activations[0].h` is Softsign, expected Tanh, the standard one: GRU has no activation h";
        assert_eq!(error, words);

        let taken = [
            (lstm, 2, [h(lstm), g(lstm)]),
            (lstm, 1, [h(lstm), None]),
            (lstm, 1, [h(lstm); 2]),
            (GRU, 2, [g(GRU), f(GRU)]),
            (rnn, 2, [None, f(rnn)]),
            (rnn, 1, [None, Some(rnn.standard_activations())]),
        ];
        for (cell, num_directions, activations) in taken {
            let options = CellOptions { activations, ..Default::default() };
            let weights = of(cell, num_directions).with_options(options).unwrap();
            assert_eq!(weights.options(), &options);
        }
    }

    /// The directions that there are choose the kernel.
    #[test]
    fn a_second_direction_that_is_not_there_costs_nothing() {
        let relu = Activations { f: Activation::Relu, ..Cell::Rnn.standard_activations() };
        let flavour = |num_directions, activations| {
            let options = CellOptions { activations, ..Default::default() };
            let weights = of(Cell::Rnn, num_directions).with_options(options).unwrap();
            if num_directions == 1 {
                assert_eq!(weights.clone().reversed().unwrap().flavour(), weights.flavour());
            }
            weights.flavour()
        };
        assert_eq!(flavour(1, [Some(relu), None]), Flavour::Relu);
        assert_eq!(flavour(1, [Some(relu); 2]), Flavour::Relu);
        assert_eq!(flavour(2, [Some(relu); 2]), Flavour::Relu);
        assert_eq!(flavour(2, [Some(relu), None]), Flavour::Chosen);
        assert_eq!(of(Cell::Rnn, 1).with_relu().unwrap().flavour(), Flavour::Relu);
    }

    #[test]
    fn misfits_are_named() {
        let wrong_bias = layer(3, 5).with_bias(None, Some(Array1::zeros(19)));
        let cases = [
            ("weight_ih_l1", vec![vec![layer(3, 5)], vec![layer(3, 5)]]),
            ("weight_ih_l0_reverse", vec![vec![layer(3, 5), layer(4, 5)]]),
            ("bias_hh_l0", vec![vec![wrong_bias]]),
            ("weight_ih_l0", vec![vec![layer(0, 5)]]),
            ("layers[1]", vec![vec![layer(3, 5)], vec![]]),
            ("layers", vec![]),
            ("layers[0]", vec![vec![layer(3, 5), layer(3, 5), layer(3, 5)]]),
        ];
        for (name, layers) in cases {
            match Weights::new(Cell::Lstm, layers) {
                Err(Error::Shape { argument, .. } | Error::Argument { argument, .. }) => {
                    assert_eq!(argument, name);
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
