//! The file `state`: what this run has promised so far, beside the store itself.
//!
//! The journal alone cannot tell a last batch that was damaged after it had been synced from one that was never written whole.
//! So after each commit the number of the last acknowledged batch is written here, too: without a sync (the kernel keeps it
//! when the process is killed, and writes it soon), and synced when the store is closed. Two slots are written in turn, each
//! within one sector, so that one is always whole.
//!
//! ```text
//! at 0 and at 4096:  "tidemrk1" | generation u64 | boot 16 | clean u8 | acked u64 | synced u64 | crc u32      LE
//! ```

use crate::{OpenError, varint::Reader};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

const MAGIC: &[u8; 8] = b"tidemrk1";
const LENGTH: usize = 53;
const SLOT: u64 = 4096;

/// What one run of the store says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Which run of the kernel.
    pub boot: u128,
    /// It was closed, and everything is on the medium.
    pub clean: bool,
    /// The last batch that was acknowledged.
    pub acked: u64,
    /// The last batch that was synced.
    pub synced: u64,
}

impl Mark {
    /// The last batch that must be found again by a run of the kernel `boot`.
    pub fn promised(&self, boot: u128) -> u64 {
        if self.clean || self.boot == boot { self.acked } else { self.synced }
    }
}

#[derive(Debug)]
pub(crate) struct MarkFile {
    file: File,
    generation: u64,
}

impl MarkFile {
    /// Opens or makes the file; what it says, if it says anything.
    pub fn open(path: &Path) -> Result<(MarkFile, Option<Mark>), OpenError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(OpenError::io(path))?;
        let newest = [0, SLOT].into_iter().filter_map(|at| read(&file, at)).max_by_key(|(generation, _)| *generation);
        let generation = newest.map_or(0, |(generation, _)| generation);
        Ok((MarkFile { file, generation }, newest.map(|(_, mark)| mark)))
    }

    pub fn write(&mut self, mark: &Mark) -> io::Result<()> {
        self.generation += 1;
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&mark.boot.to_le_bytes());
        bytes.push(u8::from(mark.clean));
        bytes.extend_from_slice(&mark.acked.to_le_bytes());
        bytes.extend_from_slice(&mark.synced.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.file.write_all_at(&bytes, self.generation % 2 * SLOT)
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn read(file: &File, at: u64) -> Option<(u64, Mark)> {
    let mut bytes = [0; LENGTH];
    file.read_exact_at(&mut bytes, at).ok()?;
    let (body, check) = bytes.split_last_chunk::<4>()?;
    let mut r = Reader(body);
    if u32::from_le_bytes(*check) != crc32fast::hash(body) || &r.array::<8>().ok()? != MAGIC {
        return None;
    }
    let generation = r.u64().ok()?;
    let boot = u128::from_le_bytes(r.array().ok()?);
    let clean = r.u8().ok()? != 0;
    Some((generation, Mark { boot, clean, acked: r.u64().ok()?, synced: r.u64().ok()? }))
}
