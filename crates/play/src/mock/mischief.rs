//! What goes wrong on request, each with its probability.

use std::{fmt, str::FromStr};

/// `duplicates=0.1,gaps,late,expired-tokens,closed-sockets`: of events, of tokens.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mischief {
    /// An event is told twice.
    pub duplicates: f64,
    /// A few events are let go before a client has them; it is told so by the contract's own frame for that.
    pub gaps: f64,
    /// An event is told behind newer ones of other channels, and says that it happened a while ago.
    pub late: f64,
    /// A token ends while its owner is connected.
    pub expired_tokens: f64,
    /// The connection ends behind an event: with a code, or without.
    pub closed_sockets: f64,
}

/// Where no probability is said: often enough to be met within minutes.
const OFTEN: f64 = 0.1;
const NAMES: [&str; 5] = ["duplicates", "gaps", "late", "expired-tokens", "closed-sockets"];

impl Mischief {
    pub fn is_none(&self) -> bool {
        *self == Mischief::default()
    }

    fn all(&self) -> [(&'static str, f64); 5] {
        let [duplicates, gaps, late, expired, closed] = NAMES;
        [(duplicates, self.duplicates), (gaps, self.gaps), (late, self.late), (expired, self.expired_tokens), (closed, self.closed_sockets)]
    }
}

impl fmt::Display for Mischief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some: Vec<String> = self.all().iter().filter(|(_, p)| *p > 0.0).map(|(name, p)| format!("{name}={p}")).collect();
        f.write_str(&some.join(","))
    }
}

impl FromStr for Mischief {
    type Err = String;

    fn from_str(text: &str) -> Result<Mischief, String> {
        let mut mischief = Mischief::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, probability) = match part.split_once('=') {
                Some((name, probability)) => {
                    let parsed = probability.parse().ok().filter(|p| (0.0..=1.0).contains(p));
                    (name, parsed.ok_or_else(|| format!("'{probability}' is no probability: a number from 0 to 1"))?)
                }
                None => (part, OFTEN),
            };
            match name {
                "duplicates" => mischief.duplicates = probability,
                "gaps" => mischief.gaps = probability,
                "late" => mischief.late = probability,
                "expired-tokens" => mischief.expired_tokens = probability,
                "closed-sockets" => mischief.closed_sockets = probability,
                "all" => {
                    let p = probability;
                    mischief = Mischief { duplicates: p, gaps: p, late: p, expired_tokens: p, closed_sockets: p };
                }
                _ => return Err(format!("'{name}' is nothing that can go wrong here; there are: {}, all", NAMES.join(", "))),
            }
        }
        Ok(mischief)
    }
}
