//! ONNX files: their graphs on every adapter.

mod build;
mod chains;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod fixtures;
mod inputs;
mod nodes;

use common::trials::{self, GpuTest};

fn main() {
    let mut tests = nodes::tests();
    tests.extend(chains::tests());
    tests.extend(inputs::tests());
    for folder in fixtures::folders() {
        let name = format!("fixture {}", fixtures::name(&folder));
        tests.push(GpuTest::new(name, move |gpu| fixtures::case(gpu, &folder)));
    }
    trials::main(tests)
}
