// advance/update.wgsl: the cell update of a step in one phase.

fn update(acc: ptr<function, Tile>, place: Place, local: u32, h_read: u32, h_write: u32) {
    if (!is_first(local)) {
        return;
    }
    let columns = gates_matrix(0u);
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let i = u * ROWS + r;
            let prev = CellState(h[h_read + r * CAPACITY + unit], c[i]);
            let next = cell_update((*acc)[i], prev, place.z, column(columns, local, u));
            if (unit < params.hidden_size) {
                if (HAS_C == 1u && place.step < length_of(place.row + r)) { c[i] = next.c; }
                write_h(place, r, unit, h_read, h_write, next.h);
            }
        }
    }
}
