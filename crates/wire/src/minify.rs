//! JSON without the white space that means nothing, otherwise byte for byte as it was.

use serde_json::value::RawValue;

/// Appends `json` without insignificant white space. What is not JSON is not made JSON by it.
pub fn minify(json: &[u8], out: &mut Vec<u8>) {
    let (mut in_string, mut escaped) = (false, false);
    for &b in json {
        if in_string {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if matches!(b, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        } else if b == b'"' {
            in_string = true;
        }
        out.push(b);
    }
}

/// The same for a part of a larger JSON text.
pub(crate) fn minified(json: &str) -> Box<RawValue> {
    let mut bytes = Vec::with_capacity(json.len());
    minify(json.as_bytes(), &mut bytes);
    String::from_utf8(bytes).ok().and_then(|text| RawValue::from_string(text).ok()).unwrap_or_default()
}
