// lengths/none.wgsl: all rows have the full length.

fn length_of(row: u32) -> u32 {
    return params.seq_len;
}
