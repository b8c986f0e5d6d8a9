//! `example:` and `examples:`, which have to match the schema.

use super::{
    fields::Fields,
    schema::Schema,
    source::Reporter,
    yaml::{Kind, Node},
};

pub(super) fn examples(report: &Reporter, fields: &Fields<'_>, schema: Option<&Schema>) -> Vec<serde_json::Value> {
    let mut nodes: Vec<&Node> = Vec::new();
    if let Some(e) = fields.get("example") {
        nodes.push(&e.value);
    }
    if let Some(e) = fields.get("examples") {
        match &e.value.kind {
            Kind::List(items) => nodes.extend(items),
            _ => report.add("wrong-type", e.key_span.clone(), "`examples` is a list", Some("write `example:` for one alone".to_owned())),
        }
    }
    let mut all = Vec::new();
    for node in nodes {
        let example = node.to_json();
        for violation in schema.map_or_else(Vec::new, |s| s.validate(&example)) {
            let span = place(node, &violation.pointer);
            let help = Some(format!("its `{}` says so, and the example has a value of type {} there", violation.rule, violation.found));
            report.add("bad-example", span, format!("the example does not match the schema: {}", violation.message), help);
        }
        all.push(example);
    }
    all
}

/// Where the value at a JSON pointer stands.
pub(in crate::compile) fn place(node: &Node, pointer: &str) -> std::ops::Range<usize> {
    let (mut node, mut span) = (node, node.span.clone());
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match &node.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == part).map(|e| (&e.value, e.key_span.start..e.value.span.end)),
            Kind::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)).map(|n| (n, n.span.clone())),
            _ => None,
        };
        let Some((next, at)) = next else { break };
        (node, span) = (next, at);
    }
    span
}
