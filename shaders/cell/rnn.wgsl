// cell/rnn.wgsl: the equation of the vanilla RNN.
// Math:  h' = activate_f(pre)

// The pre-activation, or the weight, of one hidden unit.
alias Gates = f32;

fn cell_update(pre: Gates, prev: CellState, slice: u32, unit: u32) -> CellState {
    if (IS_CHOSEN == 1u) {
        return CellState(activate_f(clip(pre, params.slices[slice].choice.preact_clip), slice), 0.0);
    }
    return CellState(activate_f(pre, slice), 0.0);
}
