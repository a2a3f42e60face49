// choice.wgsl: what a cell's equations work with, whatever the schedule.

// What was chosen about a cell (cell.rs); kernels with IS_CHOSEN = 0 do not read it.
struct Choice {
    f: u32,            // activations: their numbers in activation/chosen.wgsl, alpha and beta
    f_alpha: f32,
    f_beta: f32,
    g: u32,
    g_alpha: f32,
    g_beta: f32,
    h: u32,
    h_alpha: f32,
    h_beta: f32,
    coupled: u32,      // 1: the forget gate is 1 - i
    preact_clip: f32,  // the largest f32 where there is none
    cell_clip: f32,
    peepholes: u32,    // index of the row of peephole weights
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

// What a unit remembers; c only in an LSTM.
struct CellState {
    h: f32,
    c: f32,
}
