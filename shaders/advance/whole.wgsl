// advance/whole.wgsl: a time step of sequence.wgsl in one phase.

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let w_hh = gates_matrix(params.slices[place.slice].w_hh);
    var acc: Tile;
    input_part(&acc, place, local, local);
    operand = h_read;
    accumulate(&acc, w_hh, 0u, local, local, quads(params.recurrent_size));
    update(&acc, place, local, h_read, h_write);
}
