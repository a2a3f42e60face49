// advance_backward/two_phases.wgsl: a time step of sequence_backward.wgsl in two phases (unit_backward/*.wgsl).
// Scalars are exchanged, not words: invocations that write components of one vector would race.

var<workgroup> d_exchange: array<f32, ROWS * CAPACITY>;
const D_PRE = 0u; // the operands
const EXCHANGED = 1u;

fn exchanged(at: u32) -> f32 {
    return d_exchange[at];
}

fn operand_word(operand: u32, row: u32, j: u32) -> Gates {
    if (operand == EXCHANGED) {
        return second_word(row * CAPACITY, j);
    }
    return d_pre[row * CAPACITY + j];
}

// Units in excess stay zero: they fill the last quad of words.
fn clear(at: u32) {
    d_pre[at] = Gates();
    d_exchange[at] = 0.0;
}

fn advance(next: ptr<function, Carries>, place: Place, local: u32) {
    let z = place.slice;
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = place.row + r;
            if (row < params.batch && unit < params.recurrent_size) {
                let given = unit_first(z, place.step, row, unit, (*next)[u * ROWS + r].h);
                exchange(z, place.step, row, unit, given.exchanged);
                d_exchange[r * CAPACITY + unit] = given.exchanged;
                (*next)[u * ROWS + r].h = given.h;
            }
        }
    }
    workgroupBarrier(); // all have read d_pre, and what is exchanged is complete
    var acc: Tile;
    if (place.step < longest_of(place.row)) {
        multiply(&acc, second_matrix(params.slices[z]), EXCHANGED, second_words(), local);
    }
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = place.row + r;
            let i = u * ROWS + r;
            if (row < params.batch && unit < params.hidden_size) {
                let given = unit_second(z, place.step, row, unit, acc[i], (*next)[i]);
                gates[gates_at(place.step, row, z) + unit] = given.pre;
                d_pre[r * CAPACITY + unit] = recurrent_part(given.pre);
                (*next)[i] = CellState(given.h, given.c);
            }
        }
    }
}
