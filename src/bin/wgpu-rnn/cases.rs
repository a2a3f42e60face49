//! Fixture files: weights, inputs and the results that another implementation got.

use std::path::{Path, PathBuf};

use wgpu_rnn::io::safetensors::File;
use wgpu_rnn::ndarray::{ArrayD, ArrayView3};
use wgpu_rnn::{Problem, Weights};

use crate::failure::{Failure, Result};
use crate::files::open_safetensors;
use crate::graph_case::{self, GraphCase};
use crate::keras_case::KerasCase;
use crate::layout::Layout;
use crate::{compare, gradients};

/// A case with all it takes to run it, its arguments checked against each other.
pub struct Case {
    pub weights: Weights,
    /// The input and the initial states (none is zero), laid out as in the file.
    pub input: ArrayD<f32>,
    pub h0: Option<ArrayD<f32>>,
    pub c0: Option<ArrayD<f32>>,
    pub lengths: Option<Vec<usize>>,
    pub layout: Layout,
    /// The results, laid out as in the file.
    pub output: ArrayD<f64>,
    pub h_n: ArrayD<f64>,
    /// None for a cell without c.
    pub c_n: Option<ArrayD<f64>>,
    pub tolerance: f64,
    /// Where the file has gradients.
    pub training: Option<Training>,
}

impl Case {
    /// Whether inputs are far from 1, so that pre-activations are off by as much more.
    pub fn has_large_inputs(&self) -> bool {
        self.tolerance > compare::TOLERANCE
    }
}

/// What a backward pass starts from and should give, laid out as in the file.
pub struct Training {
    /// The gradient of y.
    pub d_y: ArrayD<f32>,
    pub d_h_n: ArrayD<f32>,
    /// None for a cell without c.
    pub d_c_n: Option<ArrayD<f32>>,
    /// All that the file has, which may not be all that it should have.
    pub gradients: gradients::Named,
}

/// A case of its own name.
pub struct Fixture {
    pub name: String,
    pub case: Kind,
}

/// What a fixture is a case of.
pub enum Kind {
    /// A stack of recurrent layers, from PyTorch.
    Stack(Box<Case>),
    /// An ONNX graph.
    Graph(GraphCase),
    /// A model of Keras.
    Keras(KerasCase),
}

impl Fixture {
    /// Whether it has gradients to check.
    pub fn is_trained(&self) -> bool {
        matches!(&self.case, Kind::Stack(case) if case.training.is_some())
    }
}

const VERSION: &str = "1";

/// The fixtures that are or lie below `paths`, those of a folder in the order of their names.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Fixture>> {
    let mut fixtures = Vec::new();
    for path in paths {
        let before = fixtures.len();
        if path.is_dir() {
            let mut found = Vec::new();
            collect(path, &mut found)?;
            found.sort();
            for path in found {
                read(&path, false, &mut fixtures)?;
            }
        } else {
            read(path, true, &mut fixtures)?;
        }
        if fixtures.len() == before {
            return Err(Failure::file(path, "no fixtures here"));
        }
    }
    Ok(fixtures)
}

/// Safetensors that are no fixtures are passed over, unless they have been named.
fn read(path: &Path, is_named: bool, fixtures: &mut Vec<Fixture>) -> Result<()> {
    if GraphCase::is_in(path) {
        fixtures.extend(GraphCase::read(path)?);
        return Ok(());
    }
    if KerasCase::is_in(path) {
        let case = KerasCase::read(path)?;
        fixtures.push(Fixture { name: case.name.clone(), case: Kind::Keras(case) });
        return Ok(());
    }
    let model = open_safetensors(path)?;
    if is_named || model.metadata().contains_key("fixture_version") {
        fixtures.push(Reader { path, model: &model }.fixture()?);
    }
    Ok(())
}

/// The safetensors files, the models with test data and those of Keras with tensors beside them below a folder, itself among them. Links to folders are not
/// followed: they may lead in a circle.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let failure = |error: std::io::Error| Failure::file(folder, error);
    if GraphCase::is_in(&folder.join(graph_case::MODEL)) {
        found.push(folder.join(graph_case::MODEL));
    }
    for entry in folder.read_dir().map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let path = entry.path();
        if entry.file_type().map_err(failure)?.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "safetensors")
            || KerasCase::is_in(&path)
        {
            found.push(path);
        }
    }
    Ok(())
}

struct Reader<'a> {
    path: &'a Path,
    model: &'a File,
}

