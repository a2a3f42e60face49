//! The zip archive that a `.keras` file is.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{Error, Result};

/// How much of a file may come out of so many bytes. Deflate packs a thousand zeros into one byte, but floats that were
/// trained hardly shrink at all: what grows by more was made to fill the memory.
pub(super) fn inflated_at_most(bytes: usize) -> usize {
    const FACTOR: usize = 64;
    const SMALL: usize = 1 << 20;
    bytes.saturating_mul(FACTOR).saturating_add(SMALL)
}

/// A file of the archive, whole, of so many bytes at most. Nothing else of it is looked at, and nothing is written anywhere.
pub(super) fn member(archive: &[u8], name: &str, most: usize) -> Result<Vec<u8>> {
    let bad = |error: &dyn std::fmt::Display| {
        let reason = format!("`{name}` in the archive: {error}");
        Error::Format { format: "Keras", reason }
    };
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(|error| {
        let reason = format!("no zip archive: {error}");
        Error::Format { format: "Keras", reason }
    })?;
    let file = zip.by_name(name).map_err(|error| match error {
        ZipError::FileNotFound => bad(&"not there"),
        error => bad(&error),
    })?;
    let most = most.min(inflated_at_most(archive.len()));
    let mut bytes = Vec::new();
    // One more than there may be tells too many from just enough.
    let read = file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| bad(&error))?;
    if read > most {
        return Err(bad(&format!("more than {most} bytes, of {} packed ones", archive.len())));
    }
    Ok(bytes)
}
