//! A shape with its data, as files that every peer reads, and what the reference makes of it.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use wgpu_rnn::io::safetensors::File;
use wgpu_rnn::ndarray::{Array3, ArrayD, Ix3, s};
use wgpu_rnn::{Cell, Weights, reference};

use crate::compare::Deviation;
use crate::failure::{Failure, Result};
use crate::gradients::{self, Named};
use crate::layout::Layout;
use crate::measure::{Data, Extent, FORWARD_PASSES};
use crate::peer::Tolerance;
use crate::shapes::Shape;

/// The files of a case, without `.safetensors`: the weights, the arrays of the run that is compared with the reference,
/// those of the runs that are timed.
pub const WEIGHTS: &str = "weights";
pub const VERIFIED: &str = "verified";
pub const TIMED: &str = "timed";

pub struct Case {
    data: Data,
    /// The gradient of y, of a training run.
    d_y: Option<Array3<f32>>,
    extent: Extent,
    /// Of the rows and steps that are looked at.
    y: ArrayD<f64>,
    gradients: Option<Named>,
}

/// How far a run is from the reference.
pub struct Verdict {
    pub outputs: Deviation,
    pub gradients: Option<Deviation>,
}

impl Case {
    /// # Errors
    /// Where a size is 0.
    pub fn new(shape: &Shape, is_training: bool) -> Result<Self> {
        let mut data = Data::new(&shape.problem()?)?;
        // A single step has the data of a stream.
        data.x = data.x.slice(s![..shape.seq_len, .., ..]).to_owned();
        let passes = if is_training { FORWARD_PASSES } else { 1 };
        let extent = Extent::new(data.weights.sizes(), data.x.dim(), passes)?;
        let x = extent.part(data.x.view());
        let inputs = reference::Inputs::new(x.view());
        let y = reference::forward(&data.weights, &inputs).y.into_dyn();
        let d_y = is_training.then(|| data.cotangent());
        let gradients = d_y.as_ref().map(|d_y| {
            let d_y = extent.part(d_y.view());
            let cotangents = reference::Cotangents { d_y: d_y.view(), d_h_n: None, d_c_n: None };
            let truth = reference::backward(&data.weights, &inputs, &cotangents);
            let mut d_x = Array3::zeros((extent.run, data.x.dim().1, data.x.dim().2));
            extent.put(&truth.d_x, &mut d_x);
            let layout = Layout { batched: true, batch_first: false };
            let mut named = gradients::of_reference(truth, layout, false);
            named.remove("d_h0");
            named.insert("d_input".into(), d_x.into_dyn());
            named
        });
        Ok(Case { data, d_y, extent, y, gradients })
    }

    /// Writes the files that peers read.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let weights = &self.data.weights;
        save(folder, WEIGHTS, tensors(weights), Some(metadata(weights)))?;
        let arrays = |x: ArrayD<f32>, d_y: Option<ArrayD<f32>>| {
            let d_y = d_y.map(|d_y| ("d_y".to_string(), d_y));
            [("x".to_string(), x)].into_iter().chain(d_y).collect()
        };
        let whole = |array: &Array3<f32>| array.clone().into_dyn();
        let timed = arrays(whole(&self.data.x), self.d_y.as_ref().map(whole));
        save(folder, TIMED, timed, None)?;
        let x = self.data.x.slice(s![..self.extent.run, .., ..]).to_owned().into_dyn();
        save(folder, VERIFIED, arrays(x, self.d_y.as_ref().map(|d_y| self.masked(d_y))), None)
    }

    /// Gradients are sums over all rows and steps: those that the reference is not asked about get a zero gradient of
    /// y, so that they add nothing.
    fn masked(&self, d_y: &Array3<f32>) -> ArrayD<f32> {
        let mut masked = Array3::zeros((self.extent.run, d_y.dim().1, d_y.dim().2));
        self.extent.put(&self.extent.part(d_y.view()), &mut masked);
        masked.into_dyn()
    }

    /// # Errors
    /// Where results are missing.
    pub fn compare(&self, results: &File) -> Result<Verdict> {
        let y = results.array::<Ix3>("y")?;
        let outputs = match (y.dim(), self.y_dim()) {
            (given, expected) if given == expected => {
                let part = self.extent.part(y.view()).mapv(f64::from);
                Deviation::of("y", &part.into_dyn(), &self.y)
            }
            (given, expected) => Deviation {
                error: f64::INFINITY,
                place: format!("y has shape {given:?}, expected {expected:?}"),
            },
        };
        let gradients = match &self.gradients {
            None => None,
            Some(expected) => {
                let names = results.names().filter(|name| *name != "y");
                let given =
                    names.map(|name| Ok((name.into(), results.tensor(name)?.mapv(f64::from))));
                Some(gradients::deviation(&given.collect::<Result<Named>>()?, expected))
            }
        };
        Ok(Verdict { outputs, gradients })
    }

    /// Of the run that is compared.
    fn y_dim(&self) -> (usize, usize, usize) {
        (self.extent.run, self.data.x.dim().1, self.data.weights.sizes().output_size())
    }

    /// Rows and steps that are compared.
    pub fn extent(&self) -> (usize, usize) {
        (self.extent.rows.len(), self.extent.seq_len)
    }
}

