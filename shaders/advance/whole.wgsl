// advance/whole.wgsl: a time step of sequence.wgsl in one phase.

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let w_hh = gates_matrix(params.slices[place.slice].w_hh);
    var acc: Tile;
    input_part(&acc, place, local, local);
    operand = h_read;
    accumulate(&acc, w_hh, 0u, local, quads(params.recurrent_size));
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let i = u * ROWS + r;
            let prev = CellState(h[h_read + r * CAPACITY + unit], c[i]);
            let next = cell_update(acc[i], prev, place.slice, column(w_hh, local, u));
            if (unit < params.hidden_size) {
                if (HAS_C == 1u && place.step < length_of(place.row + r)) { c[i] = next.c; }
                write_h(place, r, unit, h_read, h_write, next.h);
            }
        }
    }
}
