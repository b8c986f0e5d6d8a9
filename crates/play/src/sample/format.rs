//! The formats of JSON Schema.

use super::Sampler;
use rand::Rng;
use time::{Duration, format_description::well_known::Rfc3339, macros::format_description};

impl Sampler {
    /// A text of this format; `None` for one that has no form of its own. Times are of now: a little before, or after where the
    /// member's name says that it is still to come.
    pub(crate) fn formatted(&mut self, format: &str, key: &str) -> Option<String> {
        let key = key.to_lowercase();
        let later = ["expire", "until", "deadline", "end", "due", "planned", "timeout"].iter().any(|word| key.contains(word));
        let seconds = self.rng.random_range(0..90);
        let moment = if later { self.now + Duration::seconds(60 + seconds * 60) } else { self.now - Duration::milliseconds(seconds * 20) };
        let number = self.rng.random_range(1..250u32);
        Some(match format {
            "date-time" => moment.replace_nanosecond(moment.millisecond() as u32 * 1_000_000).ok()?.format(&Rfc3339).ok()?,
            "date" => moment.format(format_description!("[year]-[month]-[day]")).ok()?,
            "time" => moment.format(format_description!("[hour]:[minute]:[second]Z")).ok()?,
            "duration" => format!("PT{number}M"),
            "email" | "idn-email" => format!("{}{number}@example.org", self.word().to_lowercase()),
            "hostname" | "idn-hostname" => format!("{}{number}.example.org", self.word().to_lowercase()),
            "ipv4" => format!("192.0.2.{number}"),
            "ipv6" => format!("2001:db8::{number:x}"),
            "uri" | "iri" => format!("https://example.org/{}/{number}", self.word().to_lowercase()),
            "uri-reference" | "iri-reference" => format!("/{}/{number}", self.word().to_lowercase()),
            "uri-template" => format!("/{}/{{id}}", self.word().to_lowercase()),
            "uuid" => self.uuid(),
            "regex" => format!("^[a-z]{{1,{number}}}$"),
            "json-pointer" => format!("/{}/{number}", self.word().to_lowercase()),
            "relative-json-pointer" => format!("0/{}", self.word().to_lowercase()),
            _ => return None,
        })
    }

    /// A UUID by chance, of version 4 (RFC 9562).
    pub(crate) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.random()).into_uuid().to_string()
    }
}
