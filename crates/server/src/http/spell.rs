//! Ids as clients see them.

use serde_json::Value;
use tidewire_contract::{Template, template::Segment};
use tidewire_engine::id;

/// The event's id as the contract's envelope spells it (`evt_0197…`), plain where the envelope has none.
pub fn id(envelope: &Template, event: &[u8; 16]) -> String {
    let text = id::to_text(event);
    match find(envelope) {
        Some(template) => match template.fill(&mut |path| is_id(path).then(|| Value::String(text.clone()))) {
            Value::String(spelled) => spelled,
            _ => text,
        },
        None => text,
    }
}

/// The first text of the envelope that is made of `$id` and nothing else that varies.
fn find(template: &Template) -> Option<&Template> {
    match template {
        Template::Name(path) if is_id(path) => Some(template),
        Template::Text(segments) => {
            let mut names = segments.iter().filter_map(|s| match s {
                Segment::Name(path) => Some(path),
                Segment::Literal(_) => None,
            });
            (names.next().is_some_and(|path| is_id(path)) && names.next().is_none()).then_some(template)
        }
        Template::Object(entries) => entries.iter().find_map(|(_, t)| find(t)),
        Template::Array(items) => items.iter().find_map(find),
        Template::Value(_) | Template::Name(_) => None,
    }
}

fn is_id(path: &[String]) -> bool {
    matches!(path, [name] if name == "id")
}
