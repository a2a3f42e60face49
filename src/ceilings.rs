//! What a device reaches at best, as plain numbers, so that estimates can be made and tested without one.

/// What a device reaches at best, as `Gpu::measure_ceilings` found it.
///
/// ```
/// # use wgpu_rnn::{Error, Gpu};
/// # let is_required = std::env::var_os("WGPU_RNN_REQUIRE_GPU").is_some();
/// # if !is_required && matches!(Gpu::new(), Err(Error::NoAdapter { .. })) { return Ok(()); }
/// let ceilings = Gpu::new()?.measure_ceilings()?;
/// println!("a dispatch takes {:.1} µs", 1e6 * ceilings.dispatch_seconds);
/// # assert!(ceilings.dispatch_seconds > 0.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Bytes read and written by a copy between buffers that no cache holds.
    pub bytes_per_second: f64,
    /// f32 operations, two per multiply-add.
    pub flops_per_second: f64,
    /// Seconds of a dispatch that does nothing and waits for the one before.
    pub dispatch_seconds: f64,
    /// Seconds in which the invocations of a workgroup exchange a number each: a write, a barrier, a read.
    pub exchange_seconds: f64,
    /// What a word of weights costs one workgroup, of [`WordSeconds::WIDTHS`] invocations.
    pub workgroup_word: [WordSeconds; 2],
    /// What a word of weights costs where workgroups fill the device.
    pub device_word: WordSeconds,
}

/// What the inner product of a step costs for each word of weights (four gates, 16 bytes, from a cache): `load`
/// seconds, and `row` seconds for each batch row that it is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordSeconds {
    /// Seconds per word.
    pub load: f64,
    /// Seconds per word and row.
    pub row: f64,
}

impl WordSeconds {
    /// Invocations of the workgroups that [`Ceilings::workgroup_word`] is measured with.
    pub const WIDTHS: [u32; 2] = [64, 256];

    /// The line through two measurements, of rows and seconds per word; nothing costs less than nothing.
    pub(crate) fn through([(few, of_few), (many, of_many)]: [(u32, f64); 2]) -> Self {
        let row = ((of_many - of_few) / f64::from(many - few)).max(0.0);
        WordSeconds { load: (of_few - f64::from(few) * row).max(0.0), row }
    }

    /// Seconds per word that is multiplied with so many rows. `loads`: 1 where it is loaded in f32, less where it is
    /// narrower, 0 where it is in registers.
    pub fn of_rows(&self, rows: u32, loads: f64) -> f64 {
        loads * self.load + f64::from(rows) * self.row
    }
}

impl Ceilings {
    /// Seconds per word where so many workgroups of so many invocations share the work: that of one workgroup
    /// divided by their number, but no less than that of the full device. `rows` and `loads`: [`WordSeconds::of_rows`].
    pub fn word_seconds(
        &self,
        (rows, loads): (u32, f64),
        workgroups: u64,
        invocations: u32,
    ) -> f64 {
        let [narrow, wide] = WordSeconds::WIDTHS.map(f64::from);
        let at = ((f64::from(invocations) - narrow) / (wide - narrow)).clamp(0.0, 1.0);
        let [few, many] = self.workgroup_word.map(|word| word.of_rows(rows, loads).recip());
        let one = (few + at * (many - few)).recip();
        (one / workgroups.max(1) as f64).max(self.device_word.of_rows(rows, loads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cost_a_line_over_rows() {
        let word = WordSeconds::through([(1, 3.0), (8, 10.0)]);
        assert_eq!((word.load, word.row, word.of_rows(4, 1.0)), (2.0, 1.0, 6.0));
        assert_eq!((word.of_rows(4, 0.5), word.of_rows(4, 0.0)), (5.0, 4.0));
        // Noise makes no negative cost.
        assert_eq!(WordSeconds::through([(1, 3.0), (8, 2.0)]), WordSeconds { load: 3.0, row: 0.0 });
        assert_eq!(WordSeconds::through([(1, 1.0), (8, 15.0)]).load, 0.0);
    }

    #[test]
    fn workgroups_share_words_until_the_device_is_full() {
        let word = |load| WordSeconds { load, row: 0.0 };
        let ceilings = Ceilings {
            bytes_per_second: 1.0,
            flops_per_second: 1.0,
            dispatch_seconds: 0.0,
            exchange_seconds: 0.0,
            workgroup_word: [word(8.0), word(2.0)],
            device_word: word(0.5),
        };
        let seconds =
            |workgroups, invocations| ceilings.word_seconds((1, 1.0), workgroups, invocations);
        assert_eq!((seconds(1, 32), seconds(1, 64), seconds(1, 256)), (8.0, 8.0, 2.0));
        assert_eq!((seconds(2, 64), seconds(4, 256), seconds(1000, 64)), (4.0, 0.5, 0.5));
        // Half way between 1/8 and 1/2 words per second.
        assert_eq!(seconds(1, 160), 3.2);
    }
}
