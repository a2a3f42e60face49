// d_output/given.wgsl: the gradient of a layer's output is there for all steps: the caller's, or made for a whole chunk
//      by the layer above.

fn d_output(z: u32, step: u32, row: u32, unit: u32) -> f32 {
    return d_y[output_at(z, step, row, unit)];
}

fn multiply_above(acc: ptr<function, Tile>, z: u32, next_step: u32, first_row: u32, first_unit: u32, local: u32) {
}
