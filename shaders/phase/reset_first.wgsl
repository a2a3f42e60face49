// phase/reset_first.wgsl: the gates of a GRU whose reset gate scales h before the product.
// Leaves r * h, z and the input's share of the candidate to the second phase.

fn finish(pre: Gates, place: Place, row: u32, unit: u32, is_running: bool, is_active: bool) {
    if (is_active) {
        let slice = place.slice;
        let at = slot_of(row) * params.hidden_size + unit;
        let exchange = slice.exchange + at;
        state[exchange] = gate(pre.x, place.z) * state[h_prev_of(place, row) + slice.h + at];
        state[exchange + params.exchange_size] = gate(pre.y, place.z);
        state[exchange + 2u * params.exchange_size] = pre.z;
    }
}
