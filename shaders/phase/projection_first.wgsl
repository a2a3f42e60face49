// phase/projection_first.wgsl: the cell update of an LSTM whose h is projected.
// Leaves o * tanh(c) to the second phase.

fn finish(pre: Gates, place: Place, row: u32, unit: u32, is_running: bool, is_active: bool) {
    if (is_active) {
        let slice = place.slice;
        let at = slot_of(row) * params.hidden_size + unit;
        let next = cell_update(pre, CellState(0.0, state[slice.c + at]), place.z, unit);
        state[slice.c + at] = next.c;
        state[slice.exchange + at] = next.h;
    }
}
