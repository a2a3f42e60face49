// phase_backward/whole.wgsl: a step of step_backward.wgsl is one product and the cell's gradients.

fn finish(z: u32, next_step: u32, row: u32, unit: u32, sum: f32) {
    let slice = params.slices[z];
    let at = row * params.hidden_size + unit;
    var next = CellState(carry[slice.carry_h + at] + sum, 0.0);
    if (next_step > params.first_step) {
        if (HAS_C == 1u) { next.c = carry[slice.carry_c + at]; }
        let given = unit_backward(z, next_step - 1u, row, unit, next);
        gates[gates_at(next_step - 1u, row, z) + unit] = given.pre;
        next = CellState(given.h, given.c);
        if (HAS_C == 1u) { carry[slice.carry_c + at] = next.c; }
    }
    carry[slice.carry_h + at] = next.h;
}
