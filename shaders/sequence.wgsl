// sequence.wgsl: a whole chunk of time steps in one dispatch; a workgroup owns ROWS batch rows and all their units.
// Math:  as step.wgsl
// Grid:  x: batch rows / ROWS, y: slices; one invocation owns ROWS rows of UNITS_PER_INVOCATION units
// Binds: recurrence.wgsl
// Consts: recurrence.wgsl (kernels/recurrence.rs)     Needs: WebGPU defaults
// Floor: no launch and no exchange through memory between steps; w_hh comes from the cache: 16·H² bytes per step
// Why this shape:
//   1. h never leaves workgroup memory between steps and c never leaves registers, so workgroupBarrier is all the
//      synchronisation there is, which every API has.
//   2. h has two copies, one read and one written, so a step needs one barrier.
//   3. The workgroup's copy is of scalars, not quads: invocations that write components of one vector would race.

const CAPACITY = UNITS * UNITS_PER_INVOCATION;

var<workgroup> h: array<f32, 2 * ROWS * CAPACITY>;
var<private> h_read: u32; // where the copy to read begins: 0 or ROWS * CAPACITY

fn operand_quad(row: u32, quad: u32) -> vec4<f32> {
    let at = h_read + row * CAPACITY + 4u * quad;
    return vec4<f32>(h[at], h[at + 1u], h[at + 2u], h[at + 3u]);
}

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let slice = params.slices[group.y];
    let first_row = group.x * ROWS;
    let h_at = params.phase * params.state_size + slice.state;
    let c_at = 2u * params.state_size + slice.state;
    var c: array<f32, UNITS_PER_INVOCATION * ROWS>;

    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            let at = row * params.hidden_size + unit;
            let exists = row < params.batch && unit < params.hidden_size;
            if (exists) {
                if (HAS_C == 1u) { c[u * ROWS + r] = state[c_at + at]; }
                h[r * CAPACITY + unit] = state[h_at + at];
            } else {
                // Units in excess stay zero in both copies: they fill the last quad.
                h[r * CAPACITY + unit] = 0.0;
                h[(ROWS + r) * CAPACITY + unit] = 0.0;
            }
        }
    }
    workgroupBarrier();

    // Rows that have all ended cost no work but their zeros.
    let longest = longest_of(first_row);
    let active_steps = min(max(longest, params.first_step) - params.first_step, params.num_steps);
    for (var s = 0u; s < active_steps; s++) {
        h_read = (s % 2u) * ROWS * CAPACITY;
        let h_write = ROWS * CAPACITY - h_read;
        let place = Place(group.y, params.first_step + s, first_row, h_at);
        var acc: Tile;
        input_part(&acc, place, local, local);
        accumulate(&acc, slice.w_hh, local, quads(params.hidden_size));
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            let unit = local + u * UNITS;
            for (var r = 0u; r < ROWS; r++) {
                let row = first_row + r;
                let at = r * CAPACITY + unit;
                var next = CellState(h[h_read + at], c[u * ROWS + r]);
                var output = 0.0;
                if (place.step < length_of(row)) {
                    next = cell_update(acc[u * ROWS + r], next, group.y, column(local, u));
                    output = next.h;
                }
                if (unit < params.hidden_size) {
                    c[u * ROWS + r] = next.c;
                    h[h_write + at] = next.h;
                    if (row < params.batch) {
                        write_output(slice, place.step, row, unit, output);
                    }
                }
            }
        }
        workgroupBarrier();
    }
    for (var s = active_steps; s < params.num_steps; s++) {
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            let unit = local + u * UNITS;
            for (var row = first_row; row < min(first_row + ROWS, params.batch); row++) {
                if (unit < params.hidden_size) {
                    write_output(slice, params.first_step + s, row, unit, 0.0);
                }
            }
        }
    }

    h_read = (active_steps % 2u) * ROWS * CAPACITY;
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < params.hidden_size) {
                let at = row * params.hidden_size + unit;
                state[h_at + at] = h[h_read + r * CAPACITY + unit];
                if (HAS_C == 1u) { state[c_at + at] = c[u * ROWS + r]; }
            }
        }
    }
}
