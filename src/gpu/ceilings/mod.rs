//! Beside `shaders/ceilings/*.wgsl`: how fast the device moves bytes and does arithmetic at best.

mod probe;

use super::{Gpu, GpuTimer};
use crate::ceilings::{Ceilings, WordSeconds};
use crate::error::Result;
use crate::kernels::{Lanes, compose, product_files};
use probe::Probe;

/// Bytes of each of the two buffers of a copy: the binding that WebGPU grants, and with both larger than most caches.
const COPY_BYTES: u64 = 128 << 20;
/// Software adapters take long to fill buffers, and their caches are smaller.
const COPY_BYTES_SOFTWARE: u64 = 64 << 20;
/// `SIZE * EACH` vec4s.
const COPY_GROUP_BYTES: u64 = 256 * 4 * 16;
/// `SIZE`, and the flops of one round of an invocation.
const FMA_INVOCATIONS: u32 = 64;
const FMA_FLOPS: u64 = 256;
/// Enough to fill the largest device; a software adapter has a few threads to fill.
const FMA_GROUPS: u32 = 1 << 14;
const FMA_GROUPS_SOFTWARE: u32 = 256;
/// Some drivers leave a loop after 65,535 rounds without a word.
const MOST_ROUNDS: u32 = 1 << 15;
/// Arithmetic that takes this long is long against the launch.
const LONG_ENOUGH: f64 = 0.01;
/// Dispatches that wait for each other, and barriers: enough to be long against what surrounds them.
const CHAIN_DISPATCHES: u32 = 512;
const CHAIN_ROUNDS: u32 = 8192;
/// `QUADS * 4` and `WORDS` of product.wgsl, and the words of a column that an invocation goes through.
const PRODUCT_INNER: u64 = 512;
const PRODUCT_ROW_WORDS: u64 = 256;
const PRODUCT_WORDS: u64 = 4 * PRODUCT_INNER;
/// Enough to fill most devices; a software adapter has a few threads to fill.
const PRODUCT_GROUPS: u32 = 1 << 11;
const PRODUCT_GROUPS_SOFTWARE: u32 = 16;
/// Columns of an invocation, as in the kernels of steps; on GPUs one.
const PRODUCT_COLUMNS_SOFTWARE: u32 = 4;
/// Two measurements tell what a word costs and what a row of it.
const PRODUCT_ROWS: [u32; 2] = [1, 8];

