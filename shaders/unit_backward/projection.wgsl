// unit_backward/projection.wgsl: one unit of one row, backwards through a step of an LSTM whose h is projected.
// Math:  first:  d_h = d_y[t] + carry_h + w_hhT · d_pre[t+1]         R units; all of it goes through w_hr
//        second: (d_pre, carry_c) = cell_backward(pre, w_hrT · d_h, carry_c)
// The exchange is d_h of every step of the chunk, [steps,B,slices,P4], P4 = R rounded up to whole quads:
// weight_gradient.wgsl makes the gradient of w_hr from it.

struct FirstGradient {
    exchanged: f32,
    h: f32, // what is carried on
}

fn recurrent_part(d_pre: Gates) -> Gates {
    return d_pre;
}

fn second_matrix(slice: BackwardSlice) -> Matrix {
    return Matrix(slice.w_hr_t, params.hidden_size, params.hidden_size);
}

fn second_words() -> u32 {
    return quads(params.recurrent_size);
}

// Word j of a row of what was exchanged.
fn second_word(start: u32, j: u32) -> Gates {
    let at = start + 4u * j;
    return Gates(exchanged(at), exchanged(at + 1u), exchanged(at + 2u), exchanged(at + 3u));
}

fn exchange_at(z: u32, step: u32, row: u32) -> u32 {
    return params.exchange + chunk_row(step, row, z) * 4u * quads(params.recurrent_size);
}

fn exchange(z: u32, step: u32, row: u32, unit: u32, value: f32) {
    let start = exchange_at(z, step, row);
    carry[start + unit] = value;
    // The last unit fills up its quad.
    if (unit == params.recurrent_size - 1u) {
        let end = 4u * quads(params.recurrent_size);
        for (var i = params.recurrent_size; i < end; i++) {
            carry[start + i] = 0.0;
        }
    }
}

fn unit_first(z: u32, step: u32, row: u32, unit: u32, next_h: f32) -> FirstGradient {
    if (step >= length_of(row)) {
        return FirstGradient(0.0, next_h);
    }
    return FirstGradient(d_output(z, step, row, unit) + next_h, 0.0);
}

// d_inner: the gradient of o * activate_h(c).
fn unit_second(z: u32, step: u32, row: u32, unit: u32, d_inner: f32, next: CellState) -> CellGradient {
    if (step >= length_of(row)) {
        return CellGradient(Gates(), next.h, next.c);
    }
    let pre = gates[gates_at(step, row, z) + unit];
    let prev = CellState(0.0, c_before(z, step, row, unit));
    let given = cell_backward(pre, prev, d_inner, next.c, z, unit);
    return CellGradient(given.pre, next.h, given.c);
}
