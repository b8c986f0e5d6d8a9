//! Templates of the wire, compared field by field.

use crate::template::{Segment, Template};

/// What became of a field of a template. Paths are JSON pointers below the template.
#[derive(Debug, PartialEq)]
pub(super) enum Change<'t> {
    Removed {
        path: String,
        old: &'t Template,
    },
    Added {
        path: String,
        new: &'t Template,
    },
    Changed {
        path: String,
        old: &'t Template,
        new: &'t Template,
    },
    /// The same value under another name, in the same object.
    Renamed {
        path: String,
        to: String,
    },
}

pub(super) fn changes<'t>(old: &'t Template, new: &'t Template) -> Vec<Change<'t>> {
    let mut all = Vec::new();
    walk(old, new, "", &mut all);
    all
}

fn walk<'t>(old: &'t Template, new: &'t Template, path: &str, all: &mut Vec<Change<'t>>) {
    let (Template::Object(before), Template::Object(after)) = (old, new) else {
        if old != new {
            all.push(Change::Changed { path: path.to_owned(), old, new });
        }
        return;
    };
    let below = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
    let mut added: Vec<&(String, Template)> = after.iter().filter(|(key, _)| before.iter().all(|(k, _)| k != key)).collect();
    for (key, old) in before {
        if let Some((_, new)) = after.iter().find(|(k, _)| k == key) {
            walk(old, new, &below(key), all);
            continue;
        }
        // A constant under another name may be anything; a value is that value.
        let same = |(_, new): &&(String, Template)| new == old && !matches!(new, Template::Value(_));
        match added.iter().position(same) {
            Some(at) => all.push(Change::Renamed { path: below(key), to: below(&added.remove(at).0) }),
            None => all.push(Change::Removed { path: below(key), old }),
        }
    }
    all.extend(added.into_iter().map(|(key, new)| Change::Added { path: below(key), new }));
}

/// The last part of a path, as it is written in the template.
pub(super) fn field(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

/// The template as it is written.
pub(super) fn written(template: &Template) -> String {
    let name = |path: &[String]| format!("${}", path.join("."));
    match template {
        Template::Value(value) => value.to_string(),
        Template::Name(path) => name(path),
        Template::Text(segments) => segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => text.replace('$', "$$"),
                Segment::Name(path) => name(path),
            })
            .collect(),
        Template::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Template::Object(fields) => {
            format!("{{ {} }}", fields.iter().map(|(k, t)| format!("{k}: {}", written(t))).collect::<Vec<_>>().join(", "))
        }
    }
}
