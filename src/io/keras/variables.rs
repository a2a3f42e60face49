//! The variables of a `.weights.h5`: HDF5 datasets of floats, by their paths.

use half::f16;
use hdf5_reader::error::Error as Hdf5Error;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};
use ndarray::{Array, Dimension, IxDyn};

use super::archive::inflated_at_most;
use crate::error::{Error, Result};

#[derive(Clone)]
pub(super) struct Variables {
    file: Hdf5File,
}

/// How a float lies in its bytes, as a datatype message of HDF5 says it from its ninth byte on: bit offset, precision,
/// exponent's place and size, mantissa's place and size, exponent's bias.
const F32: [u8; 12] = [0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
const F16: [u8; 12] = [0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0];

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variables").finish_non_exhaustive()
    }
}

impl Variables {
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let (length, most) = (bytes.len() as u64, inflated_at_most(bytes.len()));
        let options = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_read_bytes(most)
            .with_max_chunk_bytes(most);
        let file =
            Hdf5File::from_vec_with_options(bytes, options).map_err(|error| bad("", error))?;
        let end = file.superblock().eof_address;
        if end > length {
            let reason = format!("truncated: {length} bytes of {end}");
            return Err(Error::Format { format: "HDF5", reason });
        }
        Ok(Variables { file })
    }

    /// The names of the groups in a group, sorted; none where it is not there.
    pub fn groups(&self, path: &str) -> Result<Vec<String>> {
        self.members(path).map(|(groups, _)| groups)
    }

    pub fn shape(&self, path: &str) -> Result<Vec<usize>> {
        shape(&self.dataset(path)?)
    }

    /// How many datasets there are in a group; none where it is not there.
    pub fn count(&self, path: &str) -> Result<usize> {
        self.members(path).map(|(_, datasets)| datasets.len())
    }

    /// An array with a certain number of axes. F16 becomes F32.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorDtype`], [`Error::Shape`], or [`Error::Format`] where the file does not
    /// hold what it says.
    pub fn array<D: Dimension>(&self, path: &str) -> Result<Array<f32, D>> {
        let dataset = self.dataset(path)?;
        let shape = shape(&dataset)?;
        let axes = D::NDIM.unwrap_or(shape.len());
        if shape.len() != axes {
            return Err(Error::shape(path, format!("{axes} axes"), &shape));
        }
        let values = floats(path, &dataset)?;
        let array = Array::from_shape_vec(IxDyn(&shape), values)
            .and_then(Array::into_dimensionality)
            .map_err(|error| Error::Format {
                format: "HDF5",
                reason: format!("{path}: {error}"),
            })?;
        Ok(array)
    }

    /// What Keras calls the layer of a group, where the file says so.
    pub fn layer_name(&self, group: &str) -> Option<String> {
        let group = self.file.group(&format!("{group}/vars")).ok()?;
        group.attribute("name").ok()?.read_string().ok()
    }

    fn dataset(&self, path: &str) -> Result<Dataset> {
        let failure =
            |error| if is_missing(&error) { self.missing(path) } else { bad(path, error) };
        self.file.dataset(path).map_err(failure)
    }

    /// The groups and the datasets of a group.
    fn members(&self, path: &str) -> Result<(Vec<String>, Vec<String>)> {
        let members = self.file.group(path).and_then(|group| group.member_names());
        let (mut groups, datasets) = match members {
            Err(error) if is_missing(&error) => return Ok(Default::default()),
            members => members.map_err(|error| bad(path, error))?,
        };
        groups.sort();
        Ok((groups, datasets))
    }

    fn missing(&self, path: &str) -> Error {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let (groups, datasets) = self.members(parent).unwrap_or_default();
        let there = [groups, datasets].concat().join(", ");
        let available = if there.is_empty() { String::from("nothing there") } else { there };
        Error::MissingTensor { name: path.into(), available }
    }
}

fn shape(dataset: &Dataset) -> Result<Vec<usize>> {
    let overflow = || Error::Overflow { what: format!("`{}`", dataset.name()) };
    dataset.shape().iter().map(|n| usize::try_from(*n).map_err(|_| overflow())).collect()
}

fn floats(path: &str, dataset: &Dataset) -> Result<Vec<f32>> {
    let message = dataset.raw_datatype().map_err(|error| bad(path, error))?;
    let bytes = || dataset.read_native_bytes().map_err(|error| bad(path, error));
    match (dataset.dtype(), message.get(8..20)) {
        (Datatype::FloatingPoint { size: 4, .. }, Some(layout)) if layout == F32 => {
            Ok(bytes()?.as_chunks().0.iter().map(|word| f32::from_ne_bytes(*word)).collect())
        }
        (Datatype::FloatingPoint { size: 2, .. }, Some(layout)) if layout == F16 => {
            let words = bytes()?;
            Ok(words.as_chunks().0.iter().map(|word| f16::from_ne_bytes(*word).to_f32()).collect())
        }
        (datatype, _) => {
            let given = dtype_name(datatype);
            Err(Error::TensorDtype { name: path.into(), given })
        }
    }
}

fn dtype_name(datatype: &Datatype) -> String {
    match datatype {
        Datatype::FixedPoint { size, signed: true, .. } => format!("I{}", u32::from(*size) * 8),
        Datatype::FixedPoint { size, .. } => format!("U{}", u32::from(*size) * 8),
        Datatype::FloatingPoint { size: 8, .. } => "F64".into(),
        Datatype::FloatingPoint { size, .. } => format!("a float of {size} bytes"),
        _ => "no number".into(),
    }
}

fn is_missing(error: &Hdf5Error) -> bool {
    match error {
        Hdf5Error::DatasetNotFound(_) | Hdf5Error::GroupNotFound(_) => true,
        Hdf5Error::Context { source, .. } => is_missing(source),
        _ => false,
    }
}

fn bad(path: &str, error: Hdf5Error) -> Error {
    match error {
        // It says the path, too.
        Hdf5Error::Context { source, .. } => bad(path, *source),
        error => {
            let reason =
                if path.is_empty() { error.to_string() } else { format!("{path}: {error}") };
            Error::Format { format: "HDF5", reason }
        }
    }
}
