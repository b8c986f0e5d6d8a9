//! The contract as it was written, for [`Source`].

use super::{
    payloads::Schemas,
    source::Reporter,
    yaml::{Kind, Node},
};
use crate::source::Source;
use std::{collections::BTreeMap, ops::Range, sync::Arc};

pub(crate) fn source(report: &Reporter, document: &Node, schemas: &Schemas) -> Source {
    let text = &report.text;
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut places = Places { lines: BTreeMap::from([(String::new(), 1)]), spans: BTreeMap::new() };
    walk(document, "", &starts, &mut places);
    let Places { lines, spans } = places;
    let (file, text) = (report.file.clone(), Arc::clone(text));
    Source { document: document.to_json(), schemas: schemas.documents(), lines, file, text, spans }
}

struct Places {
    lines: BTreeMap<String, usize>,
    spans: BTreeMap<String, Range<usize>>,
}

/// The place of every entry and item below `node`: of an entry it is that of its key.
fn walk(node: &Node, pointer: &str, starts: &[usize], places: &mut Places) {
    let line = |at: usize| starts.partition_point(|start| *start <= at);
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                let below = format!("{pointer}/{}", entry.key.replace('~', "~0").replace('/', "~1"));
                walk(&entry.value, &below, starts, places);
                places.lines.insert(below.clone(), line(entry.key_span.start));
                places.spans.insert(below, entry.key_span.clone());
            }
        }
        Kind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                let below = format!("{pointer}/{at}");
                walk(item, &below, starts, places);
                places.lines.insert(below.clone(), line(item.span.start));
                places.spans.insert(below, item.span.clone());
            }
        }
        _ => {}
    }
}
