// product/four_lanes.wgsl: a word of weights has four lanes: the gates of a unit, or four neighbouring columns.

alias Quad = mat4x4<f32>; // the words of a column of four k in a row
alias SumsOf1 = vec4<f32>;
alias SumsOf2 = mat2x4<f32>;
alias SumsOf4 = mat4x4<f32>;

fn quad_times_row(w: Quad, v: vec4<f32>) -> SumsOf1 {
    return w * v;
}
