// slots/own.wgsl: the state of a batch row lies in the row of its own number, and all h in one half of the ring.

fn num_rows() -> u32 {
    return params.batch;
}

fn slot_of(row: u32) -> u32 {
    return row;
}

fn h_prev_of(place: Place, row: u32) -> u32 {
    return place.h_prev;
}
