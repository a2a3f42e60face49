// step_backward.wgsl: one step of the backward pass, of every slice and batch row: the product with transposed weights
//      and the cell's gradients fused.
// Math:  d_h = d_y[t] + carry_h + w_hhT · d_pre[t+1]     (d_pre, carry_h, carry_c) = cell_backward(pre, d_h, carry_c)
//        in one phase or two (phase_backward/*.wgsl, unit_backward/*.wgsl); d_y: d_output/*.wgsl
// Grid:  x: hidden units / (UNITS * UNITS_PER_INVOCATION), y: batch rows / ROWS, z: slices
//        units of h in the first phase of an LSTM whose h is projected
// Binds: backward.wgsl; group 1: 0 clock
// Consts: backward.wgsl; TILE_WORDS (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads w_hh once per ROWS rows: 16·H² bytes per step and row tile
// Why this shape:
//   1. d_pre of the step that follows is complete when this one begins, so a step is one dispatch, as forward; two
//      where the forward pass has two.
//   2. The last dispatch of a chunk has only the product: with it carry_h is the gradient of the h before the chunk.
//   3. In a wave, slices are layers, each a step behind the one above: what that one gives back is a second product
//      into the same sums.

struct Clock {
    step: u32, // counted from the run's first dispatch, that of the last step
}

@group(1) @binding(0) var<storage, read> clock: Clock;

var<workgroup> tile: array<Gates, ROWS * TILE_WORDS>;

// at: the first word of the tile.
fn operand_word(at: u32, row: u32, j: u32) -> Gates {
    return tile[row * TILE_WORDS + j - at];
}

// What a first phase leaves to the second (unit_backward/*.wgsl).
fn exchanged(at: u32) -> f32 {
    return carry[at];
}

// acc += the phase's operand of a slice · weights
fn multiply(
    acc: ptr<function, Tile>,
    matrix: Matrix,
    z: u32,
    next_step: u32,
    first_row: u32,
    first_unit: u32,
    local: u32,
) {
    let words = phase_words();
    let columns = columns_of(matrix, first_unit);
    var sums: Sums;
    for (var j0 = 0u; j0 < words; j0 += TILE_WORDS) {
        let count = min(words - j0, TILE_WORDS);
        let padded = QUAD_WORDS * word_quads(count);
        workgroupBarrier(); // all have read the tile before
        for (var i = local; i < ROWS * padded; i += UNITS) {
            let row = min(first_row + i / padded, params.batch - 1u);
            let j = i % padded;
            var word = Gates();
            if (j < count) { word = phase_word(z, next_step, row, j0 + j); }
            tile[(i / padded) * TILE_WORDS + j] = word;
        }
        workgroupBarrier();
        accumulate(&sums, columns, j0, Quads(j0 / QUAD_WORDS, word_quads(j0 + count), 1u));
    }
    add_sums(acc, sums);
}

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.z;
    let first_row = group.y * ROWS;
    let first_unit = group.x * UNITS * UNITS_PER_INVOCATION + local;
    let tick = params.first_tick + clock.step - params.slices[z].delay;
    // A slice of a wave that has not begun, or has ended.
    if (tick > params.num_steps) {
        return;
    }
    let next_step = params.first_step + params.num_steps - tick;
    let matrix = phase_matrix(params.slices[z]);

    var acc: Tile;
    if (has_product(next_step, longest_of(first_row))) {
        multiply(&acc, matrix, z, next_step, first_row, first_unit, local);
    }
    multiply_above(&acc, z, next_step, first_row, first_unit, local);
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = first_unit + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < matrix.columns) {
                finish(z, next_step, row, unit, acc[u * ROWS + r]);
            }
        }
    }
}
