//! What is on the disk: it may have been damaged, or not be ours.

use crate::{Target, choice};
use tidewire_store::{check_chunk, decode_record};

pub const RECORD: Target = Target { name: "record", run: record, seeds: &[&[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]] };
pub const CHUNK: Target = Target { name: "chunk", run: chunk, seeds: &[&[0; 60]] };

/// A record, or an error.
fn record(bytes: &[u8]) {
    let _ = decode_record(bytes);
}

/// A row of records under its key; with the checksums made right, so that what lies behind them is reached, too.
fn chunk(bytes: &[u8]) {
    let (first, bytes) = choice(bytes);
    let (key, value) = bytes.split_at(bytes.len().min(16));
    let _ = check_chunk(key, value, first % 2 == 1);
}
