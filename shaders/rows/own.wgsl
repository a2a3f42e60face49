// rows/own.wgsl: each time step and batch row has a projected row of its own.

fn source_row(at: u32) -> u32 {
    return at;
}
