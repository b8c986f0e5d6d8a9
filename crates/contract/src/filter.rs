//! Filters by type: `chat.*;item.*`.

/// Patterns of event types. Empty: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exact(Box<str>),
    Prefix(Box<str>),
}

/// A malformed filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFilter {
    /// The part between semicolons that is wrong.
    pub part: String,
    pub reason: &'static str,
}

impl Filter {
    /// Parses `;`-separated patterns; `*` matches a suffix and stands last (W-5).
    pub fn parse(text: &str) -> Result<Filter, BadFilter> {
        let bad = |part: &str, reason| Err(BadFilter { part: part.to_owned(), reason });
        let mut patterns = Vec::new();
        for part in text.split(';') {
            if part.is_empty() {
                return bad(part, "a pattern is empty; write types separated by single semicolons");
            }
            if let Some(c) = part.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-:*".contains(*c))) {
                let reason = if c == ',' {
                    "types are separated by a semicolon, not a comma"
                } else {
                    "a type is made of letters, digits, '.', '_', '-' and ':'"
                };
                return bad(part, reason);
            }
            match part.find('*') {
                None => patterns.push(Pattern::Exact(part.into())),
                Some(at) if at + 1 == part.len() => patterns.push(Pattern::Prefix(part[..at].into())),
                Some(_) => return bad(part, "'*' matches a suffix: it can only stand last"),
            }
            if patterns.len() > 64 {
                return bad(part, "at most 64 patterns");
            }
        }
        Ok(Filter { patterns })
    }

    pub fn is_everything(&self) -> bool {
        self.patterns.is_empty()
    }

    pub fn matches(&self, event_type: &str) -> bool {
        self.patterns.is_empty()
            || self.patterns.iter().any(|p| match p {
                Pattern::Exact(e) => &**e == event_type,
                Pattern::Prefix(p) => event_type.starts_with(&**p),
            })
    }
}
