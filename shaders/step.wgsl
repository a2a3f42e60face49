// step.wgsl: one step of every slice and batch row, all gates and the cell update fused.
// Math:  pre = input part + w_hh · h[t-1]           pre: Gates (cell/*.wgsl; input part: input/*.wgsl)
//        (h, c) = cell_update(pre, c)
// Grid:  x: hidden units / (UNITS * UNITS_PER_INVOCATION), y: batch rows / ROWS, z: slices
//        one invocation owns ROWS rows of UNITS_PER_INVOCATION units
// Binds: recurrence.wgsl; group 1: 0 clock
// Consts: recurrence.wgsl; TILE_QUADS (kernels/recurrence.rs)     Needs: WebGPU defaults
// Floor: reads w_hh once per ROWS rows: 16·H² bytes per step and row tile
// Why this shape:
//   1. The h ring has two halves: a step reads one and writes the other, so no workgroup waits for another.
//      Which is which follows from the step's number, so nothing is bound anew between steps.
//   2. Rows of x and h are staged in workgroup memory in whole quads: one load per workgroup instead of one per unit,
//      whatever the alignment of the caller's rows.
//   3. A slice that has not begun, or has ended, carries its h over: after the last dispatch of a wavefront
//      the states of all layers lie in the same half.

struct Clock {
    step: u32, // counted from the chunk's first
}

@group(1) @binding(0) var<uniform> clock: Clock;

// Rows of an operand in a storage buffer.
struct Source {
    is_input: bool,
    base: u32,
    stride: u32, // from row to row
    size: u32,   // k per row
}

var<workgroup> tile: array<vec4<f32>, ROWS * TILE_QUADS>;

fn operand_quad(row: u32, quad: u32) -> vec4<f32> {
    return tile[row * TILE_QUADS + quad];
}

fn stage(place: Place, source: Source, k0: u32, num_quads: u32, local: u32) {
    for (var i = local; i < ROWS * num_quads; i += UNITS) {
        let r = i / num_quads;
        let k = k0 + 4u * (i % num_quads);
        let at = source.base + min(place.row + r, params.batch - 1u) * source.stride + k;
        let left = source.size - k;
        var quad = vec4<f32>(operand_at(source.is_input, at), 0.0, 0.0, 0.0);
        if (left > 1u) { quad.y = operand_at(source.is_input, at + 1u); }
        if (left > 2u) { quad.z = operand_at(source.is_input, at + 2u); }
        if (left > 3u) { quad.w = operand_at(source.is_input, at + 3u); }
        tile[r * TILE_QUADS + (k - k0) / 4u] = quad;
    }
}

// acc += operand · W; weight: index of W[0][0].
fn multiply(acc: ptr<function, Tile>, place: Place, source: Source, weight: u32, unit: u32, local: u32) {
    for (var k0 = 0u; k0 < source.size; k0 += 4u * TILE_QUADS) {
        let num_quads = quads(min(source.size - k0, 4u * TILE_QUADS));
        workgroupBarrier(); // all have read the tile before
        stage(place, source, k0, num_quads, local);
        workgroupBarrier();
        accumulate(acc, weight + k0 * params.hidden_size, unit, num_quads);
    }
}

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let slice = params.slices[group.z];
    let step = params.first_step + clock.step;
    let first_unit = group.x * UNITS * UNITS_PER_INVOCATION + local;
    let first_row = group.y * ROWS;
    let h_prev = ((step + params.phase) % 2u) * params.state_size;
    let h_next = params.state_size - h_prev;
    let c = 2u * params.state_size;
    let is_active = step >= slice.delay && step - slice.delay < params.seq_len;

    let place = Place(group.z, step - slice.delay, first_row, h_prev);
    var acc: Tile;
    if (is_active) {
        input_part(&acc, place, first_unit, local);
        let h = Source(false, h_prev + slice.state, params.hidden_size, params.hidden_size);
        multiply(&acc, place, h, slice.w_hh, first_unit, local);
    }

    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = first_unit + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < params.hidden_size) {
                let at = slice.state + row * params.hidden_size + unit;
                var next = CellState(state[h_prev + at], state[c + at]);
                if (is_active) {
                    next = cell_update(acc[u * ROWS + r], next);
                    write_output(slice, place.step, row, unit, next.h);
                }
                state[h_next + at] = next.h;
                state[c + at] = next.c;
            }
        }
    }
}