impl Verdict {
    pub fn is_within(&self, tolerance: Tolerance) -> bool {
        let is_close = |gradients: &Deviation| gradients.is_within(tolerance.gradients);
        self.outputs.is_within(tolerance.outputs) && self.gradients.as_ref().is_none_or(is_close)
    }

    /// Of what the run is for: gradients, or outputs.
    pub fn worst(self) -> Deviation {
        self.gradients.unwrap_or(self.outputs)
    }
}

/// # Errors
/// Where there is no such file of arrays.
pub fn read(folder: &Path, name: &str) -> Result<File> {
    Ok(wgpu_rnn::io::safetensors::open(folder.join(format!("{name}.safetensors")))?)
}

pub fn read_weights(folder: &Path) -> Result<Weights> {
    let model = read(folder, WEIGHTS)?;
    let cell = match model.metadata().get("reset_after").map(String::as_str) {
        Some(text) => Cell::Gru { reset_after: text == "true" },
        None => model.cell("")?,
    };
    Ok(model.weights("", cell)?)
}

pub type Arrays = Vec<(String, ArrayD<f32>)>;

pub fn save(
    folder: &Path,
    name: &str,
    arrays: Arrays,
    metadata: Option<HashMap<String, String>>,
) -> Result<()> {
    let path = folder.join(format!("{name}.safetensors"));
    let wrong = |reason: &dyn std::fmt::Display| Failure::file(&path, reason);
    let arrays: Arrays = arrays
        .into_iter()
        .map(|(name, array)| (name, array.as_standard_layout().into_owned()))
        .collect();
    let views = arrays.iter().map(|(name, array)| {
        let values = array.as_slice().unwrap_or_default();
        let bytes = bytemuck::cast_slice(values);
        Ok((name, TensorView::new(Dtype::F32, array.shape().to_vec(), bytes)?))
    });
    let views: Vec<_> =
        views.collect::<Result<_, safetensors::SafeTensorError>>().map_err(|e| wrong(&e))?;
    serialize_to_file(views, metadata, &path).map_err(|error| wrong(&error))
}

/// By the names that PyTorch has for them.
fn tensors(weights: &Weights) -> Arrays {
    let sizes = weights.sizes();
    let mut arrays = Arrays::new();
    for layer in 0..sizes.num_layers {
        for direction in 0..sizes.num_directions() {
            let Some(of) = weights.layer(layer, direction) else { continue };
            let suffix = if direction == 0 { "" } else { "_reverse" };
            let matrices = [("weight_ih", &of.w_ih), ("weight_hh", &of.w_hh)];
            let matrices = matrices.map(|(name, w)| (name, Some(w.clone().into_dyn())));
            let biases = [("bias_ih", &of.b_ih), ("bias_hh", &of.b_hh)];
            let biases = biases.map(|(name, b)| (name, b.clone().map(|b| b.into_dyn())));
            let there = matrices.into_iter().chain(biases);
            let there = there.filter_map(|(name, array)| Some((name, array?)));
            arrays.extend(there.map(|(name, array)| (format!("{name}_l{layer}{suffix}"), array)));
        }
    }
    arrays
}

