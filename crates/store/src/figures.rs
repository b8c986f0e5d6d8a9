//! What the store tells of itself, for whoever watches it.

use crate::{
    chunk,
    read::{place, rows},
    record::Types,
    store::{Store, broken, wrong},
};
use std::{fs, path::Path};
use tidewire_engine::{
    Spread,
    log::{LogError, LogId},
};

impl Store {
    /// How long commits took that were synced to the disk.
    pub fn syncs(&self) -> Spread {
        self.synced.spread()
    }

    /// How long the other commits took.
    pub fn writes(&self) -> Spread {
        self.written.spread()
    }

    /// What the kept events of a log weigh together, in bytes, before compression. Reads one row.
    ///
    /// # Errors
    /// What is wrong with that row.
    pub fn weight(&self, log: LogId) -> Result<u64, LogError> {
        let engine = self.engine();
        let tables = engine.tables()?;
        let tail = self.tail(tables, log)?;
        if tail.first > tail.head {
            return Ok(0);
        }
        let Some(row) = rows(tables, log, tail.first).next() else { return Ok(0) };
        let (key, value) = row.map_err(broken(place(log, tail.first)))?;
        let header = chunk::header(&key, &value).map_err(wrong(place(log, tail.first)))?;
        let mut events = chunk::events(log, header, &value);
        events.skip_to(tail.first - 1);
        let (mut weight, mut types) = (tail.total.saturating_sub(header.total), Types::default());
        while let Some((seq, record)) = events.next(&mut types) {
            weight += record.map_err(wrong(place(log, seq)))?.weight() as u64;
        }
        Ok(weight)
    }

    /// The files of the store, in bytes.
    pub fn disk_bytes(&self) -> u64 {
        size_of_files(self.folder())
    }

    /// Free bytes of the file system that it is on.
    pub fn free_bytes(&self) -> u64 {
        self.space.free()
    }
}

/// A file that goes while it is looked at counts nothing.
fn size_of_files(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of_files(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
