// step_backward.wgsl: one step of the backward pass, of every slice and batch row: the product with w_hh transposed
//      and the cell's gradients fused.
// Math:  d_h = d_y[t] + carry_h + w_hhT · d_pre[t+1]     (d_pre, carry_h, carry_c) = cell_backward(pre, d_h, carry_c)
// Grid:  x: hidden units / (UNITS * UNITS_PER_INVOCATION), y: batch rows / ROWS, z: slices
// Binds: backward.wgsl; group 1: 0 clock
// Consts: backward.wgsl; TILE_WORDS (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: reads w_hh once per ROWS rows: 16·H² bytes per step and row tile
// Why this shape:
//   1. d_pre of the step that follows is complete when this one begins, so a step is one dispatch, as forward.
//   2. The last dispatch of a chunk has only the product: with it carry_h is the gradient of the h before the chunk.

struct Clock {
    step: u32, // counted from the chunk's last; num_steps: before its first
}

@group(1) @binding(0) var<storage, read> clock: Clock;

var<workgroup> tile: array<Gates, ROWS * TILE_WORDS>;

fn operand_word(row: u32, unit: u32) -> Gates {
    return tile[row * TILE_WORDS + unit];
}

// sums += d_pre of `step` · w_hh transposed
fn multiply(sums: ptr<function, Sums>, z: u32, step: u32, first_row: u32, first_unit: u32, local: u32) {
    for (var j0 = 0u; j0 < params.hidden_size; j0 += TILE_WORDS) {
        let count = min(params.hidden_size - j0, TILE_WORDS);
        workgroupBarrier(); // all have read the tile before
        for (var i = local; i < ROWS * count; i += UNITS) {
            let row = min(first_row + i / count, params.batch - 1u);
            tile[(i / count) * TILE_WORDS + i % count] = gates[gates_at(step, row, z) + j0 + i % count];
        }
        workgroupBarrier();
        accumulate(sums, params.slices[z].w_t + j0 * params.t_words, first_unit, count);
    }
}

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.z;
    let slice = params.slices[z];
    let first_row = group.y * ROWS;
    let first_unit = group.x * UNITS * UNITS_PER_INVOCATION + local;
    let next_step = params.first_step + params.num_steps - clock.step;

    var sums: Sums;
    if (clock.step > 0u && next_step < longest_of(first_row)) {
        multiply(&sums, z, next_step, first_row, first_unit, local);
    }
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = first_unit + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < params.hidden_size) {
                let at = row * params.hidden_size + unit;
                var next = CellState(carry[slice.carry_h + at] + sums[u * ROWS + r], 0.0);
                if (clock.step < params.num_steps) {
                    if (HAS_C == 1u) { next.c = carry[slice.carry_c + at]; }
                    let given = unit_backward(z, next_step - 1u, row, unit, next);
                    gates[gates_at(next_step - 1u, row, z) + unit] = given.pre;
                    next = CellState(given.h, given.c);
                    if (HAS_C == 1u) { carry[slice.carry_c + at] = next.c; }
                }
                carry[slice.carry_h + at] = next.h;
            }
        }
    }
}
