//! Event ids: UUID version 7 (RFC 9562) that carry the whole microsecond of `at`.

/// The id of the event sequenced at `at` (µs), with 62 bits that tell nodes and logs apart.
pub fn for_at(at: i64, salt: u64) -> [u8; 16] {
    let at = at.max(0) as u64;
    let (ms, us) = (at / 1000, at % 1000);
    let mut id = [0; 16];
    id[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    // Method 3 of RFC 9562, section 6.2: the microsecond in the twelve bits behind the version.
    id[6] = 0x70 | (us >> 8) as u8;
    id[7] = us as u8;
    id[8..].copy_from_slice(&(0x8000_0000_0000_0000 | (salt >> 2)).to_be_bytes());
    id
}

/// The `at` (µs) that an id of [`for_at`] carries; `None` for another kind of UUID.
pub fn at_of(id: &[u8; 16]) -> Option<i64> {
    if id[6] >> 4 != 7 {
        return None;
    }
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&id[..6]);
    let us = u64::from(id[6] & 0x0f) << 8 | u64::from(id[7]);
    (us < 1000).then(|| (u64::from_be_bytes(ms) * 1000 + us) as i64)
}

/// Hyphenated lower-case text.
pub fn to_text(id: &[u8; 16]) -> String {
    String::from_utf8_lossy(&text(id)).into_owned()
}

/// The bytes of [`to_text`].
pub fn text(id: &[u8; 16]) -> [u8; 36] {
    let mut text = [0; 36];
    uuid::Uuid::from_bytes(*id).hyphenated().encode_lower(&mut text);
    text
}

/// Parses a UUID.
pub fn parse(text: &str) -> Option<[u8; 16]> {
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}
