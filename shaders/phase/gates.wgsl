// phase/gates.wgsl: the phase that makes the gates: the input's share, and the product of h with w_hh.

fn phase_matrix(slice: Slice) -> Matrix {
    return gates_matrix(slice.w_hh);
}

fn phase_operand(slice: Slice, place: Place) -> Source {
    return Source(false, true, slice.h, params.recurrent_size, params.recurrent_size);
}

fn begin(acc: ptr<function, Tile>, place: Place, unit: u32, local: u32) {
    input_part(acc, place, unit, local);
}
