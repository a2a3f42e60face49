// unit_backward/reset.wgsl: one unit of one row, backwards through a step of a GRU whose reset gate scales h before the
//      product.
// Math:  first:  d_h = d_y[t] + carry_h + w_hhT · (d_r, d_z)[t+1]     d_z, d_n of it; carry_h = z * d_h
//        second: d_rh = w_hnT · d_n       d_r = d_rh * h * activate_f'(pre.r)       carry_h += r * d_rh
// The exchange is d_n of the step, [B,slices,H]. It is not read from gates since the second phase writes those.

struct FirstGradient {
    exchanged: f32,
    h: f32, // what is carried on
}

// The candidate's part of w_hh is multiplied in the second phase.
fn recurrent_part(d_pre: Gates) -> Gates {
    return Gates(d_pre.xy, 0.0, 0.0);
}

fn second_matrix(slice: BackwardSlice) -> Matrix {
    return w_hh_transposed(slice);
}

fn second_words() -> u32 {
    return params.hidden_size;
}

// Word j of a row of what was exchanged.
fn second_word(start: u32, j: u32) -> Gates {
    return Gates(0.0, 0.0, 0.0, exchanged(start + j));
}

fn exchange_at(z: u32, step: u32, row: u32) -> u32 {
    return params.exchange + (row * params.num_slices + z) * params.hidden_size;
}

fn exchange(z: u32, step: u32, row: u32, unit: u32, value: f32) {
    carry[exchange_at(z, step, row) + unit] = value;
}

fn unit_first(z: u32, step: u32, row: u32, unit: u32, next_h: f32) -> FirstGradient {
    if (step >= length_of(row)) {
        return FirstGradient(0.0, next_h);
    }
    let at = gates_at(step, row, z) + unit;
    let d_h = d_output(z, step, row, unit) + next_h;
    let given = update_backward(gates[at], 1.0, h_before(z, step, row, unit), d_h, z);
    gates[at] = given.pre;
    return FirstGradient(given.pre.w, given.h);
}

// d_rh: the gradient of r * h.
fn unit_second(z: u32, step: u32, row: u32, unit: u32, d_rh: f32, next: CellState) -> CellGradient {
    if (step >= length_of(row)) {
        return CellGradient(Gates(), next.h, 0.0);
    }
    let d = gates[gates_at(step, row, z) + unit]; // d.x is pre.r still
    let r = gate(d.x, z);
    let d_r = d_rh * h_before(z, step, row, unit) * d_gate(d.x, r, z);
    return CellGradient(Gates(d_r, d.yzw), next.h + r * d_rh, 0.0);
}
