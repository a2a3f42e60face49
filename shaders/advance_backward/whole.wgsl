// advance_backward/whole.wgsl: a time step of sequence_backward.wgsl in one phase.

fn operand_word(row: u32, j: u32) -> Gates {
    return d_pre[row * CAPACITY + j];
}

fn clear(at: u32) {
    d_pre[at] = Gates();
}

fn multiply(sums: ptr<function, Sums>, z: u32, local: u32) {
    accumulate(sums, w_hh_transposed(params.slices[z]), local, params.hidden_size);
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
