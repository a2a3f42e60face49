// phase/reset_second.wgsl: the candidate of a GRU whose reset gate scales h before the product, and the new h.
// Math:  n = activate_g(n_x + W_hn (r * h) + b_hn)     h' = (1 - z) * n + z * h

fn phase_matrix(slice: Slice) -> Matrix {
    return gates_matrix(slice.w_hh);
}

fn phase_operand(slice: Slice, place: Place) -> Source {
    return Source(false, false, slice.exchange, params.hidden_size, params.hidden_size);
}

// Only n_h is of use; the products of the other gates with r * h mean nothing.
fn begin(acc: ptr<function, Tile>, place: Place, unit: u32, local: u32) {
    let slice = place.slice;
    if (!is_first(local)) {
        return;
    }
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        fill(acc, u, load_full(slice.bias, column(phase_matrix(slice), unit, u)));
    }
}

fn finish(pre: Gates, place: Place, row: u32, unit: u32, is_running: bool, is_active: bool) {
    let slice = place.slice;
    let at = slot_of(row) * params.hidden_size + unit;
    var h = 0.0;
    if (is_active) {
        let exchange = slice.exchange + at;
        let z = state[exchange + params.exchange_size];
        let n = candidate(state[exchange + 2u * params.exchange_size] + pre.w, place.z);
        h = (1.0 - z) * n + z * state[h_prev_of(place, row) + slice.h + at];
    }
    write_h(place, row, unit, is_running, is_active, h);
}
