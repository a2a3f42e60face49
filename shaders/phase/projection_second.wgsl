// phase/projection_second.wgsl: the projection of an LSTM's h; a column is a word of four neighbouring outputs.
// Math:  h' = W_hr (o * tanh(c))

fn phase_matrix(slice: Slice) -> Matrix {
    return Matrix(slice.w_hr, quads(params.recurrent_size), quads(params.recurrent_size), 0u);
}

fn phase_operand(slice: Slice, place: Place) -> Source {
    return Source(false, false, slice.exchange, params.hidden_size, params.hidden_size);
}

fn begin(acc: ptr<function, Tile>, place: Place, unit: u32, local: u32) {
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        fill(acc, u, Gates());
    }
}

fn finish(pre: Gates, place: Place, row: u32, unit: u32, is_running: bool, is_active: bool) {
    for (var i = 0u; i < min(4u, params.recurrent_size - 4u * unit); i++) {
        write_h(place, row, 4u * unit + i, is_running, is_active, pre[i]);
    }
}
