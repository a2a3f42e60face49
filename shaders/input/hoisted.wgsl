// input/hoisted.wgsl: the input's share of the pre-activations was made before, by matmul.wgsl.

@group(0) @binding(2) var<storage, read> x_proj: array<Gates>; // [steps of the chunk, B, slices, row_words]

fn input_part(acc: ptr<function, Tile>, place: Place, unit: u32, local: u32) {
    if (!is_first(local)) {
        return;
    }
    let step = place.step - params.first_step;
    let matrix = gates_matrix(0u);
    for (var r = 0u; r < ROWS; r++) {
        let row = min(place.row + r, params.batch - 1u);
        let at = (step * params.batch + row) * params.num_slices + place.z;
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            (*acc)[u * ROWS + r] = x_proj[at * params.row_words + column(matrix, unit, u)];
        }
    }
}

fn operand_at(is_input: bool, index: u32) -> f32 {
    return state[index];
}
