//! The file of winners: JSON, `{"wgpu-rnn tuning": 1, "devices": {device: {bucket: winner}}}`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Winner, Winners};
use crate::error::{Error, Result};
use crate::replace::replace;

/// The version of the format.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    /// Tells the file from others, that must not be overwritten.
    #[serde(rename = "wgpu-rnn tuning")]
    format: u32,
    /// Winners by bucket, of each device. Those of other devices, drivers and versions stay as they are.
    devices: BTreeMap<String, Value>,
}

/// The winners of a device; none where there is no file yet.
pub(super) fn read(path: &Path, device: &str) -> Result<Winners> {
    load(path)?.winners(device)
}

/// Adds a winner to what the file holds by now: another process may have added some. Readers see the whole old file
/// or the whole new one.
pub(super) fn add(path: &Path, device: &str, bucket: &str, winner: Winner) -> Result<()> {
    let mut contents = load(path)?;
    let mut winners = contents.winners(device)?;
    winners.insert(bucket.into(), winner);
    let section = serde_json::to_value(winners).map_err(invalid)?;
    contents.devices.insert(device.into(), section);
    let text = serde_json::to_string_pretty(&contents).map_err(invalid)?;
    save(path, &text).map_err(|source| Error::Io { path: path.display().to_string(), source })
}

fn save(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    replace(path, text.as_bytes())
}

fn load(path: &Path) -> Result<Contents> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Contents { format: FORMAT, devices: BTreeMap::new() });
        }
        Err(source) => return Err(Error::Io { path: path.display().to_string(), source }),
    };
    let contents: Contents = serde_json::from_str(&text).map_err(invalid)?;
    match contents.format {
        FORMAT => Ok(contents),
        other => Err(invalid(format!("its format is {other}, this version knows {FORMAT}"))),
    }
}

fn invalid(reason: impl ToString) -> Error {
    Error::Format { format: "tuning file", reason: reason.to_string() }
}

impl Contents {
    fn winners(&self, device: &str) -> Result<Winners> {
        let section = self.devices.get(device);
        section.map_or(Ok(Winners::new()), |winners| Winners::deserialize(winners).map_err(invalid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Options, Schedule};

    fn winner(rows: u32) -> Winner {
        let schedule = Some(Schedule::SequenceFused);
        let forced = Options { schedule, rows: Some(rows), ..Default::default() };
        Winner { forced, speedup: 1.25 }
    }

    #[test]
    fn winners_come_back_by_device() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new folder").join("tuning.json");
        assert!(read(&path, "a").unwrap().is_empty());
        add(&path, "a", "small", winner(1)).unwrap();
        add(&path, "b", "small", winner(2)).unwrap();
        add(&path, "a", "large", winner(4)).unwrap();
        add(&path, "a", "small", winner(8)).unwrap();
        let of = |winners: &[(&str, u32)]| -> Winners {
            winners.iter().map(|(bucket, rows)| (bucket.to_string(), winner(*rows))).collect()
        };
        assert_eq!(read(&path, "a").unwrap(), of(&[("large", 4), ("small", 8)]));
        assert_eq!(read(&path, "b").unwrap(), of(&[("small", 2)]));
        assert!(read(&path, "c").unwrap().is_empty());
        // Nothing else is left behind.
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_tuning_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tuning.json");
        let cut = r#"{"wgpu-rnn tuning": 1, "devices": {"a": {"sm"#;
        let later = r#"{"wgpu-rnn tuning": 2, "devices": {}}"#;
        let other = r#"{"layers": 3, "devices": {}}"#;
        let misfit = r#"{"wgpu-rnn tuning": 1, "devices": {"a": {"small": {"rows": "all"}}}}"#;
        let schedule = r#"{"wgpu-rnn tuning": 1, "devices": {"a": {"small": {"schedule": "x", "speedup": 1}}}}"#;
        for text in [cut, later, other, misfit, schedule, "", "\0"] {
            std::fs::write(&path, text).unwrap();
            for result in [read(&path, "a").map(drop), add(&path, "a", "small", winner(1))] {
                let is_named =
                    matches!(result, Err(Error::Format { format, .. }) if format == "tuning file");
                assert!(is_named, "{text}");
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        // What a later version says of its own devices does not matter.
        std::fs::write(&path, misfit).unwrap();
        add(&path, "b", "small", winner(1)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""rows": "all""#), "{text}");
    }

    #[test]
    fn folders_are_not_files() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path(), "a"), Err(Error::Io { .. })));
        let below = folder.path().join("file");
        std::fs::write(&below, "").unwrap();
        let result = add(&below.join("tuning.json"), "a", "small", winner(1));
        assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
    }
}
