//! A template held against a value: what each of its names stands for there.

use serde_json::{Map, Value};
use tidewire_contract::{Template, template::Segment};

/// What the names of a template stood for, by their whole path (`data`, `data.id`, `presence`).
pub type Names = Map<String, Value>;

/// Takes `value` apart by the template that it was made of. The number of constants that agreed tells how sure that is; `None`: it
/// was not made of it. An object has the template's members and no others: the server writes all of them.
pub fn bind(template: &Template, value: &Value, names: &mut Names) -> Option<usize> {
    match template {
        Template::Value(constant) => (constant == value).then_some(usize::from(!constant.is_null())),
        Template::Name(path) => {
            names.insert(path.join("."), value.clone());
            Some(0)
        }
        Template::Text(segments) => text(segments, value.as_str()?, names),
        Template::Array(items) => {
            let values = value.as_array().filter(|values| values.len() == items.len())?;
            items.iter().zip(values).map(|(template, value)| bind(template, value, names)).sum()
        }
        Template::Object(entries) => {
            let members = value.as_object().filter(|members| members.len() == entries.len())?;
            entries.iter().map(|(key, template)| bind(template, members.get(key)?, names)).sum()
        }
    }
}

/// Names between literals: each reaches to the literal that follows; the last one to the end.
fn text(segments: &[Segment], mut rest: &str, names: &mut Names) -> Option<usize> {
    let mut certain = 0;
    for (at, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Literal(literal) => {
                rest = rest.strip_prefix(literal.as_str())?;
                certain += 1;
            }
            Segment::Name(path) => {
                let end = match segments.get(at + 1) {
                    Some(Segment::Literal(next)) if at + 2 == segments.len() => {
                        rest.len().checked_sub(next.len()).filter(|_| rest.ends_with(next.as_str()))?
                    }
                    Some(Segment::Literal(next)) => rest.find(next.as_str())?,
                    _ => rest.len(),
                };
                names.insert(path.join("."), rest[..end].into());
                rest = &rest[end..];
            }
        }
    }
    rest.is_empty().then_some(certain)
}
