//! Parameters strings.

use super::refuse::problem;
use crate::Problem;
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tidewire_engine::publish::nearest;

/// What stays as it is when a value is written into a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The parameters of a request, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Takes a query string apart.
    ///
    /// # Errors
    /// A parameter that is given twice, or is not UTF-8.
    pub fn parse(text: Option<&str>) -> Result<Parameters, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            if pairs.iter().any(|(n, _)| *n == name) {
                return Err(bad(&name, "it is given twice"));
            }
            let value = decode(value)?;
            pairs.push((name, value));
        }
        Ok(Parameters { pairs })
    }

    /// All of them.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Refuses parameters that the route does not have.
    ///
    /// # Errors
    /// The first that is not one of `known`, with the nearest that is.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let Some((unknown, _)) = self.pairs.iter().find(|(n, _)| !known.contains(&n.as_str())) else { return Ok(()) };
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None if known.is_empty() => "this route has no parameters".to_owned(),
            None => format!("this route has {}", known.join(", ")),
        };
        Err(bad(unknown, &format!("there is no such parameter; {hint}")))
    }

    /// A number between 1 and `max`, or `default`.
    ///
    /// # Errors
    /// The parameter is not such a number.
    pub fn number(&self, name: &str, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.find(name) else { return Ok(default) };
        match text.parse::<usize>() {
            Ok(n) if (1..=max).contains(&n) => Ok(n),
            _ => Err(bad(name, &format!("expected a whole number from 1 to {max}, found '{}'", excerpt(text)))),
        }
    }

    /// The query string with one parameter set to another value, or added.
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut text = String::new();
        let mut found = false;
        for (n, v) in &self.pairs {
            let v = if n == name {
                found = true;
                value
            } else {
                v
            };
            push(&mut text, n, v);
        }
        if !found {
            push(&mut text, name, value);
        }
        text
    }

    /// The same without one parameter.
    pub fn without(mut self, name: &str) -> Parameters {
        self.pairs.retain(|(n, _)| n != name);
        self
    }
}

fn push(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push('&');
    }
    text.push_str(&encode(name));
    text.push('=');
    text.push_str(&encode(value));
}

/// Percent-encodes a value for a path segment or a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Decodes one path segment.
///
/// # Errors
/// It is not UTF-8.
pub fn decode_segment(text: &str) -> Result<String, Problem> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|t| t.into_owned()).map_err(|_| problem(StatusCode::BAD_REQUEST, "bad-request", "the path is not UTF-8"))
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(|t| t.into_owned()).map_err(|_| problem(StatusCode::BAD_REQUEST, "bad-request", "the query is not UTF-8"))
}

/// A parameter is wrong.
pub fn bad(name: &str, message: &str) -> Problem {
    wrong("bad-parameter", name, message)
}

/// The same, as another problem.
pub fn wrong(code: &'static str, name: &str, message: &str) -> Problem {
    let name = excerpt(name);
    problem(StatusCode::BAD_REQUEST, code, format!("parameter '{name}': {message}")).with("parameter", name)
}

/// Text of a client, short enough to be repeated to it.
pub fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
