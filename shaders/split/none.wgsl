// split/none.wgsl: an invocation has the whole sums of its units.

fn sum_parts(acc: ptr<function, Tile>, local: u32) {
}
