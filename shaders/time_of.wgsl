// time_of.wgsl: which time step of a sequence a row of a matrix is.

// The time step that is a row's step; beyond its length, the step itself.
fn time_of(step: u32, row: u32, z: u32) -> u32 {
    let length = length_of(row);
    let is_reverse = ((params.reverse >> z) & 1u) != 0u;
    return select(step, length - 1u - step, is_reverse && step < length);
}