impl Gpu {
    /// Measures the device's memory bandwidth, its arithmetic peak, and what dependent steps and the inner product of
    /// a step cost, in about a second or two. GPU timestamps are used where there are any, else the time from submit
    /// to completion.
    ///
    /// # Errors
    /// [`Error::Gpu`](crate::Error::Gpu) where memory runs out, [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn measure_ceilings(&self) -> Result<Ceilings> {
        let timer = GpuTimer::new(self).ok();
        let bytes_per_second = self.measure_copy(timer.as_ref())?;
        let flops_per_second = self.measure_fma(timer.as_ref())?;
        let (dispatch_seconds, exchange_seconds) = self.measure_chain(timer.as_ref())?;
        let all = if self.caps().is_software { PRODUCT_GROUPS_SOFTWARE } else { PRODUCT_GROUPS };
        let [narrow, wide] = WordSeconds::WIDTHS;
        let word = |width, groups| self.measure_product(timer.as_ref(), width, groups);
        Ok(Ceilings {
            bytes_per_second,
            flops_per_second,
            dispatch_seconds,
            exchange_seconds,
            workgroup_word: [word(narrow, 1)?, word(wide, 1)?],
            device_word: word(narrow, all)?,
        })
    }

    /// Seconds of a dispatch that waits for the one before, and of a barrier that invocations wait at.
    fn measure_chain(&self, timer: Option<&GpuTimer>) -> Result<(f64, f64)> {
        let run = |rounds: u32, repeat: u32| {
            let probe = self.scoped(|| {
                let words = [rounds, 0, 0, 0];
                let uniform = wgpu::BufferUsages::UNIFORM;
                let params = self.create_buffer_with("params", bytemuck::bytes_of(&words), uniform);
                let h = self.create_buffer("h", 4 * 64, wgpu::BufferUsages::STORAGE);
                let source_text = include_str!("../../../shaders/ceilings/chain.wgsl");
                Ok(Probe::new(self, "chain", source_text, [&params, &h], 1).repeated(repeat))
            })?;
            probe.best_seconds(self, timer)
        };
        let dispatch = run(0, CHAIN_DISPATCHES)? / f64::from(CHAIN_DISPATCHES);
        let exchanges = (run(CHAIN_ROUNDS, 1)? - dispatch).max(0.0);
        Ok((dispatch, exchanges / f64::from(CHAIN_ROUNDS)))
    }

    /// What a word of weights costs in workgroups of so many invocations.
    fn measure_product(
        &self,
        timer: Option<&GpuTimer>,
        width: u32,
        groups: u32,
    ) -> Result<WordSeconds> {
        let columns = if self.caps().is_software { PRODUCT_COLUMNS_SOFTWARE } else { 1 };
        let words = PRODUCT_WORDS * u64::from(columns * width) * u64::from(groups);
        let seconds = |rows| {
            let probe = self.scoped(|| {
                let usage = wgpu::BufferUsages::STORAGE;
                let w = self.create_buffer("w", 16 * PRODUCT_INNER * PRODUCT_ROW_WORDS, usage);
                let sums = self.create_buffer("sums", 4 * u64::from(width * groups), usage);
                let file = include_str!("../../../shaders/ceilings/product.wgsl");
                let constants = [("WIDTH", width), ("ROWS", rows), ("COLUMNS", columns)];
                let product = product_files(Lanes::Four, rows, columns);
                let source_text = compose(&constants, &[&product[..], &[file]].concat());
                Ok(Probe::new(self, "product", &source_text, [&w, &sums], groups))
            })?;
            Ok(probe.best_seconds(self, timer)? / words as f64)
        };
        let [few, many] = PRODUCT_ROWS;
        let (of_few, of_many) = (seconds(few)?, seconds(many)?);
        Ok(WordSeconds::through([(few, of_few), (many, of_many)]))
    }

    fn measure_copy(&self, timer: Option<&GpuTimer>) -> Result<f64> {
        let caps = self.caps();
        let wanted = if caps.is_software { COPY_BYTES_SOFTWARE } else { COPY_BYTES };
        let bytes = wanted.min(caps.max_storage_buffer_binding_size).min(caps.max_buffer_size);
        let groups = bytes / COPY_GROUP_BYTES;
        let bytes = groups * COPY_GROUP_BYTES;
        let run = self.scoped(|| {
            let usage = wgpu::BufferUsages::STORAGE;
            let [source, copied] = [(); 2].map(|()| self.create_buffer("copy", bytes, usage));
            let source_text = include_str!("../../../shaders/ceilings/copy.wgsl");
            Ok(Probe::new(self, "copy", source_text, [&source, &copied], groups as u32))
        })?;
        Ok(2.0 * bytes as f64 / run.best_seconds(self, timer)?)
    }

    fn measure_fma(&self, timer: Option<&GpuTimer>) -> Result<f64> {
        let groups = if self.caps().is_software { FMA_GROUPS_SOFTWARE } else { FMA_GROUPS };
        let invocations = u64::from(groups) * u64::from(FMA_INVOCATIONS);
        let (params, run) = self.scoped(|| {
            use wgpu::BufferUsages as Usage;
            let params = self.create_buffer("params", 16, Usage::UNIFORM | Usage::COPY_DST);
            let sums = self.create_buffer("sums", 4 * invocations, Usage::STORAGE);
            let source_text = include_str!("../../../shaders/ceilings/fma.wgsl");
            let run = Probe::new(self, "fma", source_text, [&params, &sums], groups);
            Ok((params, run))
        })?;
        let mut rounds = 16;
        loop {
            // Converges to 1, far from what is not normal.
            let words = [rounds, 0.5f32.to_bits(), 0.5f32.to_bits(), 0];
            self.scoped(|| {
                self.queue().write_buffer(&params, 0, bytemuck::cast_slice(&words));
                Ok(())
            })?;
            let seconds = run.best_seconds(self, timer)?;
            if seconds >= LONG_ENOUGH || rounds == MOST_ROUNDS {
                let flops = u64::from(rounds) * FMA_FLOPS * invocations;
                return Ok(flops as f64 / seconds);
            }
            rounds = (rounds * 4).min(MOST_ROUNDS);
        }
    }
}
