//! Files in and out: models, and arrays as npy or csv.

use std::path::Path;

use ndarray_npy::{ReadNpyError, read_npy, write_npy};
use wgpu_rnn::io::safetensors::{self, File};
use wgpu_rnn::ndarray::{Array2, ArrayD, Ix2};

use crate::failure::{Failure, Result};
use crate::model_file;

pub fn open_safetensors(path: &Path) -> Result<File> {
    safetensors::open(path).map_err(|error| model_file::failure(path, error))
}

/// `prefix`, or that of the file's only recurrent stack.
pub fn only_stack(path: &Path, model: &File, prefix: Option<&str>) -> Result<String> {
    let prefixes: Vec<&str> = model.prefixes().collect();
    let prefix = match (prefix, prefixes.as_slice()) {
        (Some(prefix), _) => prefix,
        (None, [only]) => only,
        (None, []) => return Err(Failure::file(path, "no recurrent layers (no `*weight_ih_l0`)")),
        (None, several) => {
            let names = several.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>();
            let reason = format!("several stacks: choose one with --prefix {}", names.join(" or "));
            return Err(Failure::file(path, reason));
        }
    };
    Ok(prefix.to_string())
}

/// How an array lies in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ArrayFormat {
    Npy,
    /// One time step a line.
    Csv,
}

impl ArrayFormat {
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => Ok(ArrayFormat::Npy),
            Some("csv") => Ok(ArrayFormat::Csv),
            _ => Err(Failure::file(path, "expected a name that ends in .npy or .csv")),
        }
    }
}

pub fn read_array(path: &Path) -> Result<ArrayD<f32>> {
    match ArrayFormat::of(path)? {
        ArrayFormat::Npy => read_floats(path),
        ArrayFormat::Csv => Ok(read_csv(path)?.into_dyn()),
    }
}

pub fn read_integers(path: &Path) -> Result<ArrayD<i64>> {
    let array = read_npy(path).or_else(|error| match error {
        ReadNpyError::WrongDescriptor(_) => {
            read_npy(path).map(|narrow: ArrayD<i32>| narrow.mapv(i64::from))
        }
        other => Err(other),
    });
    array.map_err(|error| match error {
        ReadNpyError::Io(error) => Failure::file(path, error),
        ReadNpyError::WrongDescriptor(given) => {
            Failure::file(path, format!("has dtype {given}, expected i64 or i32"))
        }
        other => Failure::file(path, other),
    })
}

/// Whether such a file can hold an array of so many axes.
pub fn check_axes(path: &Path, axes: usize) -> Result<()> {
    if axes == 2 || ArrayFormat::of(path)? == ArrayFormat::Npy {
        return Ok(());
    }
    Err(Failure::file(path, format!("csv holds two axes, the array has {axes}: use .npy")))
}

pub fn write_array(path: &Path, array: &ArrayD<f32>) -> Result<()> {
    match ArrayFormat::of(path)? {
        ArrayFormat::Npy => write_npy(path, array).map_err(|error| Failure::file(path, error)),
        ArrayFormat::Csv => write_csv(path, array),
    }
}

fn read_floats(path: &Path) -> Result<ArrayD<f32>> {
    let array = read_npy(path).or_else(|error| match error {
        ReadNpyError::WrongDescriptor(_) => {
            read_npy(path).map(|wide: ArrayD<f64>| wide.mapv(|value| value as f32))
        }
        other => Err(other),
    });
    array.map_err(|error| match error {
        ReadNpyError::Io(error) => Failure::file(path, error),
        ReadNpyError::WrongDescriptor(given) => {
            Failure::file(path, format!("has dtype {given}, expected f32 or f64"))
        }
        other => Failure::file(path, other),
    })
}

/// A first line that holds no number is a header.
fn read_csv(path: &Path) -> Result<Array2<f32>> {
    let bad = |reason: String| Failure::file(path, reason);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| Failure::file(path, error))?;
    let (mut values, mut columns) = (Vec::new(), 0);
    for (line, record) in reader.records().enumerate() {
        let record = record.map_err(|error| Failure::file(path, error))?;
        let is_header = line == 0 && record.iter().all(|field| field.parse::<f32>().is_err());
        columns = record.len();
        if is_header {
            continue;
        }
        for (field, text) in record.iter().enumerate() {
            let place = || format!("line {}, field {}", line + 1, field + 1);
            let value = text.parse::<f32>();
            values.push(value.map_err(|_| bad(format!("{}: `{text}` is no number", place())))?);
        }
    }
    if values.is_empty() {
        return Err(bad("holds no numbers".into()));
    }
    Array2::from_shape_vec((values.len() / columns, columns), values)
        .map_err(|error| Failure::file(path, error))
}

fn write_csv(path: &Path, array: &ArrayD<f32>) -> Result<()> {
    let failure = |error: csv::Error| Failure::file(path, error);
    check_axes(path, array.ndim())?;
    let rows = array.view().into_dimensionality::<Ix2>();
    let rows = rows.map_err(|error| Failure::file(path, error))?;
    let mut writer = csv::Writer::from_path(path).map_err(failure)?;
    for row in rows.rows() {
        writer.write_record(row.iter().map(f32::to_string)).map_err(failure)?;
    }
    writer.flush().map_err(|error| Failure::file(path, error))
}
