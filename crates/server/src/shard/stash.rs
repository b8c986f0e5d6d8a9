//! Whole frames, the first maybe begun, that have to go out before anything else.

use std::cell::Cell;

/// Takes a word while there are none.
#[derive(Default)]
pub(super) struct Stash(Cell<Option<Box<Frames>>>);

#[derive(Default)]
struct Frames(Vec<u8>);

impl Stash {
    pub(super) fn len(&self) -> usize {
        self.with(|frames| frames.map_or(0, |frames| frames.0.len()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.write(|frames| frames.extend_from_slice(bytes));
        }
    }

    /// Puts bytes before those that are there.
    pub(super) fn put_back(&self, mut bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.write(|frames| {
                bytes.append(frames);
                *frames = bytes;
            });
        }
    }

    /// Appends what `write` does.
    pub(super) fn write<T>(&self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut frames = self.0.take().unwrap_or_default();
        let written = write(&mut frames.0);
        if !frames.0.is_empty() {
            self.0.set(Some(frames));
        }
        written
    }

    pub(super) fn take(&self) -> Vec<u8> {
        self.0.take().map(|frames| frames.0).unwrap_or_default()
    }

    fn with<T>(&self, look: impl FnOnce(Option<&Frames>) -> T) -> T {
        let frames = self.0.take();
        let seen = look(frames.as_deref());
        self.0.set(frames);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_goes_first() {
        let stash = Stash::default();
        stash.push(b"");
        assert!(stash.is_empty() && stash.take().is_empty());
        stash.push(b"cd");
        stash.put_back(b"ab".to_vec());
        stash.write(|bytes| bytes.push(b'e'));
        assert_eq!((stash.len(), stash.take().as_slice()), (5, &b"abcde"[..]));
        assert_eq!(stash.len(), 0);
    }
}
