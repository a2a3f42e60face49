//! Beside `shaders/map.wgsl` and `softmax.wgsl`: what stages without weights compute of each time step.

use bytemuck::{Pod, Zeroable};

use super::{compose, spread};

/// `map.wgsl`: of each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Map {
    Relu,
    Tanh,
    Sigmoid,
}

/// `struct MapParams` of map.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct MapParams {
    pub elements: u32,
    pub groups: u32,
}

impl Map {
    pub const INVOCATIONS: u32 = 64;
    const EACH: u32 = 4;

    pub fn all() -> impl Iterator<Item = Self> {
        [Map::Relu, Map::Tanh, Map::Sigmoid].into_iter()
    }

    pub fn grid(elements: u64) -> [u64; 3] {
        spread(elements.div_ceil((Self::INVOCATIONS * Self::EACH).into()))
    }

    pub fn name(&self) -> String {
        let activation = match self {
            Map::Relu => "relu",
            Map::Tanh => "tanh",
            Map::Sigmoid => "sigmoid",
        };
        format!("map_{activation}")
    }

    pub fn source(&self) -> String {
        let functions = include_str!("../../shaders/activation/functions.wgsl");
        let activation = match self {
            Map::Relu => include_str!("../../shaders/activation/relu.wgsl"),
            Map::Tanh => include_str!("../../shaders/activation/tanh.wgsl"),
            Map::Sigmoid => include_str!("../../shaders/activation/sigmoid.wgsl"),
        };
        let constants = [("INVOCATIONS", Self::INVOCATIONS), ("EACH", Self::EACH)];
        let skeleton = include_str!("../../shaders/map.wgsl");
        compose(&constants, &[functions, activation, skeleton])
    }
}

/// `softmax.wgsl`: of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// Whether the logarithm is wanted.
    pub is_log: bool,
    /// Invocations that share a row.
    pub lanes: u32,
}

/// `struct SoftmaxParams` of softmax.wgsl.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct SoftmaxParams {
    pub rows: u32,
    pub features: u32,
    pub groups: u32,
}

impl Softmax {
    pub const INVOCATIONS: u32 = 64;
    /// Few for the classes of a tagger, all for the words of a language.
    const LANES: [u32; 2] = [4, Self::INVOCATIONS];

    pub fn new(is_log: bool, features: u64) -> Self {
        let [few, all] = Self::LANES;
        Softmax { is_log, lanes: if features <= 4 * u64::from(few) { few } else { all } }
    }

    pub fn all() -> impl Iterator<Item = Self> {
        let lanes = |is_log| Self::LANES.map(|lanes| Softmax { is_log, lanes });
        [false, true].into_iter().flat_map(lanes)
    }

    /// Rows of a workgroup.
    fn rows(&self) -> u32 {
        Self::INVOCATIONS / self.lanes
    }

    pub fn grid(&self, rows: u64) -> [u64; 3] {
        spread(rows.div_ceil(self.rows().into()))
    }

    /// Loop iterations of one invocation.
    pub fn iterations(&self, features: u64) -> u64 {
        3 * features.div_ceil(self.lanes.into()) + 2 * u64::from(self.lanes.ilog2())
    }

    pub fn workgroup_bytes(&self) -> u32 {
        4 * Self::INVOCATIONS
    }

    pub fn name(&self) -> String {
        format!("{}softmax_{}", if self.is_log { "log_" } else { "" }, self.lanes)
    }

    pub fn source(&self) -> String {
        let is_log = u32::from(self.is_log);
        let constants = [("ROWS", self.rows()), ("LANES", self.lanes), ("IS_LOG", is_log)];
        compose(&constants, &[include_str!("../../shaders/softmax.wgsl")])
    }
}
