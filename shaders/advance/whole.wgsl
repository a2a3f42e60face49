// advance/whole.wgsl: a time step of sequence.wgsl in one phase.

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let w_hh = gates_matrix(place.slice.w_hh);
    var acc: Tile;
    input_part(&acc, place, local, local);
    multiply(&acc, w_hh, h_read, params.recurrent_size, local);
    update(&acc, place, local, h_read, h_write);
}
