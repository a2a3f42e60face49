// phase/whole.wgsl: a step is one product with h and the cell update.

fn finish(pre: Gates, place: Place, row: u32, unit: u32, is_running: bool, is_active: bool) {
    let slice = place.slice;
    let at = slot_of(row) * params.hidden_size + unit;
    var next = CellState(state[h_prev_of(place, row) + slice.h + at], 0.0);
    if (is_active) {
        if (HAS_C == 1u) { next.c = state[slice.c + at]; }
        next = cell_update(pre, next, place.z, unit);
        if (HAS_C == 1u) { state[slice.c + at] = next.c; }
    }
    write_h(place, row, unit, is_running, is_active, next.h);
}
