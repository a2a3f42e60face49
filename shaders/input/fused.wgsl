// input/fused.wgsl: the kernel multiplies [x, h] with [w_ih | w_hh] in one pass.
// The input is x, or in a wavefront the h of the slice below, written by the dispatch before.

@group(0) @binding(2) var<storage, read> x: array<f32>; // [T,B,I] or [B,T,I]

fn input_part(acc: ptr<function, Tile>, place: Place, unit: u32, local: u32) {
    let slice = place.slice;
    let w_ih = gates_matrix(slice.w_ih);
    if (is_first(local)) {
        for (var u = 0u; u < UNITS_PER_INVOCATION; u++) {
            fill(acc, u, load_full(slice.bias, column(w_ih, unit, u)));
        }
    }
    let is_input = slice.below == NONE;
    let source = Source(is_input, true, slice.below, params.recurrent_size, slice.input_size);
    multiply(acc, place, source, w_ih, unit, local);
}

fn operand_at(is_input: bool, index: u32) -> f32 {
    if (is_input) {
        return x[index];
    }
    return state[index];
}
