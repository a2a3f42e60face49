// lengths/given.wgsl: each row has its own length, at most seq_len. Beyond it the row's state stays and its y is zero;
// its reverse direction begins at its own last step.

@group(0) @binding(5) var<storage, read> lengths: array<u32>; // [B]

fn length_of(row: u32) -> u32 {
    return min(lengths[min(row, params.batch - 1u)], params.seq_len);
}
