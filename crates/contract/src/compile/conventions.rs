//! `conventions:`.

use super::{
    fields::{Fields, mapping, short, text, text_of, word},
    language::{CONVENTIONS, OTHERWISE},
    payloads::Schemas,
    source::{Reporter, suggest},
    yaml::{Entry, Kind},
};
use crate::conventions::{Conventions, NameStyle, Otherwise};

pub(crate) fn conventions(report: &Reporter, entry: &Entry, schemas: &Schemas) -> Conventions {
    let mut conventions = Conventions::default();
    let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &CONVENTIONS, false) else { return conventions };
    let style = fields.get("names").and_then(|e| word(report, &e.value, &e.key_span, "names", &NameStyle::ALL));
    conventions.names = style.unwrap_or_default();
    let Some(entry) = fields.get("otherwise") else { return conventions };
    let Some(fields) = Fields::read(report, &entry.value, &entry.key_span, &OTHERWISE, false) else { return conventions };
    for item in fields.iter() {
        let pointer = format!("/conventions/otherwise/{}", item.key);
        let mut add = |event: Option<&str>, reason: &str, pointer: String| {
            let event = event.map(str::to_owned);
            conventions.otherwise.push(Otherwise { item: item.key.clone(), event, reason: reason.to_owned(), pointer });
        };
        if !matches!(item.value.kind, Kind::Map(_)) {
            if let Some(reason) = text(report, item) {
                add(None, reason, pointer);
            }
            continue;
        }
        for of in mapping(report, &item.value, &item.key_span, "otherwise").unwrap_or_default() {
            if !schemas.names().any(|name| name == of.key) {
                let help = suggest(&of.key, schemas.names(), "the events are");
                report.add("unknown-event", of.key_span.clone(), format!("there is no event `{}`", short(&of.key)), help);
            }
            if let Some(reason) = text_of(report, &of.value, &of.key_span, &of.key) {
                add(Some(&of.key), reason, format!("{pointer}/{}", of.key.replace('~', "~0").replace('/', "~1")));
            }
        }
    }
    conventions
}
