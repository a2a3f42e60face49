// split/parts.wgsl: SPLIT invocations have a part each of a unit's sums over k; the first of them gets the whole.
// A tree of one shape, so that the same numbers are added in the same order in every run.

// The sums that half of the parts hand on: [SPLIT / 2][UNITS_PER_INVOCATION * ROWS][UNITS].
var<workgroup> parts: array<Gates, SPLIT / 2u * TILE_SIZE * UNITS>;

// Between two calls there is a barrier.
fn sum_parts(acc: ptr<function, Tile>, local: u32) {
    let part = local / UNITS;
    let unit = local % UNITS;
    for (var half = SPLIT / 2u; half > 0u; half /= 2u) {
        // From the second level on a part hands on through the place that only it has read: one barrier is enough.
        if (part >= half && part < 2u * half) {
            for (var i = 0u; i < TILE_SIZE; i++) {
                parts[((part % (SPLIT / 2u)) * TILE_SIZE + i) * UNITS + unit] = (*acc)[i];
            }
        }
        workgroupBarrier();
        if (part < half) {
            for (var i = 0u; i < TILE_SIZE; i++) {
                (*acc)[i] += parts[(((part + half) % (SPLIT / 2u)) * TILE_SIZE + i) * UNITS + unit];
            }
        }
    }
}
