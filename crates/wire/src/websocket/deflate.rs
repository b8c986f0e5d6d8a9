//! permessage-deflate without context takeover (RFC 7692, section 7.2), with one compressor and one window a thread.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;

thread_local! {
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(5), false));
    static INFLATE: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// What an empty stored block ends with; it is left out on the wire.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Compresses a whole message.
pub(super) fn compress(payload: &[u8]) -> Option<Vec<u8>> {
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        let mut out = Vec::with_capacity(payload.len() / 2 + 64);
        let mut consumed = 0;
        loop {
            out.reserve(out.capacity().max(256));
            compress.compress_vec(&payload[consumed..], &mut out, FlushCompress::Sync).ok()?;
            consumed = compress.total_in() as usize;
            if consumed == payload.len() && out.len() < out.capacity() && out.ends_with(&TAIL) {
                break;
            }
        }
        out.truncate(out.len() - TAIL.len());
        Some(out)
    })
}

/// Why a message could not be inflated.
pub(super) enum Inflate {
    TooLarge,
    Broken,
}

/// Inflates a whole message, up to `most` bytes.
pub(super) fn inflate(payload: &[u8], most: usize) -> Result<Vec<u8>, Inflate> {
    INFLATE.with_borrow_mut(|inflate| {
        inflate.reset(false);
        let mut out = Vec::with_capacity((payload.len() * 4).clamp(256, most.max(256)));
        for input in [payload, &TAIL] {
            let before = inflate.total_in();
            loop {
                let consumed = (inflate.total_in() - before) as usize;
                let produced = inflate.total_out();
                if out.len() == out.capacity() {
                    out.reserve(out.capacity());
                }
                let status = inflate.decompress_vec(&input[consumed..], &mut out, FlushDecompress::Sync).map_err(|_| Inflate::Broken)?;
                if out.len() > most {
                    return Err(Inflate::TooLarge);
                }
                let now = (inflate.total_in() - before) as usize;
                match status {
                    Status::StreamEnd => return Ok(out),
                    _ if now == input.len() && out.len() < out.capacity() => break,
                    _ if now == consumed && inflate.total_out() == produced && out.len() < out.capacity() => return Err(Inflate::Broken),
                    _ => {}
                }
            }
        }
        Ok(out)
    })
}
