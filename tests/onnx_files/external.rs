//! External data: only those beside the model are read.

use std::path::PathBuf;

use wgpu_rnn::Error;
use wgpu_rnn::io::onnx::proto::{DataLocation, StringStringEntryProto};
use wgpu_rnn::io::onnx::{from_bytes, open};

use crate::build::Graph;
use crate::{initializer, read, sound};

/// An empty folder for a test's files.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("onnx").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn external(graph: &mut Graph, entries: &[(&str, &str)]) -> Vec<u8> {
    let w = initializer(graph, 0);
    let data = w.raw_data.take().unwrap();
    w.data_location = Some(DataLocation::External as i32);
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some(key.to_string()),
        value: Some(value.to_string()),
    };
    w.external_data = entries.iter().map(entry).collect();
    data
}

#[test]
fn external_data_stay_in_the_folder() {
    let parent = folder("external");
    let folder = parent.join("model");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    let path = folder.join("model.onnx");
    let write = |entries: &[(&str, &str)]| {
        let mut graph = sound();
        let data = external(&mut graph, entries);
        std::fs::write(&path, graph.bytes()).unwrap();
        data
    };
    let data = write(&[("location", "sub/w.bin"), ("offset", "3"), ("length", "72")]);
    let padded = [&[9, 9, 9][..], &data, &[9]].concat();
    std::fs::write(folder.join("sub/w.bin"), &padded).unwrap();
    std::fs::write(parent.join("w.bin"), &padded).unwrap();
    let expected = read(&sound()).unwrap().weights().unwrap();
    assert_eq!(open(&path).unwrap().weights().unwrap(), expected);
    // The bytes alone have no folder.
    let bytes = std::fs::read(&path).unwrap();
    assert!(matches!(from_bytes(&bytes, None), Err(Error::Format { .. })));
    assert_eq!(from_bytes(&bytes, Some(&folder)).unwrap().weights().unwrap(), expected);

    let absolute = parent.join("w.bin").display().to_string();
    let inside = folder.join("sub/w.bin").display().to_string();
    for location in ["../w.bin", "sub/../../w.bin", "..", "", &absolute, &inside, "sub"] {
        write(&[("location", location), ("offset", "3")]);
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("outside of the model's folder"), "{location}: {error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(parent.join("w.bin"), folder.join("link.bin")).unwrap();
        std::os::unix::fs::symlink(&parent, folder.join("up")).unwrap();
        for location in ["link.bin", "up/w.bin"] {
            write(&[("location", location), ("offset", "3")]);
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("outside of the model's folder"), "{location}: {error}");
        }
    }
    let good = ("location", "sub/w.bin");
    for (entries, words) in [
        (&[][..], "no location"),
        (&[good, ("offset", "5")], "are more than the 76"),
        (&[good, ("offset", "18446744073709551615")], "are more than the 76"),
        (&[good, ("offset", "-1")], "offset is `-1`"),
        (&[good, ("length", "4")], "length is 4"),
        (&[("location", "none.bin")], "none.bin"),
    ] {
        write(entries);
        let error = open(&path).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    // Dims beyond what the file holds are noticed before anything is allocated.
    let mut graph = sound();
    external(&mut graph, &[good]);
    initializer(&mut graph, 0).dims = vec![1, 1 << 40, 1 << 10];
    std::fs::write(&path, graph.bytes()).unwrap();
    assert!(open(&path).unwrap_err().to_string().contains("are more than"));
    assert!(matches!(open(folder.join("nothing.onnx")), Err(Error::Io { .. })));
}
