// backward.wgsl: what the schedules of the backward pass share: the products with transposed weights.
// Binds: 0 params (backward_params.wgsl) · 1 transposed w_hh, peepholes, transposed w_hr (weights/*.wgsl)
//        2 gates rw: pre-activations, replaced by their gradients · 3 carry rw · 4 d_y read
//        5 lengths (lengths/*.wgsl) · 6 y read (h_before/output.wgsl)
// Consts: UNITS, UNITS_PER_INVOCATION, ROWS, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/backward.rs)
// The skeleton supplies operand_word(row, j): word j of what is multiplied, from workgroup memory.

// What a unit gives back: the gradients of its pre-activations and, beside what goes through w_hh, of h and c before.
struct CellGradient {
    pre: Gates,
    h: f32,
    c: f32,
}

// [steps of the chunk, B, slices, row_words]; in a wave [layers, steps, B, row_words]
@group(0) @binding(2) var<storage, read_write> gates: array<Gates>;
@group(0) @binding(4) var<storage, read> d_y: array<f32>; // as y

// The sums of one invocation's units and rows: [UNITS_PER_INVOCATION][ROWS].
alias Sums = array<f32, UNITS_PER_INVOCATION * ROWS>;

// Transposed weights [words of the operand][row_words] of which `columns` are used.
struct Matrix {
    first: u32, // index of W[0][0]
    columns: u32,
    row_words: u32,
}

fn w_hh_transposed(slice: BackwardSlice) -> Matrix {
    return Matrix(slice.w_t, params.recurrent_size, params.t_words);
}

// 1 where clip leaves a value as it is, else 0.
fn inside(x: f32, bound: f32) -> f32 {
    return select(0.0, 1.0, abs(x) <= bound);
}

// Column u of an invocation; those beyond the last repeat it, since all invocations must reach the barriers.
fn column(matrix: Matrix, unit: u32, u: u32) -> u32 {
    return min(unit + u * UNITS, matrix.columns - 1u);
}

fn quads(size: u32) -> u32 {
    return (size + 3u) / 4u;
}

// sums[u][r] += sum over words j < count of operand[r][j] · W[j][column u], four at a time. The operand's words are
// padded to whole quads with zeros; in place of weights that are not there the last row is read once more.
fn accumulate(sums: ptr<function, Sums>, matrix: Matrix, unit: u32, count: u32) {
    let last = count - 1u;
    var w: array<Gates, 4 * UNITS_PER_INVOCATION>;
    for (var j = 0u; j < count; j += 4u) {
        let row_0 = matrix.first + j * matrix.row_words;
        let row_1 = matrix.first + min(j + 1u, last) * matrix.row_words;
        let row_2 = matrix.first + min(j + 2u, last) * matrix.row_words;
        let row_3 = matrix.first + min(j + 3u, last) * matrix.row_words;
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            let at = column(matrix, unit, u);
            w[4u * u] = load_full(row_0, at);
            w[4u * u + 1u] = load_full(row_1, at);
            w[4u * u + 2u] = load_full(row_2, at);
            w[4u * u + 3u] = load_full(row_3, at);
        }
        for (var r = 0u; r < ROWS; r++) {
            let d_0 = operand_word(r, j);
            let d_1 = operand_word(r, j + 1u);
            let d_2 = operand_word(r, j + 2u);
            let d_3 = operand_word(r, j + 3u);
            for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
                (*sums)[u * ROWS + r] += product(d_0, w[4u * u]) + product(d_1, w[4u * u + 1u])
                    + product(d_2, w[4u * u + 2u]) + product(d_3, w[4u * u + 3u]);
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
