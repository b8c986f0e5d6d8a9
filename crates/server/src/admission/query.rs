//! Query strings.

use crate::problem::Problem;
use percent_encoding::percent_decode_str;

/// The parameters of a query, decoded, in their order.
///
/// # Errors
/// 400, which names a parameter that is not UTF-8 or holds control characters.
pub fn parse_query(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let bad = || Problem::bad_request("bad-parameter", format!("the query parameter `{}` is not valid UTF-8 text", printable(name)));
        let name = decode(name).ok_or_else(bad)?;
        let value = decode(value).ok_or_else(bad)?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
    (!decoded.contains(|c: char| c.is_control())).then_some(decoded)
}

fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}
