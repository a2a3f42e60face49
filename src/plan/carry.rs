//! Where the parts lie of what a backward pass has in memory.

use super::Schedule;
use super::describe::{elements, x_proj_step_bytes};
use crate::kernels::{DOutput, Phases};
use crate::pack::{WeightLayout, round_up};
use crate::problem::{LayerSizes, Problem};

/// Where the parts lie, in f32, of what the steps of a backward pass hand on. With D directions, L layers, R the size
/// of h, N chunks; a wavefront has one chunk, and where one layer's directions share D, all its layers L:
#[derive(Debug)]
pub(crate) struct Carry {
    /// `[L*D, B, R]`: the gradient of h.
    pub h: u64,
    /// `[L*D, B, H]`: the gradient of c, where the cell has it, as all that follows but h0.
    pub c: u64,
    /// `[L*D, B, R]`: h before the first step.
    pub h0: u64,
    /// `[L*D, B, H]`: c before the first step.
    pub c0: u64,
    /// `[N, D, B, H]`: c after each chunk; all layers share it. `[L, B, H]` in a wavefront.
    pub checkpoints: u64,
    /// `[steps of a chunk, B, D, H]`: c after each step of a chunk. `[L, T, B, H]` in a wavefront.
    pub c_seq: u64,
    /// `[steps of a chunk, B, D, H]`: what the second product of a step in two phases multiplied in the forward pass.
    /// In the wavefront of a GRU `[L, T, B, H]`: h before each step.
    pub h_inner: u64,
    /// What the first phase of a step leaves to the second: `[steps of a chunk, B, D, P4]`, P4 = R in whole quads,
    /// where h is projected; `[B, D, H]` where the reset gate scales h. It begins with a whole quad.
    pub exchange: u64,
    /// All of them together.
    pub elements: u64,
}

impl Carry {
    pub fn new(problem: &Problem, chunk: usize, schedule: Schedule) -> Self {
        let has_c = u64::from(problem.sizes.cell.has_c());
        let (h_size, c_size) = (elements(problem.h_shape()), has_c * elements(problem.c_shape()));
        let slots = slots(&problem.sizes, schedule);
        let step = has_c * slots * problem.batch as u64 * problem.sizes.hidden_size as u64;
        let chunks = problem.seq_len.div_ceil(chunk) as u64;
        let c = h_size;
        let h0 = c + c_size;
        let c0 = h0 + h_size;
        let checkpoints = c0 + c_size;
        let c_seq = checkpoints + chunks * step;
        let h_inner = c_seq + chunk as u64 * step;
        let sizes = &problem.sizes;
        let rows = problem.batch as u64 * slots;
        let inner = rows * sizes.hidden_size as u64;
        let projected = rows * round_up(sizes.recurrent_size() as u64, 4);
        let (inner_size, exchange_size) = match Phases::of(sizes) {
            // A wavefront does not read h from y, which lies elsewhere for each layer.
            Phases::Whole if keeps_h(sizes, schedule) => (chunk as u64 * inner, 0),
            Phases::Whole => (0, 0),
            Phases::Reset => (chunk as u64 * inner, inner),
            Phases::Projection => (chunk as u64 * inner, chunk as u64 * projected),
        };
        let exchange = round_up(h_inner + inner_size, 4);
        let elements = exchange + exchange_size;
        Carry { h: 0, c, h0, c0, checkpoints, c_seq, h_inner, exchange, elements }
    }
}

/// The slices whose gates, c and transposed weights are in memory at once: a layer's directions, or all layers.
fn slots(sizes: &LayerSizes, schedule: Schedule) -> u64 {
    let slots = match schedule {
        Schedule::Wavefront => sizes.num_layers,
        _ => sizes.num_directions(),
    };
    slots as u64
}

/// Whether h before every step is kept for the recurrence.
pub(crate) fn keeps_h(sizes: &LayerSizes, schedule: Schedule) -> bool {
    schedule == Schedule::Wavefront && DOutput::Above.keeps_h(sizes.cell)
}

/// The gates of a chunk.
pub(super) fn gates_bytes(problem: &Problem, chunk: usize, schedule: Schedule) -> u64 {
    let sizes = &problem.sizes;
    let layers = slots(sizes, schedule) / sizes.num_directions() as u64;
    // Saturating, to be compared with limits.
    x_proj_step_bytes(problem).saturating_mul(layers).saturating_mul(chunk as u64)
}

/// Where the parts of the transposed weights of a direction lie, or of a layer of a wavefront, in words.
pub(crate) struct TransposedLayout {
    /// Of a row of w_hh, `[H][row]`, which comes first.
    pub row_words: u64,
    /// The row of peepholes.
    pub peepholes: u64,
    /// w_hr where h is projected: `[P4/4][H]`.
    pub w_hr: u64,
    /// In a wavefront w_ih of the layer above, as w_hh.
    pub w_above: u64,
    /// From direction to direction, or layer to layer.
    pub stride: u64,
    /// In all.
    pub words: u64,
}

impl TransposedLayout {
    pub fn new(sizes: &LayerSizes, schedule: Schedule) -> Self {
        let whole = |words| round_up(words, 16 / WeightLayout::new(*sizes).word_bytes());
        let [h, p] = [sizes.hidden_size, sizes.proj_size].map(|n| n as u64);
        let row_words = whole(sizes.recurrent_size() as u64);
        let peepholes = h * row_words;
        let w_hr = peepholes + whole(h);
        let w_above = w_hr + p.div_ceil(4) * h;
        let above = if schedule == Schedule::Wavefront { h * row_words } else { 0 };
        let stride = w_above + above;
        // The top layer has none above.
        let words = slots(sizes, schedule) * stride - above;
        TransposedLayout { row_words, peepholes, w_hr, w_above, stride, words }
    }
}