impl Reader<'_> {
    fn fixture(&self) -> Result<Fixture> {
        match self.text("fixture_version")? {
            VERSION => {}
            other => {
                let reason = format!("fixture_version is {other}, expected {VERSION}");
                return Err(self.broken(reason));
            }
        }
        let stem = || self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = self.model.metadata().get("case").cloned().unwrap_or_else(stem);
        Ok(Fixture { name, case: Kind::Stack(Box::new(self.case()?)) })
    }

    fn weights(&self) -> Result<Weights> {
        let weights = match self.text("cell")? {
            "LSTM" => self.model.lstm(""),
            "GRU" => self.model.gru(""),
            "RNN" => self.model.rnn(""),
            other => return Err(self.broken(format!("`cell` is {other}"))),
        };
        let weights = weights.and_then(|weights| match self.text("nonlinearity") {
            Ok("relu") => weights.with_relu(),
            _ => Ok(weights),
        });
        weights.map_err(|error| self.broken(error))
    }

    fn lengths(&self, batch: usize, seq_len: usize) -> Result<Option<Vec<usize>>> {
        if !self.flag("packed")? {
            return Ok(None);
        }
        let lengths = self.model.integers("lengths").map_err(|error| self.broken(error))?;
        let checked: Option<Vec<usize>> = lengths.iter().map(|n| (*n).try_into().ok()).collect();
        match checked.filter(|n| n.len() == batch && n.iter().all(|n| *n <= seq_len)) {
            Some(lengths) => Ok(Some(lengths)),
            None => Err(self.broken(format!("`lengths` is {lengths:?}"))),
        }
    }

    fn case(&self) -> Result<Case> {
        let weights = self.weights()?;
        let batched = self.flag("batched")?;
        // Without a batch there is nothing that could come first.
        let layout = Layout { batched, batch_first: batched && self.flag("batch_first")? };
        let input = self.array("input")?;
        let sizes = weights.sizes();
        let has_state = self.flag("has_initial_state")?;
        let state = |name, is_there: bool| is_there.then(|| self.array(name)).transpose();
        let (h0, c0) = (state("h0", has_state)?, state("c0", has_state && sizes.cell.has_c())?);
        let x = layout.sequence(&input).map_err(|error| self.broken(error))?;
        let (seq_len, batch, _) = x.dim();
        let problem = Problem::new(sizes, seq_len, batch, false);
        let problem = problem.map_err(|error| self.broken(error))?;
        self.check_shape("input", x, problem.x_shape())?;
        self.check_state("h0", h0.as_ref(), layout, problem.h_shape())?;
        self.check_state("c0", c0.as_ref(), layout, problem.c_shape())?;
        let lengths = self.lengths(batch, seq_len)?;
        let has_gradients = self.flag("has_grad")?;
        let training = has_gradients.then(|| self.training(&problem, layout)).transpose()?;
        let is_large = self.text("input_scale")? == "100";
        let expected = |name| Ok::<_, Failure>(self.array(name)?.mapv(f64::from));
        Ok(Case {
            weights,
            input,
            h0,
            c0,
            lengths,
            layout,
            output: expected("output")?,
            h_n: expected("h_n")?,
            c_n: sizes.cell.has_c().then(|| expected("c_n")).transpose()?,
            tolerance: if is_large { compare::TOLERANCE_LARGE_INPUTS } else { compare::TOLERANCE },
            training,
        })
    }

    fn training(&self, problem: &Problem, layout: Layout) -> Result<Training> {
        let has_c = problem.sizes.cell.has_c();
        let (d_y, d_h_n) = (self.array("cot_output")?, self.array("cot_h_n")?);
        let d_c_n = has_c.then(|| self.array("cot_c_n")).transpose()?;
        let sequence = layout.sequence(&d_y).map_err(|error| self.broken(error))?;
        self.check_shape("cot_output", sequence, problem.y_shape())?;
        self.check_state("cot_h_n", Some(&d_h_n), layout, problem.h_shape())?;
        self.check_state("cot_c_n", d_c_n.as_ref(), layout, problem.c_shape())?;
        let is_gradient = |name: &&str| {
            ["d_input", "d_h0", "d_c0"].contains(name)
                || name.starts_with(&gradients::of_weight(""))
        };
        let gradients = self.model.names().filter(is_gradient);
        let gradients = gradients.map(|name| Ok((name.into(), self.array(name)?.mapv(f64::from))));
        Ok(Training { d_y, d_h_n, d_c_n, gradients: gradients.collect::<Result<_>>()? })
    }

    fn array(&self, name: &str) -> Result<ArrayD<f32>> {
        self.model.tensor(name).map_err(|error| self.broken(error))
    }

    fn text(&self, key: &str) -> Result<&str> {
        let value = self.model.metadata().get(key);
        value.map(String::as_str).ok_or_else(|| self.broken(format!("no `{key}` in its metadata")))
    }

    fn flag(&self, key: &str) -> Result<bool> {
        self.text(key)?
            .parse()
            .map_err(|_| self.broken(format!("`{key}` is neither true nor false")))
    }

    fn check_state(
        &self,
        name: &str,
        array: Option<&ArrayD<f32>>,
        layout: Layout,
        expected: [usize; 3],
    ) -> Result<()> {
        let Some(array) = array else { return Ok(()) };
        let array = layout.state(array).map_err(|error| self.broken(error))?;
        self.check_shape(name, array, expected)
    }

    fn check_shape(&self, name: &str, array: ArrayView3<f32>, expected: [usize; 3]) -> Result<()> {
        let given = array.shape();
        if given == expected {
            return Ok(());
        }
        Err(self.broken(format!("`{name}` has shape {given:?}, expected {expected:?}")))
    }

    fn broken(&self, reason: impl std::fmt::Display) -> Failure {
        Failure::file(self.path, reason)
    }
}
