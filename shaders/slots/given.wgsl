// slots/given.wgsl: a batch row is a stream of a pool, whose state lies in any slot and whose h in a half of the ring of
// its own: a stream that skips a tick keeps its h where it is, so nobody carries it over.

// How many rows there are, then of each row 2 * slot + half. params.batch is the number of slots.
@group(0) @binding(6) var<storage, read> slots: array<u32>; // [1 + B]

fn num_rows() -> u32 {
    return slots[0];
}

fn slot_of(row: u32) -> u32 {
    return slots[1u + row] >> 1u;
}

fn h_prev_of(place: Place, row: u32) -> u32 {
    return (slots[1u + row] & 1u) * params.state_size;
}
