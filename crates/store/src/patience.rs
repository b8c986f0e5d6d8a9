//! Waiting for a folder that another process is about to let go of.

use crate::OpenError;
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// A process that was killed holds its locks until it is gone, and a process that has just been forked those of its parent until it
/// runs a program of its own.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tries again for a moment where somebody else has it open.
pub(crate) fn patiently<T>(mut open: impl FnMut() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(OpenError::Locked(_)) if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
}
