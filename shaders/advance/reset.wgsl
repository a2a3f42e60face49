// advance/reset.wgsl: a time step of sequence.wgsl for a GRU whose reset gate scales h before the product.
// Math:  n = activate_g(n_x + W_hn (r * h) + b_hn)     h' = (1 - z) * n + z * h

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let slice = place.slice;
    let w_hh = gates_matrix(slice.w_hh);
    let exchange = 2u * COPY_SIZE;
    var acc: Tile;
    input_part(&acc, place, local, local);
    multiply(&acc, w_hh, h_read, params.hidden_size, local);
    var z: array<f32, UNITS_PER_INVOCATION * ROWS>;
    var n_x: array<f32, UNITS_PER_INVOCATION * ROWS>;
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let i = u * ROWS + r;
            let at = r * CAPACITY + unit;
            z[i] = gate(acc[i].y, place.z);
            n_x[i] = acc[i].z;
            if (unit < params.hidden_size) {
                h[exchange + at] = gate(acc[i].x, place.z) * h[h_read + at];
            }
        }
        // Only n_h is of use from here; the products of the other gates with r * h mean nothing.
        fill(&acc, u, load_full(slice.bias, column(w_hh, local, u)));
    }
    workgroupBarrier();
    multiply(&acc, w_hh, exchange, params.hidden_size, local);
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let i = u * ROWS + r;
            if (unit < params.hidden_size) {
                let n = candidate(n_x[i] + acc[i].w, place.z);
                let value = (1.0 - z[i]) * n + z[i] * h[h_read + r * CAPACITY + unit];
                write_h(place, r, unit, h_read, h_write, value);
            }
        }
    }
}
