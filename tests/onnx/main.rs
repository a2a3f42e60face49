//! ONNX files: their graphs on every adapter, and files that are not what they should be.

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod fixtures;

use common::trials::{self, GpuTest};

fn main() {
    let mut tests = Vec::new();
    for folder in fixtures::folders() {
        let name = format!("fixture {}", fixtures::name(&folder));
        tests.push(GpuTest::new(name, move |gpu| fixtures::case(gpu, &folder)));
    }
    trials::main(tests)
}
