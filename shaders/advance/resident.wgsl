// advance/resident.wgsl: a time step of sequence.wgsl in one phase, whose weights stay in registers for the whole chunk.
// Each of the SPLIT invocations of a unit keeps, of the unit's column of w_hh, every SPLIT-th quad of k.
// Why this shape:
//   1. A step reads nothing but x_proj, and that of the next step is on its way while this one is computed.
//   2. All indices of `kept` are constants once loops are unrolled, which is what keeps an array in registers.

const QUADS = CAPACITY / (4u * SPLIT);

var<private> kept: array<Packed, 4u * QUADS>;
var<private> scale: Gates;
var<private> upcoming: Tile; // what the next step begins with

fn prepare(place: Place, local: u32) {
    let w_hh = gates_matrix(place.slice.w_hh);
    let at = w_hh.first + column(w_hh, local % UNITS, 0u);
    scale = load_scale(w_hh.first, w_hh.row_words, column(w_hh, local % UNITS, 0u));
    for (var q = 0u; q < QUADS; q++) {
        let quad = local / UNITS + q * SPLIT;
        if (quad < quads(params.recurrent_size)) {
            for (var i = 0u; i < 4u; i++) {
                kept[4u * q + i] = load_packed(at + (4u * quad + i) * w_hh.row_words);
            }
        }
    }
    var first: Tile;
    input_part(&first, place, local % UNITS, local);
    upcoming = first;
}

fn advance(place: Place, local: u32, h_read: u32, h_write: u32) {
    let unit = local % UNITS;
    let last = params.first_step + params.num_steps - 1u;
    let after = Place(place.z, place.slice, min(place.step + 1u, last), place.row, place.h_prev);
    var acc = upcoming;
    var next: Tile;
    input_part(&next, after, unit, local);
    var sums: Sums;
    for (var q = 0u; q < QUADS; q++) {
        let w = Quad(
            unpacked(kept[4u * q], scale),
            unpacked(kept[4u * q + 1u], scale),
            unpacked(kept[4u * q + 2u], scale),
            unpacked(kept[4u * q + 3u], scale),
        );
        sums = plus_product(sums, w, operand(h_read, local / UNITS + q * SPLIT));
    }
    add_sums(&acc, sums);
    sum_parts(&acc, local);
    update(&acc, place, local, h_read, h_write);
    upcoming = next;
}
