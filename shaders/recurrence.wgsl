// recurrence.wgsl: what the schedules share: parameters, state, and the product of all gates with one operand.
// Binds: 0 params · 1 weights (weights/*.wgsl) · 2 x_proj or x (input/*.wgsl) · 3 state rw · 4 y rw
//        5 lengths (lengths/*.wgsl)
// Consts: UNITS, UNITS_PER_INVOCATION, ROWS, SPLIT, MAX_SLICES, HAS_C, IS_CHOSEN (kernels/step.rs, sequence.rs, recurrence.rs)
// The skeleton supplies operand_quad (product.wgsl), of x or h in workgroup memory.

// A slice of a dispatch (grid z): a direction of a layer (Stepwise, SequenceFused), or a layer (Wavefront).
struct Slice {
    bias: u32,         // index of its bias row in the packed weights
    w_ih: u32,         // index of the first row of w_ih
    w_hh: u32,         // index of the first row of w_hh
    w_hr: u32,         // index of the first word of the projection, four outputs to a word
    input_size: u32,   // I, where the kernel multiplies the input itself
    h: u32,            // its [B,R] in one half of the h ring
    c: u32,            // its [B,H] in state
    exchange: u32,     // its [B,H] in state, for what a step's first phase leaves to the second
    below: u32,        // the h of the slice whose h is its input, or NONE: the input buffer
    delay: u32,        // dispatches by which it runs behind the first slice
    reverse: u32,      // 1: from the last time step to the first
    output: u32,       // its first column in y, or NONE: it writes no y
    choice: Choice,
}

struct Params {
    hidden_size: u32,     // H
    recurrent_size: u32,  // R, the size of h: H, or that of the projection
    row_words: u32,       // words from row to row of the weights, and of x_proj: H, rounded up where a word is one f32
    batch: u32,
    seq_len: u32,
    first_step: u32,      // the chunk's first step, counted from the start of the sequence
    num_steps: u32,       // steps of the chunk (SequenceFused)
    phase: u32,           // the half of the h ring that holds h before step 0
    state_size: u32,      // elements of one half of the ring: all layers, [L*D,B,R]
    exchange_size: u32,   // elements of one array of the exchange: all slices, [D,B,H]
    input_stride_t: u32,  // of x, in elements
    input_stride_b: u32,
    output_stride_t: u32, // of y, in elements
    output_stride_b: u32,
    num_slices: u32,
    padding: u32,
    slices: array<Slice, MAX_SLICES>,
}

const NONE = 0xffffffffu;

// What a workgroup works on. All of it is uniform, so that barriers may depend on it; unit and invocation go apart.
struct Place {
    z: u32,       // of the slice
    slice: Slice, // read once: in an inner loop a CPU adapter loads it lane by lane
    step: u32,   // of this slice
    row: u32,    // the first of ROWS
    h_prev: u32, // the half of the h ring to read
}

@group(0) @binding(0) var<storage, read> params: Params;
// h ring [2][L*D,B,R], c [L*D,B,H], exchange [3][D,B,H]
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;     // [T,B,D*R] or [B,T,D*R]

// The pre-activations of one invocation's units and rows: [UNITS_PER_INVOCATION][ROWS].
const TILE_SIZE = UNITS_PER_INVOCATION * ROWS;
alias Tile = array<Gates, TILE_SIZE>;

// SPLIT invocations, UNITS apart, have a part each of a unit's sums over k (split/*.wgsl).
const INVOCATIONS = UNITS * SPLIT;

// Whether an invocation is the one that begins and ends its units' sums.
fn is_first(local: u32) -> bool {
    return SPLIT == 1u || local < UNITS;
}

// Packed weights [K][row_words] of which `columns` are used.
struct Matrix {
    first: u32, // index of W[0][0]
    columns: u32,
    row_words: u32,
    quad: u32,  // the quad of k that its columns begin with (columns/*.wgsl)
}

fn gates_matrix(first: u32) -> Matrix {
    return Matrix(first, params.hidden_size, params.row_words, 0u);
}

// Column u of an invocation; those beyond the last repeat it, since all invocations must reach the barriers.
fn column(matrix: Matrix, unit: u32, u: u32) -> u32 {
    return min(unit + u * UNITS, matrix.columns - 1u);
}

// An invocation's part of so many quads of k from `first` on.
fn own_quads(first: u32, num_quads: u32, local: u32) -> Quads {
    return Quads(first + local / UNITS, first + num_quads, SPLIT);
}

fn fill(acc: ptr<function, Tile>, u: u32, value: Gates) {
    for (var r = 0u; r < ROWS; r++) {
        (*acc)[u * ROWS + r] = value;
    }
}

fn quads(size: u32) -> u32 {
    return (size + 3u) / 4u;
}

// The time step that is a row's step; beyond its length, the step itself.
fn time_of(slice: Slice, step: u32, row: u32) -> u32 {
    let length = length_of(row);
    return select(step, length - 1u - step, slice.reverse != 0u && step < length);
}

fn write_output(slice: Slice, step: u32, row: u32, unit: u32, h: f32) {
    if (slice.output != NONE) {
        let t = time_of(slice, step, row);
        y[t * params.output_stride_t + row * params.output_stride_b + slice.output + unit] = h;
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
