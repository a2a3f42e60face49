// d_output/above.wgsl: in a wave, the gradient of a layer's output is a product with d_pre of the layer above, slice
//      z + 1, from the dispatch before. Only the top layer, which begins, has the caller's.
// Math:  d_y[l][t] = w_ihT[l+1] · d_pre[l+1][t]

fn d_output(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    if (params.slices[z].delay == 0u) {
        return d_y[output_at(z, step, row, unit)];
    }
    return 0.0;
}

// acc += the product, where there is a step before next_step. Rows that have ended have d_pre of zero.
fn multiply_above(acc: ptr<function, Tile>, z: u32, next_step: u32, first_row: u32, first_unit: u32, local: u32) {
    let slice = params.slices[z];
    if (slice.delay > 0u && next_step > params.first_step && next_step <= longest_of(first_row)) {
        let w_ih = Matrix(slice.w_above, params.recurrent_size, params.t_words);
        multiply(acc, w_ih, z + 1u, next_step - 1u, first_row, first_unit, local);
    }
}
