// advance/streamed.wgsl: weights are read anew in every step.

fn prepare(place: Place, local: u32) {
}
