// advance/resident.wgsl: a time step of sequence.wgsl in one phase, whose weights stay in registers for the whole chunk.
// Each of the SPLIT invocations of a unit keeps, of the columns of its units, every SPLIT-th quad of k (kept/*.wgsl).
// Why this shape:
//   1. A step reads nothing but x_proj, and that of the next step is on its way while this one is computed.
//   2. What is kept is indexed by constants alone, which is what keeps it in registers, and a CPU adapter, whose registers
//      are memory, from loading it lane by lane.

var<private> upcoming: Tile; // what the next step begins with

// The weights of a quad; beyond the last, where the operand is 0, those of the last.
fn keep(matrix: Matrix, unit: u32, quad: u32) -> Columns {
    let own_quad = min(quad, quads(params.recurrent_size) - 1u);
    return columns_of(Matrix(matrix.first, matrix.columns, matrix.row_words, own_quad), unit);
}

fn prepare(place: Place, local: u32) {
    keep_all(gates_matrix(place.slice.w_hh), local % UNITS, local / UNITS);
    var first: Tile;
    input_part(&first, place, local % UNITS, local);
    upcoming = first;
}

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let last = params.first_step + params.num_steps - 1u;
    let after = Place(place.z, place.slice, min(place.step + 1u, last), place.row, place.h_prev);
    var acc = upcoming;
    var next: Tile;
    input_part(&next, after, local % UNITS, local);
    add_sums(&acc, kept_products(h_read, local / UNITS));
    sum_parts(&acc, local);
    update(&acc, place, local, h_read, h_write);
    upcoming = next;
}
