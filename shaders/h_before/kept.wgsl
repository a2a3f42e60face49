// h_before/kept.wgsl: h before each step lies in h_inner (reset_states.wgsl): in a wave, each slice has put its own
//      into an array of its own. Only a GRU's gradients ask for it.

fn h_before(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    if (HAS_H_INNER == 1u) {
        return carry[params.h_inner + chunk_row(step, row, z) * params.hidden_size + unit];
    }
    return 0.0;
}
