// phase_backward/first.wgsl: the first phase of a step of step_backward.wgsl in two (unit_backward/*.wgsl).

fn finish(z: u32, next_step: u32, row: u32, unit: u32, sum: f32) {
    let at = params.slices[z].carry_h + row * params.recurrent_size + unit;
    var h = carry[at] + sum;
    if (next_step > params.first_step) {
        let given = unit_first(z, next_step - 1u, row, unit, h);
        exchange(z, next_step - 1u, row, unit, given.exchanged);
        h = given.h;
    }
    carry[at] = h;
}
