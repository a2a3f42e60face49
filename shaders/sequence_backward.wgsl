// sequence_backward.wgsl: a whole chunk of the backward pass in one dispatch; a workgroup owns ROWS batch rows and all
//      their units.
// Math:  as step_backward.wgsl
// Grid:  x: batch rows / ROWS, y: slices; one invocation owns ROWS rows of UNITS_PER_INVOCATION units
// Binds: backward.wgsl
// Consts: backward.wgsl (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: no launch between steps; w_hh comes from the cache: 16·H² bytes per step
// Why this shape: d_pre stays in workgroup memory from step to step, the carries in registers.

const CAPACITY = UNITS * UNITS_PER_INVOCATION;

var<workgroup> d_pre: array<Gates, ROWS * CAPACITY>;

fn operand_word(row: u32, unit: u32) -> Gates {
    return d_pre[row * CAPACITY + unit];
}

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.y;
    let slice = params.slices[z];
    let first_row = group.x * ROWS;
    let longest = longest_of(first_row);

    var next: array<CellState, UNITS_PER_INVOCATION * ROWS>;
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        for (var r = 0u; r < ROWS; r++) {
            let at = min(first_row + r, params.batch - 1u) * params.hidden_size + unit_of(local, u);
            next[u * ROWS + r].h = carry[slice.carry_h + at];
            if (HAS_C == 1u) { next[u * ROWS + r].c = carry[slice.carry_c + at]; }
            d_pre[r * CAPACITY + local + u * UNITS] = Gates();
        }
    }
    workgroupBarrier();

    for (var i = 0u; i < params.num_steps; i++) {
        let step = params.first_step + params.num_steps - 1u - i;
        if (i > 0u && step + 1u < longest) {
            add_product(&next, slice.w_t, local);
        }
        workgroupBarrier(); // all have read d_pre
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            let unit = local + u * UNITS;
            for (var r = 0u; r < ROWS; r++) {
                let row = first_row + r;
                if (row < params.batch && unit < params.hidden_size) {
                    let given = unit_backward(z, step, row, unit, next[u * ROWS + r]);
                    gates[gates_at(step, row, z) + unit] = given.pre;
                    d_pre[r * CAPACITY + unit] = given.pre;
                    next[u * ROWS + r] = CellState(given.h, given.c);
                }
            }
        }
        workgroupBarrier();
    }

    if (params.first_step < longest) {
        add_product(&next, slice.w_t, local);
    }
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < params.hidden_size) {
                let at = row * params.hidden_size + unit;
                carry[slice.carry_h + at] = next[u * ROWS + r].h;
                if (HAS_C == 1u) { carry[slice.carry_c + at] = next[u * ROWS + r].c; }
            }
        }
    }
}

fn add_product(next: ptr<function, array<CellState, UNITS_PER_INVOCATION * ROWS>>, w_t: u32, local: u32) {
    var sums: Sums;
    accumulate(&sums, w_t, local, params.hidden_size);
    for (var i = 0u; i < UNITS_PER_INVOCATION * ROWS; i++) {
        (*next)[i].h += sums[i];
    }
}
