//! The library on every adapter, against PyTorch and against the CPU reference. See TESTING.md.

#[path = "../common/mod.rs"]
mod common;

mod backward;
mod controls;
mod encode;
mod errors;
mod formats;
mod futures;
mod inputs;
#[cfg(feature = "keras")]
mod keras;
mod linear;
mod lost;
mod model;
mod pool;
mod pytorch;
mod random;
mod reuse;
mod rows;
mod schedules;
mod stream;
mod threads;
mod tune;

use common::trials;

fn main() {
    let tests = [
        pytorch::tests(),
        schedules::tests(),
        backward::tests(),
        random::tests(),
        formats::tests(),
        rows::tests(),
        stream::tests(),
        encode::tests(),
        futures::tests(),
        inputs::tests(),
        linear::tests(),
        model::tests(),
        pool::tests(),
        threads::tests(),
        tune::tests(),
        reuse::tests(),
        #[cfg(feature = "keras")]
        keras::tests(),
        errors::tests(),
        lost::tests(),
        controls::tests(),
    ];
    trials::main(tests.into_iter().flatten().collect())
}
