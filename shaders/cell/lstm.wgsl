// cell/lstm.wgsl: the LSTM equations, once.
// Math:  i, f, o = sigmoid(pre.i, pre.f, pre.o)    g = tanh(pre.g)
//        c' = f * c + i * g                        h' = o * tanh(c')

// Pre-activations, or the weights, of one hidden unit: (i, f, g, o), PyTorch's gate order.
alias Gates = vec4<f32>;

struct CellState {
    h: f32,
    c: f32,
}

fn cell_update(pre: Gates, prev: CellState) -> CellState {
    let i = sigmoid(pre.x);
    let f = sigmoid(pre.y);
    let g = tanh_stable(pre.z);
    let o = sigmoid(pre.w);
    let c = f * prev.c + i * g;
    return CellState(o * tanh_stable(c), c);
}
