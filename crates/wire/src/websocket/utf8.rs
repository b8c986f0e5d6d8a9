//! UTF-8 that comes in pieces: wrong at the first wrong byte, whole only at a character's end.

/// Bytes of a character that was begun.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Utf8 {
    begun: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Takes the next piece; false where it cannot be part of UTF-8.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> bool {
        while self.len > 0 {
            let Some((byte, rest)) = bytes.split_first() else { return true };
            if usize::from(self.len) == self.begun.len() {
                return false;
            }
            self.begun[usize::from(self.len)] = *byte;
            self.len += 1;
            bytes = rest;
            match std::str::from_utf8(&self.begun[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(e) if e.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        if simdutf8::basic::from_utf8(bytes).is_ok() {
            return true;
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(e) if e.error_len().is_some() => false,
            Err(e) => {
                let rest = &bytes[e.valid_up_to()..];
                self.begun[..rest.len()].copy_from_slice(rest);
                self.len = rest.len() as u8;
                true
            }
        }
    }

    /// Whether no character is left unfinished.
    pub(super) fn is_whole(self) -> bool {
        self.len == 0
    }
}
