// advance/projection.wgsl: a time step of sequence.wgsl for an LSTM whose h is projected.
// Math:  h' = W_hr (o * tanh(c)); a column of W_hr is a word of four neighbouring outputs

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let slice = place.slice;
    let w_hh = gates_matrix(slice.w_hh);
    let exchange = 2u * COPY_SIZE;
    var acc: Tile;
    input_part(&acc, place, local, local);
    multiply(&acc, w_hh, h_read, params.recurrent_size, local);
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let i = u * ROWS + r;
            let next = cell_update(acc[i], CellState(0.0, c[i]), place.z, column(w_hh, local, u));
            if (unit < params.hidden_size) {
                if (place.step < length_of(place.row + r)) { c[i] = next.c; }
                h[exchange + r * CAPACITY + unit] = next.h;
            }
        }
        fill(&acc, u, Gates());
    }
    workgroupBarrier();
    let words = quads(params.recurrent_size);
    multiply(&acc, Matrix(slice.w_hr, words, words, 0u), exchange, params.hidden_size, local);
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let word = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            for (var unit = 4u * word; unit < min(4u * word + 4u, params.recurrent_size); unit++) {
                write_h(place, r, unit, h_read, h_write, acc[u * ROWS + r][unit - 4u * word]);
            }
        }
    }
}
