//! Times and ids as text, against the libraries that know them.

use proptest::prelude::*;
use tidewire_engine::{Position, Resume, at, id};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

proptest! {
    #[test]
    fn a_time_is_the_text_that_the_library_makes_of_it(us in -62_167_219_200_000_000i64..253_402_300_799_999_999) {
        let text = at::to_iso(us);
        prop_assert_eq!(text.len(), at::ISO);
        let parsed = OffsetDateTime::parse(&text, &Rfc3339).unwrap();
        prop_assert_eq!(parsed.unix_timestamp_nanos(), i128::from(us) * 1000);
        prop_assert_eq!(at::parse_iso(&text), Some(us));
    }

    #[test]
    fn texts_sort_like_times(a in 0i64..250_000_000_000_000_000, b in 0i64..250_000_000_000_000_000) {
        prop_assert_eq!(a.cmp(&b), at::to_iso(a).cmp(&at::to_iso(b)));
    }

    #[test]
    fn an_id_carries_its_time_and_is_a_uuid(us in 0i64..200_000_000_000_000_000, salt: u64) {
        let made = id::for_at(us, salt);
        prop_assert_eq!(id::at_of(&made), Some(us));
        let text = id::to_text(&made);
        prop_assert_eq!(uuid::Uuid::parse_str(&text).unwrap().get_version_num(), 7);
        prop_assert_eq!(id::parse(&text), Some(made));
    }

    #[test]
    fn whatever_a_client_says_of_its_place_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = Resume::parse(&text);
        let _ = at::parse_iso(&text);
    }

    #[test]
    fn a_position_is_read_as_it_is_written(epoch: i64, seq: u64) {
        prop_assume!(epoch >= 0);
        let position = Position { epoch, seq };
        prop_assert_eq!(Resume::parse(&position.to_string()), Some(Resume::Position(position)));
    }
}

#[test]
fn times_beyond_the_calendar_have_its_ends() {
    assert_eq!(at::to_iso(i64::MAX), "9999-12-31T23:59:59.999999Z");
    assert_eq!(at::to_iso(i64::MIN), "0000-01-01T00:00:00.000000Z");
    assert_eq!(at::to_iso(0), "1970-01-01T00:00:00.000000Z");
}
