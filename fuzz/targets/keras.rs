//! Bytes as a `.keras` file, and as the config.json of one whose other files are right: checksums keep most changed
//! bytes of an archive from ever being read.

#![no_main]

use std::io::{Cursor, Write};

use libfuzzer_sys::fuzz_target;
use wgpu_rnn::Result;
use wgpu_rnn::io::keras;
use zip::write::SimpleFileOptions;

const WEIGHTS: &[u8] = include_bytes!("../seeds/weights_h5/latest.weights.h5");

fn ask(bytes: &[u8]) -> Result<()> {
    let keras = keras::from_bytes(bytes)?;
    let _ = keras.outputs().count();
    let names: Vec<String> = keras.layers().map(|(name, _)| name.to_string()).take(8).collect();
    names.iter().for_each(|name| drop(keras.weights_to(name)));
    keras.weights().map(drop)
}

fn archive(config: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [("config.json", config), ("model.weights.h5", WEIGHTS)] {
        zip.start_file(name, stored)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fuzz_target!(|bytes: &[u8]| {
    let _ = ask(bytes);
    let _ = ask(&archive(bytes).expect("an archive in memory"));
});
