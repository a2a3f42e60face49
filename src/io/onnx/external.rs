//! Tensors whose data lie in files beside the model.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::invalid;
use super::proto::StringStringEntryProto;
use crate::error::{Error, Result};

/// The folder of a model, which its external data may not leave.
pub(super) struct Folder(Option<PathBuf>);

impl Folder {
    /// Of a model that has none: external data are refused.
    pub fn none() -> Self {
        Folder(None)
    }

    pub fn new(path: &Path) -> Self {
        Folder(Some(path.to_path_buf()))
    }

    /// The `bytes` of tensor `name` that these entries point to.
    pub fn read(
        &self,
        name: &str,
        entries: &[StringStringEntryProto],
        bytes: usize,
    ) -> Result<Vec<u8>> {
        let misfit =
            |reason: String| invalid(format!("external data of tensor `{name}`: {reason}"));
        let text = |key: &str| {
            let entry = entries.iter().find(|entry| entry.key.as_deref() == Some(key));
            entry.and_then(|entry| entry.value.as_deref())
        };
        let number = |key: &str| {
            let parsed = text(key).map(|text| text.parse::<u64>().map_err(|_| text));
            parsed.transpose().map_err(|text| misfit(format!("{key} is `{text}`")))
        };
        let location = text("location").ok_or_else(|| misfit("has no location".into()))?;
        let path = self.inside(location).map_err(misfit)?;
        let offset = number("offset")?.unwrap_or(0);
        if let Some(length) = number("length")?.filter(|length| *length != bytes as u64) {
            return Err(misfit(format!("length is {length}, its dims take {bytes} bytes")));
        }
        let failure = |source| Error::Io { path: path.display().to_string(), source };
        let mut file = File::open(&path).map_err(failure)?;
        let size = file.metadata().map_err(failure)?.len();
        // Before anything is allocated.
        if offset.checked_add(bytes as u64).is_none_or(|end| end > size) {
            let reason =
                format!("{bytes} bytes from {offset} are more than the {size} of `{location}`");
            return Err(misfit(reason));
        }
        let mut data = vec![0; bytes];
        file.seek(SeekFrom::Start(offset)).map_err(failure)?;
        file.read_exact(&mut data).map_err(failure)?;
        Ok(data)
    }

    /// The file of this name, which has to be in the folder: links are followed before that is checked.
    fn inside(&self, location: &str) -> Result<PathBuf, String> {
        let outside = || format!("`{location}` is outside of the model's folder");
        let Some(folder) = &self.0 else {
            return Err(format!("`{location}` is nowhere: the model has no folder"));
        };
        let is_plain =
            |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !Path::new(location).components().all(is_plain) {
            return Err(outside());
        }
        let unreadable = |error: std::io::Error| format!("`{location}`: {error}");
        let folder = folder.canonicalize().map_err(unreadable)?;
        let path = folder.join(location).canonicalize().map_err(unreadable)?;
        if path.starts_with(&folder) && path.is_file() { Ok(path) } else { Err(outside()) }
    }
}
