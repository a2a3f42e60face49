// backward.wgsl: what the schedules of the backward pass share: the products with transposed weights.
// Binds: 0 params (backward_params.wgsl) · 1 transposed w_hh, peepholes, transposed w_hr (weights/*.wgsl)
//        2 gates rw: pre-activations, replaced by their gradients · 3 carry rw · 4 d_y read
//        5 lengths (lengths/*.wgsl) · 6 y read (h_before/output.wgsl)
// Consts: UNITS, UNITS_PER_INVOCATION, ROWS, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/backward.rs)
// The skeleton supplies operand_word(at, row, j): word j of what is multiplied, from workgroup memory. Its words are padded
//        to whole quads of k (transposed/*.wgsl) with zeros.

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
alias Tile = array<f32, UNITS_PER_INVOCATION * ROWS>;

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

struct Column {
    first: u32, // index of its weight in row 0
    stride: u32,
}

fn column_of(matrix: Matrix, first: u32, u: u32) -> Column {
    return Column(matrix.first + column(matrix, first, u), matrix.row_words);
}

fn quads(size: u32) -> u32 {
    return (size + 3u) / 4u;
}

// Quads of k in so many words.
fn word_quads(words: u32) -> u32 {
    return (words + QUAD_WORDS - 1u) / QUAD_WORDS;
}

// The longest of the rows that a workgroup owns.
fn longest_of(first_row: u32) -> u32 {
    var longest = 0u;
    for (var r = 0u; r < ROWS; r++) {
        longest = max(longest, length_of(first_row + r));
    }
    return longest;
}
