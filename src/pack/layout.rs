//! Where the packed weights lie.

use super::{PEEPHOLE_LANES, Part, lane, lanes, round_up};
use crate::cell::Cell;
use crate::format::WeightFormat;
use crate::problem::LayerSizes;
use crate::tensors::TensorKind;

/// Sections begin at a multiple of this, the largest offset alignment that WebGPU allows a device.
const SECTION_BYTES: u64 = 256;

/// Where the words of each layer and direction lie in the packed buffer: a section for each layer, one behind the
/// other. All layers above the first are of one size. Places are counted in words of the format; a word in full precision
/// takes the room of 1 (f32), 2 (f16) or 4 (int8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightLayout {
    sizes: LayerSizes,
    format: WeightFormat,
}

impl WeightLayout {
    /// In full precision.
    pub fn new(sizes: LayerSizes) -> Self {
        Self::of(sizes, WeightFormat::F32)
    }

    pub fn of(sizes: LayerSizes, format: WeightFormat) -> Self {
        WeightLayout { sizes, format }
    }

    /// Elements of a word.
    pub fn lanes(&self) -> u64 {
        lanes(self.sizes.cell) as u64
    }

    /// Bytes of a word.
    pub fn word_bytes(&self) -> u64 {
        self.format.element_bytes() * self.lanes()
    }

    /// Words from row to row.
    pub fn row_words(&self) -> u64 {
        round_up(self.sizes.hidden_size as u64, 4 / self.lanes())
    }

    /// The first word and the number of words of a layer, both directions.
    pub fn section(&self, layer: usize) -> (u64, u64) {
        let words = |layer| {
            let words = self.direction_words(layer) * self.sizes.num_directions() as u64;
            round_up(words, SECTION_BYTES / self.word_bytes())
        };
        match layer.checked_sub(1) {
            None => (0, words(0)),
            Some(between) => (words(0) + between as u64 * words(1), words(1)),
        }
    }

    /// A direction's bias row, in full precision, from the start of its layer's section.
    pub fn bias(&self, layer: usize, direction: usize) -> u64 {
        direction as u64 * self.direction_words(layer)
    }

    /// The first row of a direction's `w_ih`, from the start of its layer's section.
    pub fn w_ih(&self, layer: usize, direction: usize) -> u64 {
        self.bias(layer, direction) + self.parts(layer).w_ih
    }

    /// The first row of a direction's `w_hh`, from the start of its layer's section.
    pub fn w_hh(&self, layer: usize, direction: usize) -> u64 {
        self.bias(layer, direction) + self.parts(layer).w_hh
    }

    /// A direction's row of peephole weights, in full precision, from the start of its layer's section.
    pub fn peepholes(&self, layer: usize, direction: usize) -> u64 {
        self.bias(layer, direction) + self.parts(layer).peepholes
    }

    /// A direction's projection, from the start of its layer's section: `[H4][P4/4]` words of four outputs.
    pub fn w_hr(&self, layer: usize, direction: usize) -> u64 {
        self.bias(layer, direction) + self.parts(layer).w_hr
    }

    /// Where a tensor of a direction lies in full precision, from the start of its layer's section.
    pub fn place(&self, tensor: TensorKind, layer: usize, direction: usize) -> Place {
        let cell = self.sizes.cell;
        let unit_stride = self.lanes();
        let (part, first) = match tensor {
            TensorKind::WeightIh => (Part::Input, self.w_ih(layer, direction)),
            TensorKind::WeightHh => (Part::Recurrent, self.w_hh(layer, direction)),
            TensorKind::BiasIh => (Part::Input, self.bias(layer, direction)),
            TensorKind::BiasHh => (Part::Recurrent, self.bias(layer, direction)),
            TensorKind::Peepholes => {
                let first = unit_stride * self.peepholes(layer, direction);
                return Place { first, row_stride: 0, unit_stride, lanes: PEEPHOLE_LANES };
            }
            TensorKind::WeightHr => {
                let first = unit_stride * self.w_hr(layer, direction);
                let row_stride = 4 * self.projection_words();
                return Place { first, row_stride, unit_stride: 1, lanes: [0; 4] };
            }
        };
        let lane = |gate| if gate < cell.num_gates() { lane(cell, gate, part) } else { 0 };
        Place {
            first: unit_stride * first,
            row_stride: unit_stride * self.row_words(),
            unit_stride,
            lanes: [0, 1, 2, 3].map(|gate| lane(gate) as u32),
        }
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.section(self.sizes.num_layers).0 * self.word_bytes()
    }

    /// Words of a row of the projection.
    pub(super) fn projection_words(&self) -> u64 {
        (self.sizes.proj_size as u64).div_ceil(4)
    }

    /// The room of a row in full precision.
    fn full_row(&self, columns: u64) -> u64 {
        self.format.full_words() * columns
    }

    /// The room of the scales that lie before a matrix.
    fn scales(&self, columns: u64) -> u64 {
        if self.format.has_scales() { self.full_row(columns) } else { 0 }
    }

    fn direction_words(&self, layer: usize) -> u64 {
        self.parts(layer).end
    }

    fn parts(&self, layer: usize) -> Parts {
        let [i, r, h] = [
            self.sizes.layer_input_size(layer),
            self.sizes.recurrent_size(),
            self.sizes.hidden_size,
        ]
        .map(|rows| round_up(rows as u64, 4));
        let (row, columns) = (self.row_words(), self.projection_words());
        let has_peepholes = u64::from(self.sizes.cell == Cell::Lstm);
        let w_ih = self.full_row(row) + self.scales(row);
        let w_hh = w_ih + i * row + self.scales(row);
        let peepholes = w_hh + r * row;
        let w_hr = peepholes + has_peepholes * self.full_row(row) + self.scales(columns);
        Parts { w_ih, w_hh, peepholes, w_hr, end: w_hr + h * columns }
    }
}

/// Where the parts of a direction begin, from its bias on, and where they end.
struct Parts {
    w_ih: u64,
    w_hh: u64,
    peepholes: u64,
    w_hr: u64,
    end: u64,
}

/// Where a tensor lies: element `[gate * H + unit, k]` is at
/// `first + k * row_stride + unit * unit_stride + lanes[gate]`, counted in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub first: u64,
    pub row_stride: u64,
    pub unit_stride: u64,
    pub lanes: [u32; 4],
}
