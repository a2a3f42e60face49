// sequence.wgsl: a whole chunk of time steps in one dispatch; a workgroup owns ROWS batch rows and all their units.
// Math:  as step.wgsl, in one phase or two (advance/*.wgsl)
// Grid:  x: batch rows / ROWS, y: slices; one invocation owns ROWS rows of UNITS_PER_INVOCATION units, or
//        a part of their sums (split/*.wgsl)
// Binds: recurrence.wgsl
// Consts: recurrence.wgsl; COPIES (kernels/sequence.rs)     Needs: WebGPU defaults
// Floor: no launch and no exchange through memory between steps; w_hh comes from the cache, 16·H² bytes per step in
//        f32, or from registers (advance/resident.wgsl)
// Why this shape:
//   1. h never leaves workgroup memory between steps and c never leaves registers, so workgroupBarrier is all the
//      synchronisation there is, which every API has.
//   2. h has two copies, one read and one written, so a step in one phase needs one barrier. A third copy holds what
//      a first phase leaves to the second.
//   3. The workgroup's copies are of scalars, not quads: invocations that write components of one vector would race.

const CAPACITY = UNITS * UNITS_PER_INVOCATION;
const COPY_SIZE = ROWS * CAPACITY;

var<workgroup> h: array<f32, COPIES * COPY_SIZE>;
var<private> c: array<f32, UNITS_PER_INVOCATION * ROWS>;

// copy: where it begins.
fn operand_quad(copy: u32, row: u32, quad: u32) -> vec4<f32> {
    let at = copy + row * CAPACITY + 4u * quad;
    return vec4<f32>(h[at], h[at + 1u], h[at + 2u], h[at + 3u]);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let slice = params.slices[group.y];
    let first_row = group.x * ROWS;
    let h_at = params.phase * params.state_size + slice.h;
    let own_units = select(0u, UNITS_PER_INVOCATION, is_first(local));

    for (var u = 0u; u < own_units; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            // Units in excess stay zero in all copies: they fill the last quad.
            for (var copy = 0u; copy < COPIES; copy++) {
                h[copy * COPY_SIZE + r * CAPACITY + unit] = 0.0;
            }
            if (row < params.batch && unit < params.recurrent_size) {
                h[r * CAPACITY + unit] = state[h_at + row * params.recurrent_size + unit];
            }
            if (HAS_C == 1u && row < params.batch && unit < params.hidden_size) {
                c[u * ROWS + r] = state[slice.c + row * params.hidden_size + unit];
            }
        }
    }
    workgroupBarrier();

    // Rows that have all ended cost no work but their zeros.
    let longest = longest_of(first_row);
    let active_steps = min(max(longest, params.first_step) - params.first_step, params.num_steps);
    prepare(Place(group.y, slice, params.first_step, first_row, h_at), local);
    for (var s = 0u; s < active_steps; s++) {
        let h_read = (s % 2u) * COPY_SIZE;
        advance(Place(group.y, slice, params.first_step + s, first_row, h_at), local, h_read, COPY_SIZE - h_read);
        workgroupBarrier();
    }
    for (var s = active_steps; s < params.num_steps; s++) {
        for (var u = 0u; u < own_units; u++) {
            let unit = local + u * UNITS;
            for (var row = first_row; row < min(first_row + ROWS, params.batch); row++) {
                if (unit < params.recurrent_size) {
                    write_output(slice, params.first_step + s, row, unit, 0.0);
                }
            }
        }
    }

    let h_last = (active_steps % 2u) * COPY_SIZE;
    for (var u = 0u; u < own_units; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < params.recurrent_size) {
                state[h_at + row * params.recurrent_size + unit] = h[h_last + r * CAPACITY + unit];
            }
            if (HAS_C == 1u && row < params.batch && unit < params.hidden_size) {
                state[slice.c + row * params.hidden_size + unit] = c[u * ROWS + r];
            }
        }
    }
}

// The new h of a unit; it stays where the row has ended. at: row and unit in a copy.
fn write_h(place: Place, r: u32, unit: u32, h_read: u32, h_write: u32, value: f32) {
    let row = place.row + r;
    let at = r * CAPACITY + unit;
    let is_active = place.step < length_of(row);
    h[h_write + at] = select(h[h_read + at], value, is_active);
    if (row < params.batch) {
        write_output(place.slice, place.step, row, unit, select(0.0, value, is_active));
    }
}
