//! Signatures: HMAC-SHA256 with the app's secret, in lower-case hex.
//!
//! Source: <https://pusher.com/docs/channels/library_auth_reference/auth-signatures/> and `rest-api/#authentication`.

use aws_lc_rs::hmac;

/// Signs any text.
pub fn sign(secret: &str, text: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes());
    tag.as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether `signature` (hex) is that of the text. Takes the same time whatever is wrong.
pub fn verify(secret: &str, text: &[u8], signature: &str) -> bool {
    let Some(tag) = unhex(signature) else { return false };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text, &tag).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// The text that is signed for a subscription. `channel_data` is signed with every kind of channel that it comes with.
pub fn channel_text(socket_id: &str, channel: &str, channel_data: Option<&str>) -> String {
    match channel_data {
        Some(data) => format!("{socket_id}:{channel}:{data}"),
        None => format!("{socket_id}:{channel}"),
    }
}

/// The text that is signed when a user signs in.
pub fn user_text(socket_id: &str, user_data: &str) -> String {
    format!("{socket_id}::user::{user_data}")
}

/// `auth` of a subscription: the app's key and the signature.
pub fn channel_auth(key: &str, secret: &str, socket_id: &str, channel: &str, channel_data: Option<&str>) -> String {
    format!("{key}:{}", sign(secret, &channel_text(socket_id, channel, channel_data)))
}

/// `auth` of a user.
pub fn user_auth(key: &str, secret: &str, socket_id: &str, user_data: &str) -> String {
    format!("{key}:{}", sign(secret, &user_text(socket_id, user_data)))
}

/// Whether an `auth` (`key:signature`) is this app's for a text.
pub fn verify_auth(key: &str, secret: &str, auth: &str, text: &str) -> bool {
    auth.split_once(':').is_some_and(|(of, signature)| of == key && verify(secret, text.as_bytes(), signature))
}

/// The text that is signed of a request to the HTTP interface: the parameters (as they are after decoding, not escaped again)
/// sorted by name in lower case, without the signature itself.
pub fn request_text(method: &str, path: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<(String, &str)> =
        parameters.iter().map(|(name, value)| (name.to_lowercase(), value.as_str())).filter(|(name, _)| name != "auth_signature").collect();
    sorted.sort();
    let query: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{method}\n{path}\n{}", query.join("&"))
}
