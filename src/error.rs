//! The one error type of this crate.

use crate::Schedule;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the argument, what was expected of it and what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array has the wrong rank or shape.
    #[error("`{argument}` has shape {given:?}, expected {expected}")]
    Shape {
        /// The argument at fault.
        argument: String,
        /// The shape it should have, in words and numbers.
        expected: String,
        /// The shape it has.
        given: Vec<usize>,
    },

    /// An argument has a value that makes no sense.
    #[error("`{argument}` is {given}, expected {expected}")]
    Argument {
        /// The argument at fault.
        argument: String,
        /// What it should be.
        expected: String,
        /// What it is.
        given: String,
    },

    /// A size computed from the arguments does not fit in 64 bits.
    #[error("the size of {what} overflows")]
    Overflow {
        /// What would have that size.
        what: String,
    },

    /// The problem is beyond a limit of the device.
    #[error("{what} needs {needed}, but the device's `{limit}` is {available}")]
    Limit {
        /// The limit, by the name it has in `wgpu::Limits` or [`DeviceCaps`](crate::DeviceCaps).
        limit: &'static str,
        /// What needs more than the limit.
        what: String,
        /// How much it needs.
        needed: u64,
        /// How much there is.
        available: u64,
    },

    /// A schedule was forced that cannot run this problem.
    #[error("schedule {schedule} cannot run this problem: {reason}")]
    Schedule {
        /// The schedule that was forced.
        schedule: Schedule,
        /// Which limit or property of the problem rules it out.
        reason: String,
    },

    /// The request is meaningful, but this version cannot serve it.
    #[error("{what} is not supported: {reason}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// Why it cannot be had.
        reason: String,
    },

    /// A pool of streams has no slot left: one has to leave before another can join.
    #[error("the pool is full: all of its {capacity} slots are taken")]
    PoolFull {
        /// Slots of the pool.
        capacity: usize,
    },

    /// A slot whose stream has left the pool, or is in another one.
    #[error("`{argument}` is no stream of this pool: it has left, or is in another pool")]
    StaleSlot {
        /// The argument at fault.
        argument: String,
    },

    /// A file has no tensor of this name.
    #[error("no tensor `{name}`; the file has: {available}")]
    MissingTensor {
        /// The tensor looked for.
        name: String,
        /// The names that are there, the first few of many.
        available: String,
    },

    /// A tensor has a type of element that cannot be read as weights.
    #[error("tensor `{name}` has dtype {given}, expected F32, F16 or BF16")]
    TensorDtype {
        /// The tensor.
        name: String,
        /// Its dtype.
        given: String,
    },

    /// A file is not what its format says it should be.
    #[error("invalid {format} data: {reason}")]
    Format {
        /// The format.
        format: &'static str,
        /// What is wrong with the data.
        reason: String,
    },

    /// A file could not be read or written.
    #[error("file {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },

    /// No adapter fits the request.
    #[error("no GPU adapter: {reason}")]
    NoAdapter {
        /// What was asked for and what was found.
        reason: String,
    },

    /// A buffer or model belongs to another [`Gpu`](crate::Gpu).
    #[error("`{argument}` belongs to another device than the model")]
    WrongDevice {
        /// The argument at fault.
        argument: String,
    },

    /// A buffer lacks a usage flag.
    #[error("buffer `{argument}` has usage {given}, expected it to contain {expected}")]
    BufferUsage {
        /// The argument at fault.
        argument: String,
        /// The flags it needs.
        expected: String,
        /// The flags it has.
        given: String,
    },

    /// A buffer is smaller than its shape says.
    #[error("buffer `{argument}` has {given_bytes} bytes, expected at least {expected_bytes}")]
    BufferTooSmall {
        /// The argument at fault.
        argument: String,
        /// Bytes needed.
        expected_bytes: u64,
        /// Bytes there.
        given_bytes: u64,
    },

    /// The device was lost, in this call or before; nothing runs on it any more. A call that only queues or records
    /// work may not notice: the next one that brings results does.
    #[error("the GPU device is lost: {reason}")]
    DeviceLost {
        /// What the driver says.
        reason: String,
    },

    /// The graphics API refused something. If the arguments were right, it is a bug in this crate.
    #[error("GPU error: {reason}")]
    Gpu {
        /// What wgpu says.
        reason: String,
    },
}

impl Error {
    pub(crate) fn shape(argument: &str, expected: impl Into<String>, given: &[usize]) -> Self {
        Error::Shape { argument: argument.into(), expected: expected.into(), given: given.to_vec() }
    }

    /// The same, of a part: `h0` of `states[1]` is `states[1].h0`.
    pub(crate) fn within(mut self, part: &str) -> Self {
        match &mut self {
            Error::Shape { argument, .. }
            | Error::Argument { argument, .. }
            | Error::WrongDevice { argument }
            | Error::BufferUsage { argument, .. } => *argument = format!("{part}.{argument}"),
            Error::Limit { what, .. } => *what = format!("{part}: {what}"),
            Error::Overflow { what } => *what = format!("{what} of {part}"),
            Error::Schedule { reason, .. } => *reason = format!("{part}: {reason}"),
            _ => {}
        }
        self
    }

    pub(crate) fn argument(
        argument: &str,
        expected: impl Into<String>,
        given: impl ToString,
    ) -> Self {
        Error::Argument {
            argument: argument.into(),
            expected: expected.into(),
            given: given.to_string(),
        }
    }
}
