// unit_backward/whole.wgsl: one unit of one row, backwards through a step in one phase.

// What goes through w_hh of the gradients of a unit's pre-activations.
fn recurrent_part(d_pre: Gates) -> Gates {
    return d_pre;
}

// next: the gradients of h, complete but for d_y, and of c after the step. Beyond the row's length there is nothing to
// give back, and the gradients go through.
fn unit_backward(z: u32, step: u32, row: u32, unit: u32, next: CellState) -> CellGradient {
    if (step >= length_of(row)) {
        return CellGradient(Gates(), next.h, next.c);
    }
    let pre = gates[gates_at(step, row, z) + unit];
    var prev = CellState(h_before(z, step, row, unit), 0.0);
    if (HAS_C == 1u) { prev.c = c_before(z, step, row, unit); }
    let d_h = d_output(z, step, row, unit) + next.h;
    return cell_backward(pre, prev, d_h, next.c, z, unit);
}
