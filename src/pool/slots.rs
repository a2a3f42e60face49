//! Who has which slot of a pool, and where the h of each stream is.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::run::Place;

/// A stream of a [`StreamPool`](super::StreamPool). It stays valid until the stream leaves, and is never valid again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    row: usize,
    ticket: u64,
}

impl Slot {
    /// The row of the stream in the arrays of [`StreamPool::encode_tick`](super::StreamPool::encode_tick), less than the
    /// pool's capacity.
    pub fn row(&self) -> usize {
        self.row
    }
}

/// Each stream of any pool has a number of its own, so that no slot can be taken for another. 0 is nobody's.
static NEXT_TICKET: AtomicU64 = AtomicU64::new(1);
const NOBODY: u64 = 0;

#[derive(Clone, Debug)]
struct Entry {
    /// Of the stream that has the slot.
    ticket: u64,
    /// The half of the h ring that holds its h.
    half: usize,
    /// The last tick that it was asked to take part in.
    last_tick: u64,
}

#[derive(Debug)]
pub(super) struct Slots {
    entries: Vec<Entry>,
    free: Vec<usize>,
    /// Ticks so far, those that were refused among them.
    ticks: u64,
    /// Where the streams of the tick are that was prepared last.
    places: Vec<Place>,
}

impl Slots {
    pub fn new(capacity: usize) -> Self {
        let free = Entry { ticket: NOBODY, half: 0, last_tick: 0 };
        Slots {
            entries: vec![free; capacity],
            free: (0..capacity).rev().collect(),
            ticks: 0,
            places: Vec::with_capacity(capacity),
        }
    }

    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    pub fn len(&self) -> usize {
        self.capacity() - self.free.len()
    }

    /// The place that the next stream would get.
    pub fn next_free(&self) -> Result<Place> {
        let slot = self.free.last().copied();
        let slot = slot.ok_or_else(|| Error::PoolFull { capacity: self.capacity() })?;
        Ok(Place { slot, half: self.entries[slot].half })
    }

    /// Gives the next free place to a new stream.
    pub fn join(&mut self) -> Result<Slot> {
        let Place { slot: row, .. } = self.next_free()?;
        self.free.pop();
        let ticket = NEXT_TICKET.fetch_add(1, Ordering::Relaxed);
        self.entries[row].ticket = ticket;
        Ok(Slot { row, ticket })
    }

    pub fn leave(&mut self, slot: Slot) -> Result<()> {
        let Place { slot: row, .. } = self.place(slot)?;
        self.entries[row].ticket = NOBODY;
        self.free.push(row);
        Ok(())
    }

    pub fn place(&self, slot: Slot) -> Result<Place> {
        match self.entries.get(slot.row) {
            Some(entry) if entry.ticket == slot.ticket => {
                Ok(Place { slot: slot.row, half: entry.half })
            }
            _ => Err(Error::StaleSlot { argument: "slot".into() }),
        }
    }

    /// Where the streams of a tick are, each of which may be in it once.
    pub fn begin_tick(&mut self, slots: &[Slot]) -> Result<&[Place]> {
        self.ticks += 1;
        self.places.clear();
        for (at, slot) in slots.iter().enumerate() {
            let name = || format!("slots[{at}]");
            let place = self.place(*slot).map_err(|_| Error::StaleSlot { argument: name() })?;
            let entry = &mut self.entries[place.slot];
            if entry.last_tick == self.ticks {
                return Err(Error::argument(&name(), "each stream at most once", "one again"));
            }
            entry.last_tick = self.ticks;
            self.places.push(place);
        }
        Ok(&self.places)
    }

    /// The streams of the tick that was begun have moved on.
    pub fn end_tick(&mut self) {
        for place in &self.places {
            self.entries[place.slot].half = 1 - place.half;
        }
    }

    /// The half of the h ring that holds the h of most streams.
    pub fn common_half(&self) -> usize {
        usize::from(2 * self.taken(1).count() > self.len())
    }

    /// The slots of the streams whose h is in `half`.
    pub fn taken(&self, half: usize) -> impl Iterator<Item = usize> {
        let entries = self.entries.iter().enumerate();
        let those = entries.filter(move |(_, e)| e.ticket != NOBODY && e.half == half);
        those.map(|(slot, _)| slot)
    }

    /// All h are in `half`.
    pub fn set_half(&mut self, half: usize) {
        self.entries.iter_mut().for_each(|entry| entry.half = half);
    }
}
