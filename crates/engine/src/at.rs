//! Time as the log tells it: microseconds since 1970, UTC, and as ISO 8601 text.

use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::well_known::Iso8601, macros::format_description};

/// `2026-11-20T22:31:05.123456Z`: always six digits, so that the text sorts like the time.
pub fn to_iso(at: i64) -> String {
    let mut text = String::with_capacity(27);
    write_iso(at, &mut text);
    text
}

/// Appends [`to_iso`] to `out`.
pub fn write_iso(at: i64, out: &mut String) {
    use std::fmt::Write;
    let Ok(t) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1000) else { return };
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.microsecond()
    );
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
