// backward.wgsl: what the schedules of the backward pass share: the product with w_hh, and one unit's gradients.
// Binds: 0 params (backward_params.wgsl) · 1 transposed w_hh (weights/*.wgsl) · 2 gates rw: pre-activations, replaced by their gradients
//        3 carry rw · 4 d_y read · 5 lengths (lengths/*.wgsl) · 6 y read
// Consts: UNITS, UNITS_PER_INVOCATION, ROWS, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/backward.rs)
// The skeleton supplies operand_word(row, unit): d_pre of the step that follows, from workgroup memory.

// What a unit gives back: the gradients of its pre-activations and, beside what goes through w_hh, of h and c before.
struct CellGradient {
    pre: Gates,
    h: f32,
    c: f32,
}

@group(0) @binding(0) var<storage, read> params: BackwardParams;
@group(0) @binding(2) var<storage, read_write> gates: array<Gates>; // [steps of the chunk, B, slices, row_words]
@group(0) @binding(3) var<storage, read_write> carry: array<f32>;
@group(0) @binding(4) var<storage, read> d_y: array<f32>;           // [T,B,D*R] or [B,T,D*R]
@group(0) @binding(6) var<storage, read> y: array<f32>;             // as d_y

// The sums of one invocation's units and rows: [UNITS_PER_INVOCATION][ROWS].
alias Sums = array<f32, UNITS_PER_INVOCATION * ROWS>;

// 1 where clip leaves a value as it is, else 0.
fn inside(x: f32, bound: f32) -> f32 {
    return select(0.0, 1.0, abs(x) <= bound);
}

// Unit u of an invocation; those beyond the last repeat it, since all invocations must reach the barriers.
fn unit_of(first_unit: u32, u: u32) -> u32 {
    return min(first_unit + u * UNITS, params.recurrent_size - 1u);
}

// sums[u][r] += sum over units j < count of d_pre[r][j] · w_hh[j][unit u], j counted from the row of weights `first`.
fn accumulate(sums: ptr<function, Sums>, first: u32, first_unit: u32, count: u32) {
    var w: array<Gates, UNITS_PER_INVOCATION>;
    for (var j = 0u; j < count; j++) {
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            w[u] = load_weight(first + j * params.t_words + unit_of(first_unit, u));
        }
        for (var r = 0u; r < ROWS; r++) {
            let d = operand_word(r, j);
            for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
                (*sums)[u * ROWS + r] += product(d, w[u]);
            }
        }
    }
}

// The longest of the rows that a workgroup owns.
fn longest_of(first_row: u32) -> u32 {
    var longest = 0u;
    for (var r = 0u; r < ROWS; r++) {
        longest = max(longest, length_of(first_row + r));
    }
    return longest;
}

fn gates_at(step: u32, row: u32, z: u32) -> u32 {
    return (((step - params.chunk_step) * params.batch + row) * params.num_slices + z) * params.row_words;
}

// Where y and d_y hold a unit after a step.
fn output_at(z: u32, step: u32, row: u32, unit: u32) -> u32 {
    let slice = params.slices[z];
    let length = length_of(row);
    let t = select(step, length - 1u - step, slice.reverse != 0u && step < length);
    return t * params.output_stride_t + row * params.output_stride_b + slice.output + unit;
}

// h and c of a unit before a step.
fn before(z: u32, step: u32, row: u32, unit: u32) -> CellState {
    let slice = params.slices[z];
    let at = row * params.hidden_size + unit;
    var prev = CellState(0.0, 0.0);
    if (step == 0u) {
        prev.h = carry[slice.h0 + at];
    } else {
        prev.h = y[output_at(z, step - 1u, row, unit)];
    }
    if (HAS_C == 1u) {
        var c_at = slice.c_before + at;
        if (step > params.chunk_step) {
            let rows = (step - 1u - params.chunk_step) * params.batch + row;
            c_at = params.c_seq + (rows * params.num_slices + z) * params.hidden_size + unit;
        }
        prev.c = carry[c_at];
    }
    return prev;
}

// One unit of one row at a step. next: the gradients of h, complete but for d_y, and of c after the step.
// Beyond the row's length there is nothing to give back, and the gradients go through.
fn unit_backward(z: u32, step: u32, row: u32, unit: u32, next: CellState) -> CellGradient {
    if (step >= length_of(row)) {
        return CellGradient(Gates(), next.h, next.c);
    }
    let pre = gates[gates_at(step, row, z) + unit];
    let d_h = d_y[output_at(z, step, row, unit)] + next.h;
    return cell_backward(pre, before(z, step, row, unit), d_h, next.c, z, unit);
}
