// rows/by_token.wgsl: the token of a time step and batch row picks a row of a projected table.
// A token beyond the table counts as its last row: the host has refused those that it saw.

@group(0) @binding(4) var<storage, read> tokens: array<u32>; // [T,B] or [B,T]

fn source_row(at: u32) -> u32 {
    return min(tokens[at], params.table_rows - 1u);
}
