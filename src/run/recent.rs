//! A small cache of the things used last.

use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::gpu::{Gpu, lock};

/// Shapes, or pairs of buffers, that one model keeps ready.
const CAPACITY: usize = 8;

/// Entries by key, the one used last at the end; the one used longest ago makes room for a new one.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    entries: Mutex<Vec<(K, Arc<V>)>>,
}

impl<K: PartialEq, V> Recent<K, V> {
    pub fn new() -> Self {
        Recent { entries: Mutex::new(Vec::with_capacity(CAPACITY)) }
    }

    /// The entry of `key`, made now if it is not there.
    pub fn get_or_make<E>(&self, key: K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let mut entries = lock(&self.entries);
        if let Some(at) = entries.iter().position(|(other, _)| *other == key) {
            entries[at..].rotate_left(1);
        } else {
            let value = Arc::new(make()?);
            if entries.len() == CAPACITY {
                entries.remove(0);
            }
            entries.push((key, value));
        }
        Ok(Arc::clone(&entries[entries.len() - 1].1))
    }

    /// Does `work` with the entry of `key`; if the device objects, all entries are forgotten.
    pub fn scoped<T>(
        &self,
        gpu: &Gpu,
        key: K,
        make: impl FnOnce() -> Result<V>,
        work: impl FnOnce(&Arc<V>) -> Result<T>,
    ) -> Result<T> {
        let result = gpu.scoped(|| work(&self.get_or_make(key, make)?));
        if matches!(result, Err(Error::Gpu { .. })) {
            lock(&self.entries).clear();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_unused_longest_makes_room() {
        let recent = Recent::new();
        let mut made = Vec::new();
        for key in [0, 1, 2, 3, 4, 5, 6, 7, 0, 8, 0, 1] {
            recent
                .get_or_make(key, || {
                    made.push(key);
                    Ok::<_, ()>(key)
                })
                .unwrap();
        }
        assert_eq!(made, [0, 1, 2, 3, 4, 5, 6, 7, 8, 1]);
    }
}