/// What the tensors do not tell, and what saves Python from inferring it.
fn metadata(weights: &Weights) -> HashMap<String, String> {
    let sizes = weights.sizes();
    let cell = match sizes.cell {
        Cell::Lstm => "LSTM",
        Cell::Gru { .. } => "GRU",
        _ => "RNN",
    };
    let mut metadata = HashMap::from([
        ("cell".to_string(), cell.to_string()),
        ("num_layers".to_string(), sizes.num_layers.to_string()),
        ("bidirectional".to_string(), sizes.is_bidirectional().to_string()),
    ]);
    if let Cell::Gru { reset_after } = sizes.cell {
        metadata.insert("reset_after".into(), reset_after.to_string());
    }
    metadata
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use wgpu_rnn::ndarray::{Axis, Slice};

    use super::*;

    type Mistake<'a> = &'a dyn Fn(&mut ArrayD<f32>);

    const TOLERANCE: Tolerance = Tolerance { outputs: 1e-6, gradients: 1e-6 };

    /// A case of three rows, of which the middle one is not looked at, in a folder of its own.
    fn case(name: &str) -> (Case, PathBuf) {
        let folder = std::env::temp_dir().join(format!("peers-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        (Case::new(&"4,3,2,5,1".parse().unwrap(), true).unwrap(), folder)
    }

    /// What the reference gives to a peer's question.
    fn right_results(case: &Case, folder: &Path) -> Arrays {
        case.write(folder).unwrap();
        let weights = read_weights(folder).unwrap();
        let given = read(folder, VERIFIED).unwrap();
        let [x, d_y] = ["x", "d_y"].map(|name| given.array::<Ix3>(name).unwrap());
        let inputs = reference::Inputs::new(x.view());
        let cotangents = reference::Cotangents { d_y: d_y.view(), d_h_n: None, d_c_n: None };
        let gradients = reference::backward(&weights, &inputs, &cotangents);
        let layout = Layout { batched: true, batch_first: false };
        let mut named = gradients::of_reference(gradients, layout, false);
        named.remove("d_h0");
        named.insert("y".into(), reference::forward(&weights, &inputs).y.into_dyn());
        named.into_iter().map(|(name, array)| (name, array.mapv(|value| value as f32))).collect()
    }

    #[test]
    fn right_results_are_right_and_wrong_ones_are_not() {
        let (case, folder) = case("results");
        let right = right_results(&case, &folder);
        let verdict = |edit: &dyn Fn(&mut Arrays)| {
            let mut results = right.clone();
            edit(&mut results);
            save(&folder, "results", results, None).unwrap();
            case.compare(&read(&folder, "results").unwrap())
        };
        let is_right = |edit: &dyn Fn(&mut Arrays)| verdict(edit).unwrap().is_within(TOLERANCE);
        let array = |results: &mut Arrays, name: &str, edit: &dyn Fn(&mut ArrayD<f32>)| {
            results.iter_mut().filter(|(of, _)| of == name).for_each(|(_, array)| edit(array));
        };
        assert!(is_right(&|_| ()));
        let mistakes: [Mistake<'_>; 3] = [
            &|array| array.iter_mut().take(1).for_each(|value| *value += 1e-3),
            &|array| array.fill(f32::NAN),
            &|array| array.slice_axis_inplace(Axis(0), Slice::from(..-1)),
        ];
        for name in ["y", "d_input", "grad.weight_hh_l0", "grad.bias_ih_l0"] {
            for mistake in mistakes {
                assert!(!is_right(&|results| array(results, name, mistake)), "{name}");
            }
        }
        assert!(!is_right(&|results| results.retain(|(name, _)| name != "grad.weight_ih_l0")));
        assert!(verdict(&|results| results.retain(|(name, _)| name != "y")).is_err());
        // The row that nobody looks at.
        assert!(is_right(&|results| array(results, "y", &|array| array[[0, 1, 0]] += 1.0)));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
