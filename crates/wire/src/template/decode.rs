//! A client's frame: which of the contract's templates it is, and what its `$names` stand for.

use crate::{
    command::{BadFrame, Command, Reference},
    depth,
};
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;
use tidewire_contract::{ClientFrame, Template, template::Segment};

/// An object's members, as raw JSON.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Names that a frame may leave out.
const OPTIONAL: [&str; 4] = ["after", "trace", "key", "channel"];

pub(super) fn decode(templates: &[(ClientFrame, Template)], frame: &[u8], most: usize) -> Result<Command, BadFrame> {
    let bad = |code, message: String| BadFrame { code, message, reference: Reference::default() };
    if depth::exceeds(frame, most) {
        return Err(bad("TOO_DEEP", format!("the frame nests deeper than {most} levels")));
    }
    let raw: &RawValue = serde_json::from_slice(frame).map_err(|e| bad("INVALID_PAYLOAD", format!("the frame is not JSON: {e}")))?;
    let members = members(raw).ok_or_else(|| bad("INVALID_PAYLOAD", format!("a frame is a JSON object, this is {}", kind(raw))))?;
    if templates.is_empty() {
        return Err(bad("INVALID_PAYLOAD", "this protocol has no frames from clients".into()));
    }
    // The frame that it means is the one whose constants agree; what is wrong in that one is worth telling.
    let mut wrong: Option<(usize, BadFrame)> = None;
    for (kind, template) in templates {
        let Template::Object(entries) = template else { continue };
        let mut found = Found::default();
        match bind(entries, &members, "", &mut found) {
            // A frame that is meant to be another one is not taken for one that fits anything.
            Ok(()) => match wrong {
                Some((constants, bad)) if constants > found.constants => return Err(bad),
                _ => return command(*kind, found),
            },
            Err(Mismatch::Constant) => {}
            Err(Mismatch::Wrong(message)) => {
                let reference = reference(&found);
                if wrong.as_ref().is_none_or(|(best, _)| found.constants > *best) {
                    wrong = Some((found.constants, BadFrame { code: "INVALID_PAYLOAD", message, reference }));
                }
            }
        }
    }
    Err(wrong.map_or_else(|| bad("INVALID_PAYLOAD", unknown(templates, &members)), |(_, bad)| bad))
}

/// What the names of a template stand for in a frame.
#[derive(Default)]
struct Found<'a> {
    names: BTreeMap<String, &'a RawValue>,
    /// The constant that tells the frame's type.
    frame: Option<String>,
    constants: usize,
}

enum Mismatch {
    /// A constant differs: it is another frame.
    Constant,
    /// It is this frame, but for this.
    Wrong(String),
}

fn bind<'a>(entries: &[(String, Template)], members: &Members<'a>, path: &str, found: &mut Found<'a>) -> Result<(), Mismatch> {
    // Constants first: they decide which frame it is, so that what is wrong beside them can be told.
    for (key, template) in entries {
        if let Template::Value(constant) = template {
            let same = members.get(key).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()).is_some_and(|v| v == *constant);
            if !same {
                return Err(Mismatch::Constant);
            }
            found.constants += 1;
            if found.frame.is_none() {
                found.frame = constant.as_str().map(str::to_owned);
            }
        }
    }
    for (key, template) in entries {
        let here = format!("{path}/{key}");
        match (template, members.get(key)) {
            (Template::Value(_), _) => {}
            (Template::Name(name), Some(raw)) => {
                found.names.insert(name[0].clone(), raw);
            }
            (Template::Name(name), None) if OPTIONAL.contains(&name[0].as_str()) => {}
            (Template::Object(inner), Some(raw)) => {
                let Some(members) = self::members(raw) else {
                    return Err(Mismatch::Wrong(format!("{here} must be an object, it is {}", kind(raw))));
                };
                bind(inner, &members, &here, found)?;
            }
            (Template::Object(inner), None) if inner.iter().all(|(_, t)| optional(t)) => {}
            (Template::Text(segments), Some(raw)) => bind_text(segments, raw, found)?,
            (Template::Array(_), Some(_)) => return Err(Mismatch::Constant),
            (_, None) => return Err(Mismatch::Wrong(format!("{here} is missing"))),
        }
    }
    Ok(())
}

fn optional(template: &Template) -> bool {
    matches!(template, Template::Name(name) if OPTIONAL.contains(&name[0].as_str()))
}

