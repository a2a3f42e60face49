// product/one_lane.wgsl: a word of weights is one number, and so is each sum.

alias Quad = vec4<f32>; // a column's weights of four k in a row
alias SumsOf1 = f32;
alias SumsOf2 = vec2<f32>;
alias SumsOf4 = vec4<f32>;

fn quad_times_row(w: Quad, v: vec4<f32>) -> SumsOf1 {
    return dot(w, v);
}
