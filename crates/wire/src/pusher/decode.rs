//! A client's frame: `{"event":…,"data":…,"channel":…}`.

use crate::{
    command::{BadFrame, Command, Proof, Reference},
    depth,
};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Frame<'a> {
    event: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    channel: Option<String>,
}

#[derive(Deserialize)]
struct Subscribe {
    channel: String,
    auth: Option<String>,
    channel_data: Option<String>,
}

#[derive(Deserialize)]
struct Unsubscribe {
    channel: String,
}

#[derive(Deserialize)]
struct SignIn {
    auth: String,
    user_data: String,
}

pub(super) fn decode(bytes: &[u8], depth: usize) -> Result<Command, BadFrame> {
    let bad = |code, message: String| BadFrame { code, message, reference: Reference::default() };
    if depth::exceeds(bytes, depth) {
        return Err(bad("TOO_DEEP", format!("the frame nests deeper than {depth} levels")));
    }
    let frame: Frame<'_> = serde_json::from_slice(bytes).map_err(|e| {
        let code = if e.is_data() { "INVALID_FRAME" } else { "INVALID_JSON" };
        bad(code, format!("a frame is {{\"event\": text, \"data\": …, \"channel\": text}}: {e}"))
    })?;
    let reference = Reference { frame: Some(frame.event.clone()), ..Reference::default() };
    let wrong = |what: String| BadFrame { code: "INVALID_FRAME", message: what, reference: reference.clone() };
    match frame.event.as_str() {
        "pusher:ping" => Ok(Command::Ping { reference }),
        "pusher:pong" => Ok(Command::Pong),
        "pusher:subscribe" => {
            let asked: Subscribe = data(&frame).map_err(&wrong)?;
            let proof =
                Proof { auth: asked.auth.filter(|auth| !auth.is_empty()), channel_data: asked.channel_data.filter(|d| !d.is_empty()) };
            Ok(Command::Subscribe { channels: vec![asked.channel], after: None, proof: Some(Box::new(proof)), reference })
        }
        "pusher:unsubscribe" => {
            let asked: Unsubscribe = data(&frame).map_err(&wrong)?;
            Ok(Command::Unsubscribe { channels: vec![asked.channel], reference })
        }
        "pusher:signin" => {
            let asked: SignIn = data(&frame).map_err(&wrong)?;
            Ok(Command::SignIn { auth: asked.auth, user_data: asked.user_data, reference })
        }
        name if name.starts_with("client-") => {
            if frame.channel.is_none() {
                return Err(wrong(format!("`{name}` names no channel")));
            }
            let data = frame.data.map_or_else(|| "null".to_owned(), |data| data.get().to_owned());
            let data = RawValue::from_string(data).map_err(|e| wrong(e.to_string()))?;
            Ok(Command::Send { event_type: frame.event, data, channel: frame.channel, reference })
        }
        name => {
            let known = "pusher:ping, pusher:pong, pusher:subscribe, pusher:unsubscribe, pusher:signin and client-…";
            Err(wrong(format!("a client does not send `{}`; there are {known}", name.chars().take(64).collect::<String>())))
        }
    }
}

/// The frame's `data`: an object, or its JSON as a text.
fn data<T: for<'d> Deserialize<'d>>(frame: &Frame<'_>) -> Result<T, String> {
    let Some(raw) = frame.data else { return Err(format!("`{}` has no data", frame.event)) };
    let read = |json: &str| serde_json::from_str(json).map_err(|e| format!("the data of `{}` is wrong: {e}", frame.event));
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => read(&text),
        Err(_) => read(raw.get()),
    }
}
