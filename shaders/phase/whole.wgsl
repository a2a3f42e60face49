// phase/whole.wgsl: a step is one product with h and the cell update.

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
    let slice = params.slices[place.slice];
    let at = row * params.hidden_size + unit;
    var next = CellState(state[place.h_prev + slice.h + at], 0.0);
    if (is_active) {
        if (HAS_C == 1u) { next.c = state[slice.c + at]; }
        next = cell_update(pre, next, place.slice, unit);
        if (HAS_C == 1u) { state[slice.c + at] = next.c; }
    }
    write_h(place, row, unit, is_running, is_active, next.h);
}
