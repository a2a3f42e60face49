//! Where things lie in a buffer: what kernels say of it by their parameters, and what they touch.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;

/// The elements `first + sum of i * stride`, i below the count of each side. `first` may be the result of a subtraction
/// that wrapped, as it may in a kernel; the element itself may not be beyond 32 bits.
pub fn span<const N: usize>(first: u32, sides: [(u64, u64); N]) -> Range<u64> {
    let last: u64 = sides.iter().map(|(count, stride)| (count - 1) * stride).sum();
    let first = u64::from(first);
    assert!(first + last <= u32::MAX.into(), "element {} in 32 bits", first + last);
    first..first + last + 1
}

/// The parts of one buffer, each always at the same place and apart from all others.
#[derive(Debug)]
pub struct Regions<K> {
    parts: BTreeMap<K, Range<u64>>,
    elements: u64,
}

impl<K: Ord + Copy + Debug> Regions<K> {
    pub fn new(elements: u64) -> Self {
        Regions { parts: BTreeMap::new(), elements }
    }

    /// A part of `len` elements of which a kernel uses what lies `before` elements behind its start.
    pub fn note(&mut self, key: K, at: u32, before: u64, len: u64) {
        let start = u64::from(at).checked_sub(before);
        let start = start.unwrap_or_else(|| panic!("{key:?} begins before the buffer"));
        let part = start..start + len;
        assert!(part.end <= self.elements, "{key:?} at {part:?} of {}", self.elements);
        if let Some(known) = self.parts.get(&key) {
            assert_eq!(*known, part, "{key:?} has moved");
            return;
        }
        let overlap =
            self.parts.iter().find(|(_, other)| other.start < part.end && part.start < other.end);
        assert!(overlap.is_none(), "{key:?} at {part:?} overlaps {overlap:?}");
        self.parts.insert(key, part);
    }

    pub fn part(&self, key: K) -> Range<u64> {
        self.parts[&key].clone()
    }

    /// Where the last part ends.
    pub fn end(&self) -> u64 {
        self.parts.values().map(|part| part.end).max().unwrap_or(0)
    }
}

/// Steps that are gone through from the last to the first, each once, by key.
#[derive(Debug)]
pub struct Descents<K> {
    remaining: BTreeMap<K, u64>,
    seq_len: u64,
}

impl<K: Ord + Copy + Debug> Descents<K> {
    pub fn new(seq_len: usize) -> Self {
        Descents { remaining: BTreeMap::new(), seq_len: seq_len as u64 }
    }

    /// Steps come next; tells whether they are the first to come.
    pub fn take(&mut self, key: K, steps: Range<u64>) -> bool {
        let is_first = !self.remaining.contains_key(&key);
        let remaining = self.remaining.entry(key).or_insert(self.seq_len);
        assert!(!steps.is_empty());
        assert_eq!(steps.end, *remaining, "{key:?}: steps {steps:?}");
        *remaining = steps.start;
        is_first
    }

    /// All that have begun, all of them through.
    pub fn finished(&self) -> Vec<K> {
        assert!(self.remaining.values().all(|left| *left == 0), "{:?}", self.remaining);
        self.remaining.keys().copied().collect()
    }

    pub fn next(&mut self) {
        self.remaining.clear();
    }
}
