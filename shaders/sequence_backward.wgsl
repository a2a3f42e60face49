// sequence_backward.wgsl: a whole chunk of the backward pass in one dispatch; a workgroup owns ROWS batch rows and all
//      their units.
// Math:  as step_backward.wgsl, in one phase or two (advance_backward/*.wgsl)
// Grid:  x: batch rows / ROWS, y: slices; one invocation owns ROWS rows of UNITS_PER_INVOCATION units
// Binds: backward.wgsl
// Consts: backward.wgsl (kernels/backward.rs)     Needs: WebGPU defaults
// Floor: no launch between steps; w_hh comes from the cache: 16·H² bytes per step
// Why this shape: d_pre stays in workgroup memory from step to step, the carries in registers.

const CAPACITY = UNITS * UNITS_PER_INVOCATION;

// The gradients of h and c of one invocation's units and rows; h has recurrent_size units.
alias Carries = array<CellState, UNITS_PER_INVOCATION * ROWS>;

// What a workgroup works on.
struct Place {
    slice: u32,
    step: u32,
    row: u32, // the first of ROWS
}

var<workgroup> d_pre: array<Gates, ROWS * CAPACITY>; // what goes through w_hh, of the step that follows

@compute @workgroup_size(UNITS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let z = group.y;
    let slice = params.slices[z];
    let first_row = group.x * ROWS;
    let longest = longest_of(first_row);

    var next: Carries;
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = min(first_row + r, params.batch - 1u);
            let h_at = row * params.recurrent_size + min(unit, params.recurrent_size - 1u);
            let c_at = row * params.hidden_size + min(unit, params.hidden_size - 1u);
            next[u * ROWS + r].h = carry[slice.carry_h + h_at];
            if (HAS_C == 1u) { next[u * ROWS + r].c = carry[slice.carry_c + c_at]; }
            clear(r * CAPACITY + unit);
        }
    }
    workgroupBarrier();

    for (var i = 0u; i < params.num_steps; i++) {
        let step = params.first_step + params.num_steps - 1u - i;
        if (i > 0u && step + 1u < longest) {
            add_product(&next, z, local);
        }
        advance(&next, Place(z, step, first_row), local);
        workgroupBarrier();
    }

    if (params.first_step < longest) {
        add_product(&next, z, local);
    }
    for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
        let unit = local + u * UNITS;
        for (var r = 0u; r < ROWS; r++) {
            let row = first_row + r;
            if (row < params.batch && unit < params.recurrent_size) {
                carry[slice.carry_h + row * params.recurrent_size + unit] = next[u * ROWS + r].h;
            }
            if (HAS_C == 1u && row < params.batch && unit < params.hidden_size) {
                carry[slice.carry_c + row * params.hidden_size + unit] = next[u * ROWS + r].c;
            }
        }
    }
}

// acc += one of the operands (advance_backward/*.wgsl), of so many words · W
fn multiply(acc: ptr<function, Tile>, matrix: Matrix, operand: u32, words: u32, local: u32) {
    var sums: Sums;
    accumulate(&sums, columns_of(matrix, local), operand, Quads(0u, word_quads(words), 1u));
    add_sums(acc, sums);
}

// What the step that follows gives back through w_hh.
fn add_product(next: ptr<function, Carries>, z: u32, local: u32) {
    if (local >= params.recurrent_size) {
        return; // none of its units is one of h
    }
    var acc: Tile;
    multiply(&acc, w_hh_transposed(params.slices[z]), D_PRE, params.hidden_size, local);
    for (var i = 0u; i < UNITS_PER_INVOCATION * ROWS; i++) {
        (*next)[i].h += acc[i];
    }
}
