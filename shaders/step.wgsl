// step.wgsl: one step of every slice and batch row, all gates and the cell update fused.
// Math:  pre = input part + w_hh · h[t-1]           pre: Gates (cell/*.wgsl; input part: input/*.wgsl)
//        (h, c) = cell_update(pre, c)                 in one phase or two (phase/*.wgsl)
// Grid:  x: hidden units / (UNITS * UNITS_PER_INVOCATION), y: batch rows / ROWS, z: slices
//        one invocation owns ROWS rows of UNITS_PER_INVOCATION units, or a part of their sums (split/*.wgsl)
// Binds: recurrence.wgsl; 6 slots (slots/*.wgsl); group 1: 0 clock
// Consts: recurrence.wgsl; TILE_QUADS (kernels/step.rs)     Needs: WebGPU defaults
// Floor: reads w_hh once per ROWS rows: 16·H² bytes in f32 per step and row tile
// Why this shape:
//   1. The h ring has two halves: a step reads one and writes the other, so no workgroup waits for another.
//      Which is which follows from the step's number, so nothing is bound anew between steps.
//   2. Rows of x and h are staged in workgroup memory in whole quads: one load per workgroup instead of one per unit,
//      whatever the alignment of the caller's rows.
//   3. Few rows make few sums. Where those would leave a device idle, SPLIT invocations share each.
//   4. A slice that has not begun, or has ended, carries its h over, and so does a row that has ended: after the last
//      dispatch all final states lie in the same half. But in a pool each slot has a half of its own.

struct Clock {
    step: u32, // counted from the chunk's first
}

@group(1) @binding(0) var<storage, read> clock: Clock;

// Rows of an operand: x, or in the state buffer rows of `size` from `base`, `stride` apart.
struct Source {
    is_input: bool,
    is_h: bool, // `base` counts from the half of the h ring that is read
    base: u32,
    stride: u32,
    size: u32,
}

var<workgroup> tile: array<vec4<f32>, ROWS * TILE_QUADS>;

// at: the first quad of the tile.
fn operand_quad(at: u32, row: u32, quad: u32) -> vec4<f32> {
    return tile[row * TILE_QUADS + quad - at];
}

fn row_start(place: Place, source: Source, row: u32) -> u32 {
    if (source.is_input) {
        let t = time_of(place.slice, place.step, row);
        return t * params.input_stride_t + row * params.input_stride_b;
    }
    let half = select(0u, h_prev_of(place, row), source.is_h);
    return half + source.base + slot_of(row) * source.stride;
}

fn stage(place: Place, source: Source, k0: u32, num_quads: u32, local: u32) {
    for (var i = local; i < ROWS * num_quads; i += INVOCATIONS) {
        let r = i / num_quads;
        let k = k0 + 4u * (i % num_quads);
        let at = row_start(place, source, min(place.row + r, num_rows() - 1u)) + k;
        let left = source.size - k;
        var quad = vec4<f32>(operand_at(source.is_input, at), 0.0, 0.0, 0.0);
        if (left > 1u) { quad.y = operand_at(source.is_input, at + 1u); }
        if (left > 2u) { quad.z = operand_at(source.is_input, at + 2u); }
        if (left > 3u) { quad.w = operand_at(source.is_input, at + 3u); }
        tile[r * TILE_QUADS + (k - k0) / 4u] = quad;
    }
}

// acc += operand · W
fn multiply(acc: ptr<function, Tile>, place: Place, source: Source, matrix: Matrix, unit: u32, local: u32) {
    let columns = columns_of(matrix, unit);
    var sums: Sums;
    for (var k0 = 0u; k0 < source.size; k0 += 4u * TILE_QUADS) {
        let num_quads = quads(min(source.size - k0, 4u * TILE_QUADS));
        workgroupBarrier(); // all have read the tile before
        stage(place, source, k0, num_quads, local);
        workgroupBarrier();
        accumulate(&sums, columns, k0 / 4u, own_quads(k0 / 4u, num_quads, local));
    }
    add_sums(acc, sums);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let slice = params.slices[group.z];
    let step = params.first_step + clock.step;
    let first_unit = group.x * UNITS * UNITS_PER_INVOCATION + local % UNITS;
    let first_row = group.y * ROWS;
    let h_prev = ((step + params.phase) % 2u) * params.state_size;
    let is_running = step >= slice.delay && step - slice.delay < params.seq_len;
    let place = Place(group.z, slice, step - slice.delay, first_row, h_prev);
    let matrix = phase_matrix(slice);

    var acc: Tile;
    // Rows that have all ended cost no work.
    if (is_running && place.step < longest_of(first_row)) {
        begin(&acc, place, first_unit, local);
        multiply(&acc, place, phase_operand(slice, place), matrix, first_unit, local);
        sum_parts(&acc, local);
    }
    if (!is_first(local)) {
        return;
    }
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = first_unit + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < num_rows() && unit < matrix.columns) {
                let is_active = is_running && place.step < length_of(row);
                finish(acc[u * ROWS + r], place, row, unit, is_running, is_active);
            }
        }
    }
}

// The new h of a unit; it stays where the slice, or the row, has not begun or has ended.
fn write_h(place: Place, row: u32, unit: u32, is_running: bool, is_active: bool, h: f32) {
    let slice = place.slice;
    let at = slice.h + slot_of(row) * params.recurrent_size + unit;
    let h_prev = h_prev_of(place, row);
    let h_next = params.state_size - h_prev;
    state[h_next + at] = select(state[h_prev + at], h, is_active);
    if (is_running) {
        write_output(slice, place.step, row, unit, select(0.0, h, is_active));
    }
}
