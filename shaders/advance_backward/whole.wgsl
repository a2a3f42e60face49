// advance_backward/whole.wgsl: a time step of sequence_backward.wgsl in one phase.

const D_PRE = 0u; // the only operand

fn operand_word(operand: u32, row: u32, j: u32) -> Gates {
    return d_pre[row * CAPACITY + j];
}

fn clear(at: u32) {
    d_pre[at] = Gates();
}

fn advance(next: ptr<function, Carries>, place: Place, local: u32) {
    workgroupBarrier(); // all have read d_pre
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = place.row + r;
            if (row < params.batch && unit < params.hidden_size) {
                let given = unit_backward(place.slice, place.step, row, unit, (*next)[u * ROWS + r]);
                gates[gates_at(place.step, row, place.slice) + unit] = given.pre;
                d_pre[r * CAPACITY + unit] = given.pre;
                (*next)[u * ROWS + r] = CellState(given.h, given.c);
            }
        }
    }
}
