//! The kitchen's screen: one page, and the client library that it may use.

use crate::Config;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tidewire_example_backend::{Answer, Refusal, json as answer};

const PAGE: &str = include_str!("../web/kitchen.html");
const SCRIPTS: [(&str, &str); 4] = [
    ("kitchen.js", include_str!("../web/kitchen.js")),
    ("view.js", include_str!("../web/view.js")),
    ("moves.js", include_str!("../web/moves.js")),
    ("ask.js", include_str!("../web/ask.js")),
];
/// What the page needs of `pusher-js`, where that is not at hand.
const WIRE: &str = include_str!("../web/wire.js");

pub(crate) fn serve(path: &[&str], config: &Config) -> Result<Answer, Refusal> {
    match path {
        [] => Ok(text("text/html; charset=utf-8", PAGE.to_owned())),
        ["pusher.js"] => match config.pusher_js.as_ref().map(|file| (file, std::fs::read_to_string(file))) {
            None => Ok(text("text/javascript; charset=utf-8", WIRE.to_owned())),
            Some((_, Ok(library))) => Ok(text("text/javascript; charset=utf-8", library)),
            Some((file, Err(error))) => Err(Refusal::unavailable(format!("PUSHER_JS: {}: {error}", file.display()))),
        },
        ["app.json"] => Ok(answer(StatusCode::OK, &json!({ "key": config.app_key }))),
        [name] if let Some((_, script)) = SCRIPTS.iter().find(|(known, _)| known == name) => {
            Ok(text("text/javascript; charset=utf-8", (*script).to_owned()))
        }
        _ => Err(Refusal::not_found("there is /kitchen")),
    }
}

fn text(media: &'static str, body: String) -> Answer {
    let mut page = Answer::new(body.into());
    page.headers_mut().insert("content-type", HeaderValue::from_static(media));
    page.headers_mut().insert("cache-control", HeaderValue::from_static("no-cache"));
    page
}
