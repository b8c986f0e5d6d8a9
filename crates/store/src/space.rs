//! How much room there is.

use std::{
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};
use tidewire_engine::log::LogError;

/// So long a figure is believed.
const FRESH: Duration = Duration::from_millis(20);

/// Free bytes of the file system that a folder is on.
#[derive(Debug)]
pub(crate) struct Space {
    folder: PathBuf,
    last: Mutex<Option<(Instant, u64)>>,
}

impl Space {
    pub fn new(folder: PathBuf) -> Space {
        Space { folder, last: Mutex::new(None) }
    }

    /// Refuses where less than `least` bytes are free. A file system that does not say is taken to have room.
    pub fn check(&self, least: u64) -> Result<(), LogError> {
        let free = self.free();
        if free >= least {
            return Ok(());
        }
        Err(LogError::Full(format!("{} has {} MiB free, {} MiB are needed", self.folder.display(), free >> 20, least >> 20)))
    }

    pub fn free(&self) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((when, free)) = *last
            && when.elapsed() < FRESH
        {
            return free;
        }
        let free = rustix::fs::statvfs(&self.folder).map_or(u64::MAX, |s| s.f_bavail.saturating_mul(s.f_frsize));
        *last = Some((Instant::now(), free));
        free
    }
}
