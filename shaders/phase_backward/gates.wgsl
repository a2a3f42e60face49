// phase_backward/gates.wgsl: the phase of step_backward.wgsl that multiplies d_pre of the step that follows with w_hh.

fn phase_matrix(slice: BackwardSlice) -> Matrix {
    return w_hh_transposed(slice);
}

fn phase_words() -> u32 {
    return params.hidden_size;
}

fn phase_word(z: u32, next_step: u32, row: u32, j: u32) -> Gates {
    return recurrent_part(gates[gates_at(next_step, row, z) + j]);
}

fn has_product(next_step: u32, longest: u32) -> bool {
    return next_step < params.first_step + params.num_steps && next_step < longest;
}