/// `room:$channel` and the like: a name between literals.
fn bind_text<'a>(segments: &[Segment], raw: &'a RawValue, found: &mut Found<'a>) -> Result<(), Mismatch> {
    let Ok(text) = serde_json::from_str::<String>(raw.get()) else { return Err(Mismatch::Constant) };
    let fits = match segments {
        [Segment::Literal(before), Segment::Name(_)] => text.starts_with(before.as_str()),
        [Segment::Name(_), Segment::Literal(after)] => text.ends_with(after.as_str()),
        _ => false,
    };
    if !fits {
        return Err(Mismatch::Constant);
    }
    if let Some(Segment::Name(name)) = segments.iter().find(|s| matches!(s, Segment::Name(_))) {
        found.names.insert(name[0].clone(), raw);
    }
    Ok(())
}

fn command(kind: ClientFrame, found: Found<'_>) -> Result<Command, BadFrame> {
    let mut reference = reference(&found);
    let wrong = |message: String, reference: Reference| Err(BadFrame { code: "INVALID_PAYLOAD", message, reference });
    let text = |name: &str| -> Result<Option<String>, String> {
        match found.names.get(name).map(|raw| serde_json::from_str::<Value>(raw.get())) {
            None | Some(Ok(Value::Null)) => Ok(None),
            Some(Ok(Value::String(text))) => Ok(Some(text)),
            Some(Ok(Value::Number(number))) if matches!(name, "after" | "since") => Ok(Some(number.to_string())),
            Some(_) => Err(format!("{name} must be a string")),
        }
    };
    let needed = |name: &str| text(name).and_then(|t| t.ok_or_else(|| format!("{name} is missing")));
    let channels = || -> Result<Vec<String>, String> {
        if let Some(one) = found.names.get("channel") {
            return serde_json::from_str::<String>(one.get()).map(|c| vec![c]).map_err(|_| "the channel must be a string".to_owned());
        }
        let Some(raw) = found.names.get("channels") else { return Err("channels are missing".into()) };
        match serde_json::from_str::<Value>(raw.get()) {
            Ok(Value::String(one)) => Ok(vec![one]),
            Ok(Value::Array(items)) => {
                items.into_iter().map(|i| i.as_str().map(str::to_owned).ok_or_else(|| "channels must be strings".to_owned())).collect()
            }
            _ => Err("channels must be an array of strings".into()),
        }
    };
    let result = (|| {
        Ok(match kind {
            ClientFrame::Subscribe => {
                Command::Subscribe { channels: channels()?, after: text("after")?, proof: None, reference: reference.clone() }
            }
            ClientFrame::Unsubscribe => Command::Unsubscribe { channels: channels()?, reference: reference.clone() },
            ClientFrame::Sync => Command::Sync { since: needed("since")?, reference: reference.clone() },
            ClientFrame::Ping => Command::Ping { reference: reference.clone() },
            ClientFrame::Pong => Command::Pong,
            ClientFrame::Refresh => Command::Refresh { token: needed("token")?, reference: reference.clone() },
            ClientFrame::Send => {
                let event_type = needed("type")?;
                reference.frame = Some(event_type.clone());
                let Some(data) = found.names.get("data") else { return Err("the payload is missing".to_owned()) };
                let data = crate::minify::minified(data.get());
                Command::Send { event_type, data, channel: text("channel")?, reference: reference.clone() }
            }
        })
    })();
    result.or_else(|message: String| wrong(message, reference))
}

fn reference(found: &Found<'_>) -> Reference {
    let value = |name: &str| found.names.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).filter(|v: &Value| !v.is_null());
    let frame = found.frame.clone().or_else(|| value("type").and_then(|v| v.as_str().map(str::to_owned)));
    Reference { frame, trace: value("trace"), key: value("key"), ..Reference::default() }
}

/// Says which frames there are.
fn unknown(templates: &[(ClientFrame, Template)], members: &Members<'_>) -> String {
    let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, template) in templates {
        if let Template::Object(entries) = template
            && let Some((key, Template::Value(Value::String(constant)))) =
                entries.iter().find(|(_, t)| matches!(t, Template::Value(Value::String(_))))
        {
            by_key.entry(key).or_default().push(constant);
        }
    }
    let Some((key, words)) = by_key.into_iter().max_by_key(|(_, words)| words.len()) else {
        return "the frame is none of this protocol's".into();
    };
    let given = members.get(key).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let list = words.join(", ");
    match given {
        None => format!("/{key} is missing; it is one of: {list}"),
        Some(given) => {
            let near = tidewire_engine::publish::nearest(&given, words.into_iter());
            let hint = near.map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
            let shown: String = given.chars().take(64).collect();
            format!("/{key} '{shown}' is not known{hint} It is one of: {list}").replace("known It", "known. It")
        }
    }
}

fn members(raw: &RawValue) -> Option<Members<'_>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
