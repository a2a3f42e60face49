// phase/projection_first.wgsl: the cell update of an LSTM whose h is projected.
// Leaves o * tanh(c) to the second phase.

fn phase_matrix(slice: Slice) -> Matrix {
    return gates_matrix(slice.w_hh);
}

fn phase_operand(slice: Slice, place: Place) -> Source {
    return Source(false, place.h_prev + slice.h, params.recurrent_size, params.recurrent_size);
}

fn begin(acc: ptr<function, Tile>, place: Place, unit: u32, local: u32) {
    input_part(acc, place, unit, local);
}

fn finish(pre: Gates, place: Place, row: u32, unit: u32, is_running: bool, is_active: bool) {
    if (is_active) {
        let slice = params.slices[place.slice];
        let at = row * params.hidden_size + unit;
        let next = cell_update(pre, CellState(0.0, state[slice.c + at]), place.slice, unit);
        state[slice.c + at] = next.c;
        state[slice.exchange + at] = next.h;
    }
}
