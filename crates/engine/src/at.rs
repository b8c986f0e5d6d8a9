//! Time as the log tells it: microseconds since 1970, UTC, and as ISO 8601 text.

use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::well_known::Iso8601, macros::format_description};

/// Characters of [`to_iso`].
pub const ISO: usize = 27;

/// `2026-11-20T22:31:05.123456Z`: always six digits, so that the text sorts like the time.
pub fn to_iso(at: i64) -> String {
    String::from_utf8_lossy(&iso(at)).into_owned()
}

/// Appends [`to_iso`] to `out`.
pub fn write_iso(at: i64, out: &mut String) {
    out.push_str(std::str::from_utf8(&iso(at)).unwrap_or_default());
}

/// The bytes of [`to_iso`]: written digit by digit, since every event that is spelled has one. Times before the year 0 and behind
/// 9999 are the first and the last that have a text.
pub fn iso(at: i64) -> [u8; ISO] {
    const FIRST: i64 = -62_167_219_200_000_000;
    const LAST: i64 = 253_402_300_799_999_999;
    let at = at.clamp(FIRST, LAST);
    let t = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let year = u32::try_from(t.year()).unwrap_or(0);
    let parts = [
        (0, 4, year),
        (5, 2, u32::from(u8::from(t.month()))),
        (8, 2, u32::from(t.day())),
        (11, 2, u32::from(t.hour())),
        (14, 2, u32::from(t.minute())),
        (17, 2, u32::from(t.second())),
        (20, 6, at.rem_euclid(1_000_000) as u32),
    ];
    for (start, length, mut value) in parts {
        for digit in text[start..start + length].iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
    text
}

/// Parses an ISO 8601 time to microseconds; without an offset it is UTC. A `+` that a URL decoder made a space is accepted.
///
/// A text with fewer than six fractional digits means its last microsecond minus nothing: the instant itself, so that
/// "since" it returns what follows the instant, which repeats rather than loses.
pub fn parse_iso(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() < 10 || text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let fixed = text.replacen(' ', if text.as_bytes().get(10) == Some(&b' ') { "T" } else { "+" }, 1);
    let t = OffsetDateTime::parse(&fixed, &Iso8601::DEFAULT)
        .ok()
        .or_else(|| PrimitiveDateTime::parse(&fixed, &Iso8601::DEFAULT).ok().map(|t| t.assume_offset(UtcOffset::UTC)))
        .or_else(|| time::Date::parse(&fixed, format_description!("[year]-[month]-[day]")).ok().map(|d| d.midnight().assume_utc()))?;
    i64::try_from(t.unix_timestamp_nanos().div_euclid(1000)).ok()
}
