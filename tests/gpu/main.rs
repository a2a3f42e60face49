//! The library on every adapter, against PyTorch and against the CPU reference. See TESTING.md.

#[path = "../common/mod.rs"]
mod common;

mod pytorch;
mod random;

use common::trials;

fn main() {
    trials::main([pytorch::tests(), random::tests()].into_iter().flatten().collect())
}
