// phase_backward/second.wgsl: the second phase of a step of step_backward.wgsl in two (unit_backward/*.wgsl). After the
//      last step of all there is none, and its dispatch, if any, changes nothing.

fn phase_matrix(slice: BackwardSlice) -> Matrix {
    return second_matrix(slice);
}

fn phase_words() -> u32 {
    return second_words();
}

fn phase_word(z: u32, next_step: u32, row: u32, j: u32) -> Gates {
    return second_word(exchange_at(z, next_step - 1u, row), j);
}

fn has_product(next_step: u32, longest: u32) -> bool {
    return next_step > params.first_step && next_step <= longest;
}

fn finish(z: u32, next_step: u32, row: u32, unit: u32, sum: f32) {
    if (next_step == params.first_step) {
        return;
    }
    let slice = params.slices[z];
    let h_at = slice.carry_h + row * params.recurrent_size + unit;
    let c_at = slice.carry_c + row * params.hidden_size + unit;
    let has_h = unit < params.recurrent_size;
    var next = CellState();
    if (has_h) { next.h = carry[h_at]; }
    if (HAS_C == 1u) { next.c = carry[c_at]; }
    let given = unit_second(z, next_step - 1u, row, unit, sum, next);
    gates[gates_at(next_step - 1u, row, z) + unit] = given.pre;
    if (has_h) { carry[h_at] = given.h; }
    if (HAS_C == 1u) { carry[c_at] = given.c; }
}
