//! Where a token is.

use super::AuthError;
use http::{HeaderMap, header};
use tidewire_contract::TokenPlace;

/// The first token that is at one of the places, and its place.
///
/// # Errors
/// [`AuthError::NoToken`], which names the places.
pub fn find<'a>(places: &'a [TokenPlace], headers: &HeaderMap, query: &[(String, String)]) -> Result<(String, &'a TokenPlace), AuthError> {
    let found = places.iter().find_map(|place| Some((at(place, headers, query)?, place)));
    found.ok_or_else(|| AuthError::NoToken(places.iter().map(describe).collect::<Vec<_>>().join(", or ")))
}

fn at(place: &TokenPlace, headers: &HeaderMap, query: &[(String, String)]) -> Option<String> {
    let token = match place {
        TokenPlace::Header => bearer(headers)?,
        TokenPlace::Query(name) => query.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())?,
        TokenPlace::Cookie(name) => cookie(headers, name)?,
    };
    (!token.is_empty()).then_some(token)
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The value of a cookie (RFC 6265, section 4.2.1).
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(n, _)| n.trim() == name).map(|(_, value)| value.trim())?;
    Some(value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value).to_owned())
}

fn describe(place: &TokenPlace) -> String {
    match place {
        TokenPlace::Header => "the header `Authorization: Bearer …`".into(),
        TokenPlace::Query(name) => format!("the query parameter `{name}`"),
        TokenPlace::Cookie(name) => format!("the cookie `{name}`"),
    }
}

/// A path and query as it may be logged: the values of all parameters are left out.
pub fn redact_query(path_and_query: &str) -> String {
    let Some((path, query)) = path_and_query.split_once('?') else { return path_and_query.to_owned() };
    let names: Vec<String> = query.split('&').map(|pair| format!("{}=…", pair.split_once('=').map_or(pair, |(name, _)| name))).collect();
    format!("{path}?{}", names.join("&"))
}
